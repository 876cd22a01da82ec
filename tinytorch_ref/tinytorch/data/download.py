"""Fetching a data set: from one mirror after another, resuming what an earlier try left, checked before it counts.

A file is written beside its place as `NAME.part` and moved there in one step when its checksum is right, so a killed or
broken download never looks like a data set.
"""

from __future__ import annotations

import hashlib
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tinytorch.data.sources import Archive, DataError, File, Source, cache_folder, check, source

CHUNK = 1 << 18
TIMEOUT = 30.0
Progress = Callable[[str, int, int], None]


def fetch(name: str, folder: Path | None = None, progress: Progress | None = None) -> Path:
    """Make sure that a data set lies in the cache, whole; returns its folder.

    Args:
        folder: where to put it; by default `cache_folder() / name`.
        progress: called with (file, bytes so far, bytes in all); by default a bar on standard error.

    Raises:
        DataError: no mirror gave the right bytes; names each mirror and what it answered.
    """
    wanted = source(name)
    folder = folder or cache_folder() / name
    progress = progress or bar
    if _whole(wanted, folder):
        return folder
    if wanted.archive is not None:
        _fetch_archive(wanted, wanted.archive, folder, progress)
    else:
        for file in wanted.files:
            _download(name, folder / file.path, file.urls, file.bytes, _sha256(file), progress)
    return folder


def _whole(wanted: Source, folder: Path) -> bool:
    try:
        for file in wanted.files:
            check(folder / file.path, file)
    except DataError:
        return False
    return True


def _sha256(file: File) -> Callable[[Path], bool]:
    return lambda path: hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256


def _md5(archive: Archive) -> Callable[[Path], bool]:
    def right(path: Path) -> bool:
        digest = hashlib.md5(usedforsecurity=False)
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest() == archive.md5

    return right


def _fetch_archive(wanted: Source, archive: Archive, folder: Path, progress: Progress) -> None:
    packed = folder / archive.name
    if not (packed.is_file() and _md5(archive)(packed)):
        _download(wanted.name, packed, archive.urls, archive.bytes, _md5(archive), progress)
    with tarfile.open(packed) as tar:
        for file in wanted.files:
            member = tar.extractfile(file.path)
            if member is None:
                raise DataError(f"{packed} holds no {file.path}; delete it and fetch it again")
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(target.name + ".part")
            with member, open(part, "wb") as out:
                while chunk := member.read(CHUNK):
                    out.write(chunk)
            part.replace(target)
            check(target, file)
    packed.unlink()


def _download(
    name: str, target: Path, urls: tuple[str, ...], size: int, right: Callable[[Path], bool], progress: Progress
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    said = []
    for url in urls:
        # A part that turns out wrong may have been begun by another mirror or version: one more try from nothing.
        for _ in range(2):
            try:
                _get(url, part, size, progress)
            except (OSError, urllib.error.URLError) as error:
                said.append(f"{url}: {error}")
                break
            if part.stat().st_size == size and right(part):
                part.replace(target)
                return
            said.append(f"{url}: {part.stat().st_size:,} bytes with another checksum than the stated one")
            part.unlink()
    raise DataError(
        f"{name} could not be fetched ({'; '.join(said) or 'no mirror is known'}); "
        f"get {target.name} by hand and put it at {target}, or try again later: what arrived is kept"
    )


def _get(url: str, part: Path, size: int, progress: Progress) -> None:
    """Append to `part` what is still missing of `url`."""
    have = part.stat().st_size if part.is_file() else 0
    if have >= size:
        have = 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        resumed = have and answer.status == 206
        done = have if resumed else 0
        with open(part, "ab" if resumed else "wb") as out:
            while chunk := answer.read(CHUNK):
                out.write(chunk)
                done += len(chunk)
                progress(part.name.removesuffix(".part"), done, size)


def bar(file: str, done: int, size: int, width: int = 30, _last: list[float] = [0.0]) -> None:  # noqa: B006
    """A progress bar on standard error: one line, redrawn at most ten times a second."""
    now = time.monotonic()
    if done < size and now - _last[0] < 0.1:
        return
    _last[0] = now
    share = min(1.0, done / size) if size else 1.0
    filled = "#" * int(width * share)
    end = "\n" if done >= size else ""
    sys.stderr.write(f"\r{file} [{filled:<{width}}] {done / 1e6:6.1f} of {size / 1e6:.1f} MB{end}")
    sys.stderr.flush()
