"""Listing a folder that may be hostile: no link is followed, only ordinary files are offered, the walk has an end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from autograder.intake.models import Entry, Ignored, IntakeError, Listing, too_large
from autograder.intake.paths import DEEPEST, UnusablePath, clean, clutter, safe
from autograder.messages import message

CHUNK = 1 << 16
MOST_ENTRIES = 20_000


def list_folder(source: Path) -> Listing:
    """The files below a folder, sorted by path."""
    label = safe(source.resolve().name)
    walk = _Walk(label)
    walk.enter(source, "", 0)
    entries = sorted(walk.entries, key=lambda entry: entry.path)
    return Listing(label, "folder", tuple(entries), tuple(sorted(walk.ignored, key=lambda i: i.path)))


def list_single(source: Path, kind: str) -> Listing:
    """One file offered by itself, such as a notebook."""
    label = safe(source.name)
    return Listing(label, kind, (Entry(source.name, source.stat().st_size, _Reader(source.resolve(), source.name)),))


class _Walk:
    def __init__(self, label: str) -> None:
        self.label = label
        self.entries: list[Entry] = []
        self.ignored: list[Ignored] = []
        self._seen = 0

    def enter(self, folder: Path, prefix: str, depth: int) -> None:
        try:
            with os.scandir(folder) as scan:
                children = sorted(scan, key=lambda child: child.name)
        except OSError as error:
            if not prefix:
                told = message("intake.unreadable", path=self.label, reason=error.strerror)
                raise IntakeError(told) from error
            self._ignore(prefix, message("intake.folder_unreadable"))
            return
        for child in children:
            self._count()
            self._visit(child, prefix + child.name, depth)

    def _visit(self, child: os.DirEntry[str], name: str, depth: int) -> None:
        try:
            status = child.stat(follow_symlinks=False)
            path = clean(name)
            if "\\" in name:
                raise UnusablePath(message("intake.backslash"))
        except (OSError, UnusablePath) as error:
            self._ignore(name, str(error) if isinstance(error, UnusablePath) else message("intake.cannot_read"))
            return
        if stat.S_ISDIR(status.st_mode):
            if left_behind := clutter(path + "/"):
                self.ignored.append(Ignored(safe(left_behind[0]), left_behind[1]))
            elif depth + 1 > DEEPEST:
                self._ignore(name, message("intake.deep"))
            else:
                self.enter(Path(child.path), name + "/", depth + 1)
        elif stat.S_ISREG(status.st_mode):
            self.entries.append(Entry(path, status.st_size, _Reader(Path(child.path), path)))
        else:
            link = stat.S_ISLNK(status.st_mode)
            self._ignore(name, message("intake.link") if link else message("intake.not_ordinary"))

    def _ignore(self, name: str, reason: str) -> None:
        self.ignored.append(Ignored(safe(name), reason))

    def _count(self) -> None:
        self._seen += 1
        if self._seen > MOST_ENTRIES:
            raise IntakeError(message("intake.many_entries", label=self.label, limit=MOST_ENTRIES))


class _Reader:
    """Reads one file of a folder: not through a link, not from a pipe, not more than asked for."""

    def __init__(self, file: Path, path: str) -> None:
        self._file, self._path = file, path

    def __call__(self, limit: int) -> bytes:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            with os.fdopen(os.open(self._file, flags), "rb") as stream:
                if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                    raise IntakeError(message("intake.file_itself", path=safe(self._path)))
                data = stream.read(limit + 1)
        except OSError as error:
            told = message("intake.unreadable", path=safe(self._path), reason=error.strerror)
            raise IntakeError(told) from error
        if len(data) > limit:
            raise too_large(safe(self._path), limit)
        return data
