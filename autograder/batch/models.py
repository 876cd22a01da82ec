"""The records of a batch: people, uploads, and what a folder of uploads holds. Plain frozen data and nothing else."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Person:
    """A student as one source calls them. `login` is the name of a plain file; `canvas` is Canvas's own number."""

    name: str = ""
    email: str = ""
    sid: str = ""
    canvas: str = ""
    login: str = ""

    @property
    def shown(self) -> str:
        """One name for people to read: the most telling that is known."""
        return self.name or self.email or self.login or self.sid or self.canvas


@dataclass(frozen=True)
class Upload:
    """One attempt that lies in the folder.

    `key` names it within the assignment for good: the platform's number, or the file's own name. `submitted` is None
    when nobody says when it came; `marked_late` when the platform says that it came late, but not when.
    """

    key: str
    path: Path
    people: tuple[Person, ...]
    label: str
    submitted: datetime | None = None
    marked_late: bool = False


@dataclass(frozen=True)
class Earlier:
    """An earlier attempt that the platform tells of without its files."""

    people: tuple[Person, ...]
    key: str
    submitted: datetime
    score: float | None = None


@dataclass(frozen=True)
class Shelf:
    """What a folder holds. `notes` name what was not used and why, a line each."""

    kind: str
    uploads: tuple[Upload, ...]
    earlier: tuple[Earlier, ...] = ()
    notes: tuple[str, ...] = ()


def folder_name(text: str) -> str:
    """A name for a folder of results that every file system takes."""
    return re.sub(r"[^\w.+-]", "_", text).lstrip(".")[:100] or "submission"


def letters(name: str) -> str:
    """A name's letters and digits without accents, marks and case: `Lée, Ann` and `lee_ann` are alike."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(c for c in plain if c.isalnum())
