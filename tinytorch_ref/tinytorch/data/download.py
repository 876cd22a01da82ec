"""Fetching a data set: from one mirror after another, resuming what an earlier try left, checked before it counts.

A file is written beside its place as `NAME.part` and moved there in one step when its checksum is right, so a killed or
broken download never looks like a data set. $TINYTORCH_MIRROR names a mirror of one's own, which is asked first.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from tinytorch.data.sources import Archive, DataError, File, Source, cache_folder, check, folders, source

CHUNK = 1 << 18
TIMEOUT = 30.0
TRIES = 3  # a mirror
Progress = Callable[[str, int, int], None]


def fetch(name: str, folder: Path | None = None, progress: Progress | None = None) -> Path:
    """Make sure that a data set lies on this machine, whole; returns its folder.

    Args:
        folder: where to put it; by default wherever it lies already, else `cache_folder() / name`.
        progress: called with (file, bytes so far, bytes in all); by default a bar on standard error.

    Raises:
        DataError: no mirror gave the right bytes; names each mirror and what it answered.
    """
    wanted = source(name)
    for place in folders(name) if folder is None else (folder,):
        if _whole(wanted, place):
            return place
    folder = folder or cache_folder() / name
    with _alone(folder):
        # Whoever had to wait may find that the work has been done.
        if not _whole(wanted, folder):
            _fetch(wanted, folder, progress or Bar())
    return folder


def _fetch(wanted: Source, folder: Path, progress: Progress) -> None:
    if wanted.archive is not None:
        _fetch_archive(wanted, wanted.archive, folder, progress)
        return
    for file in wanted.files:
        if not _is_whole(folder / file.path, file):
            _download(wanted.name, folder / file.path, file.urls, file.bytes, _sha256(file), progress)


def _whole(wanted: Source, folder: Path) -> bool:
    return all(_is_whole(folder / file.path, file) for file in wanted.files)


def _is_whole(path: Path, file: File) -> bool:
    try:
        check(path, file)
    except DataError:
        return False
    return True


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one process at a time works in a folder; others wait. The system takes the lock from a process that dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "ab") as lock:
        _wait_for(lock.fileno())
        yield


def _wait_for(handle: int) -> None:
    if os.name == "nt":
        import msvcrt

        while True:
            try:
                return msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            except OSError:
                time.sleep(0.2)
    import fcntl

    fcntl.flock(handle, fcntl.LOCK_EX)


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
            _unpack(tar, packed, file, folder / file.path)
    packed.unlink()


def _unpack(tar: tarfile.TarFile, packed: Path, file: File, target: Path) -> None:
    """One file of an archive, in one step. Only the registry's own names are ever written."""
    try:
        member = tar.extractfile(file.path)
    except KeyError:
        member = None
    if member is None:
        raise DataError(f"{packed} holds no {file.path}; delete it and fetch it again")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _part(target)
    with member, open(part, "wb") as out:
        while chunk := member.read(CHUNK):
            out.write(chunk)
    check(part, file)
    part.replace(target)


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _download(
    name: str, target: Path, urls: tuple[str, ...], size: int, right: Callable[[Path], bool], progress: Progress
) -> None:
    """Get one file from the first mirror that gives the right bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if own := os.environ.get("TINYTORCH_MIRROR"):
        urls = (f"{own.rstrip('/')}/{name}/{target.name}", *urls)
    part, said = _part(target), []
    if _size(part) == size and right(part):  # an earlier try was stopped at the last moment
        part.replace(target)
        return
    for url in urls:
        trouble = _from_mirror(url, target, size, right, progress)
        if trouble is None:
            return
        said.append(f"{url}: {trouble}")
    raise DataError(
        f"{name} could not be fetched ({'; '.join(said) or 'no mirror is known'}); get {target.name} by hand and put it"
        f" at {target}, or run it again later: what arrived is kept"
    )


def _from_mirror(url: str, target: Path, size: int, right: Callable[[Path], bool], progress: Progress) -> str | None:
    """What is wrong with a mirror; None when the file is there. A broken answer is taken up where it ended."""
    part, trouble = _part(target), ""
    for _ in range(TRIES):
        before = _size(part)
        try:
            _get(url, part, size, progress)
        except (OSError, HTTPException) as error:
            trouble = str(error) or type(error).__name__
            if _size(part) <= before:
                return trouble
            continue
        if _size(part) < size:
            trouble = f"ended after {_size(part):,} of {size:,} bytes"
        elif _size(part) == size and right(part):
            part.replace(target)
            return None
        else:
            # What was there at the beginning may come from another mirror or version: the next try begins at nothing.
            trouble = "another file than the stated one (its size or checksum differs)"
            part.unlink()
    return trouble


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _get(url: str, part: Path, size: int, progress: Progress) -> None:
    """Append to `part` what is still missing of `url`; begin anew where the server cannot go on."""
    have = _size(part) if _size(part) < size else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        resumed = have > 0 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        done = have if resumed else 0
        with open(part, "ab" if resumed else "wb") as out:
            # A server that sends more than the file has sends another file.
            while done <= size and (chunk := answer.read(CHUNK)):
                out.write(chunk)
                done += len(chunk)
                progress(part.name.removesuffix(".part"), done, size)


class Bar:
    """A progress bar on standard error: redrawn ten times a second on a terminal, elsewhere one line at the end."""

    WIDTH = 30

    def __init__(self) -> None:
        self.drawn = 0.0

    def __call__(self, file: str, done: int, size: int) -> None:
        now, terminal = time.monotonic(), sys.stderr.isatty()
        if done < size and (not terminal or now - self.drawn < 0.1):
            return
        self.drawn = now
        share = min(1.0, done / size) if size else 1.0
        filled = "#" * int(self.WIDTH * share)
        begin, end = "\r" if terminal else "", "\n" if done >= size else ""
        text = f"{begin}{file} [{filled:<{self.WIDTH}}] {done / 1e6:6.1f} of {size / 1e6:.1f} MB{end}"
        sys.stderr.write(text)
        sys.stderr.flush()
