"""Listing a zip file that may be hostile: what it declares is checked before anything is unpacked.

Nothing is ever extracted to disk here. Entries that no honest upload needs (links, encrypted data, overlapping data,
absurd ratios, names that leave the upload) are listed as ignored, so that the honest rest can still be graded. Nested
zips are files like any other and are never opened.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from autograder.intake.models import Entry, Ignored, IntakeError, Listing, too_large
from autograder.intake.paths import UnusablePath, clean, safe
from autograder.messages import message

CHUNK = 1 << 16
MOST_ENTRIES = 20_000  # a table of contents beyond this is not even parsed: 46 bytes of it cost a kilobyte of memory
BOMB_RATIO = 200  # source code shrinks 3 to 10 times, deflate's limit is 1030
BOMB_BYTES = 1 << 20

_LOCAL_HEADER = 30
_DIRECTORY_ENTRY = b"PK\x01\x02"
_OPENABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # an lzma entry may claim a dictionary of 4 GiB
_BROKEN = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError,
    RuntimeError, ValueError, OverflowError,
)  # fmt: skip

_OTHER_FORMATS = (
    (b"\x1f\x8b", "a gzip file (.tar.gz)"),
    (b"Rar!", "a RAR file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"%PDF", "a PDF"),
)


def list_zip(source: Path, limit: int) -> Listing:
    """The entries of a zip of at most `limit` bytes."""
    label = safe(source.name)
    data = _read_whole(source, label, limit)
    archive = _open(data, label)
    ignored: list[Ignored] = []
    entries: list[Entry] = []
    notes: set[str] = set()
    overlapping = _overlapping(archive.infolist())
    for info in archive.infolist():
        if info.orig_filename.endswith(("/", "\\")):
            continue
        if reason := _unusable(info, info.header_offset in overlapping):
            ignored.append(Ignored(safe(info.orig_filename), reason))
            continue
        if "\\" in info.orig_filename:
            notes.add(message("intake.backslashes"))
        path = clean(info.orig_filename)
        entries.append(Entry(path, info.file_size, _Reader(archive, info, path, label)))
    return Listing(label, "zip", tuple(entries), tuple(ignored), tuple(sorted(notes)))


def _read_whole(source: Path, label: str, limit: int) -> bytes:
    try:
        with source.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise IntakeError(message("intake.unreadable", path=label, reason=error.strerror)) from error
    if len(data) > limit:
        raise IntakeError(message("intake.zip_large", label=label, limit=limit >> 20))
    return data


def _open(data: bytes, label: str) -> zipfile.ZipFile:
    if not data:
        raise IntakeError(message("intake.zip_empty", label=label))
    if data.count(_DIRECTORY_ENTRY) > MOST_ENTRIES:
        raise IntakeError(message("intake.many_entries", label=label, limit=MOST_ENTRIES))
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except UnicodeDecodeError as error:
        raise IntakeError(message("intake.zip_names", label=label)) from error
    except _BROKEN as error:
        raise IntakeError(_diagnose(label, data)) from error


def _diagnose(label: str, data: bytes) -> str:
    for magic, what in _OTHER_FORMATS:
        if data.startswith(magic):
            return message("intake.other_format", label=label, what=what)
    if data.startswith(b"PK"):
        return message("intake.zip_damaged", label=label)
    return message("intake.no_zip", label=label)


def _unusable(info: zipfile.ZipInfo, overlaps: bool) -> str:
    """Why this entry is left alone, or an empty string."""
    try:
        clean(info.orig_filename)
    except UnusablePath as error:
        return str(error)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return message("intake.link")
    if kind not in (0, stat.S_IFREG):
        return message("intake.not_ordinary")
    if info.flag_bits & 0x2041:  # encrypted, strongly encrypted, masked headers
        return message("intake.encrypted")
    if info.compress_type not in _OPENABLE:
        return message("intake.compressed")
    if overlaps:
        return message("intake.overlaps")
    if info.file_size > BOMB_BYTES and info.file_size > BOMB_RATIO * max(info.compress_size, 1):
        return message("intake.bomb", size=info.file_size / 2**20, bytes=max(info.compress_size, 1))
    return ""


def _overlapping(infos: list[zipfile.ZipInfo]) -> set[int]:
    """Header offsets of entries that share bytes with another one: one kernel of data, unpacked many times."""
    found: set[int] = set()
    ordered = sorted(infos, key=lambda info: info.header_offset)
    end, last = -1, -1
    for info in ordered:
        if info.header_offset < end:
            found |= {last, info.header_offset}
        reach = info.header_offset + _LOCAL_HEADER + info.compress_size
        if reach > end:
            end, last = reach, info.header_offset
    return found


class _Reader:
    """Reads one entry, never more than asked for, whatever its header declares."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, label: str) -> None:
        self._archive, self._info, self._path, self._label = archive, info, path, label

    def __call__(self, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            with self._archive.open(self._info) as stream:
                while chunk := stream.read(CHUNK):
                    size += len(chunk)
                    if size > limit:
                        raise too_large(safe(self._path), limit)
                    parts.append(chunk)
        except _BROKEN as error:
            raise self._damaged() from error
        if size != self._info.file_size:
            raise self._damaged()
        return b"".join(parts)

    def _damaged(self) -> IntakeError:
        return IntakeError(message("intake.entry_damaged", path=safe(self._path), label=self._label))
