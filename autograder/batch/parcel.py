"""An upload as bytes, so that a machine without this one's file system can grade it.

What comes out of a parcel is for intake what went in: the same name, the same entries, links still links. An upload
that intake refuses for its size, or that cannot be read, is not packed: saying so needs no other machine.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_ENTRIES = 20_000

FOLDER, FILE, LINK, PIPE = "folder", "file", "link", "pipe"


@dataclass(frozen=True)
class Piece:
    """One entry of an upload; `path` is empty for the upload itself, `content` of a link its target."""

    path: str
    kind: str
    content: bytes = b""


@dataclass(frozen=True)
class Parcel:
    """A whole upload, and the name that it had. A folder comes before what it holds."""

    name: str
    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        return sum(len(piece.content) for piece in self.pieces)


def pack(source: Path, limit: int) -> Parcel | None:
    """An upload (a file or a folder) of at most `limit` bytes; None when it cannot be sent."""
    pieces, room = [], limit
    try:
        if source.is_symlink() and not source.exists():
            return None
        for piece in _pieces(source.resolve(), "", limit):
            pieces.append(piece)
            room -= len(piece.content)
            if room < 0 or len(pieces) > MOST_ENTRIES:
                return None
    except OSError:
        return None
    # Intake calls a folder by its own name and a file by the name that it is given under.
    return Parcel(source.resolve().name if source.is_dir() else source.name, tuple(pieces))


def _pieces(path: Path, relative: str, limit: int) -> Iterator[Piece]:
    """Never through a link, never waiting at a pipe. What is neither file, folder nor link stands as a pipe."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        yield Piece(relative, LINK, os.fsencode(os.readlink(path)))
    elif stat.S_ISREG(mode):
        with path.open("rb") as file:
            yield Piece(relative, FILE, file.read(limit + 1))
    elif stat.S_ISDIR(mode):
        yield Piece(relative, FOLDER)
        for name in sorted(os.listdir(path)):
            yield from _pieces(path / name, f"{relative}/{name}" if relative else name, limit)
    else:
        yield Piece(relative, PIPE)


def unpack(parcel: Parcel, into: Path) -> Path:
    """Lay an upload out below an empty folder; its path there. Packing followed no link, so none lies behind one."""
    root = into / parcel.name
    for piece in parcel.pieces:
        target = root / piece.path if piece.path else root
        if piece.kind == FOLDER:
            target.mkdir()
        elif piece.kind == FILE:
            target.write_bytes(piece.content)
        elif piece.kind == LINK:
            target.symlink_to(os.fsdecode(piece.content))
        else:
            os.mkfifo(target)
    return root
