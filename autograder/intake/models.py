"""The records that intake passes on: what an upload lists, what was taken from it, and what was left out.

Only plain frozen data lives here. How an upload is read is the matter of `zips`, `folders` and `notebooks`; which of
its files count is decided in `choose`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from autograder.errors import UserError
from autograder.messages import message


class IntakeError(UserError):
    """An upload that cannot be taken. One line: the thing that is wrong, and the remedy."""


@dataclass(frozen=True)
class Entry:
    """One file that an upload offers: `path` is relative with forward slashes, not yet trusted to be anything else.

    `read(limit)` returns the content, or raises IntakeError when it is longer than `limit` bytes, damaged or
    unreadable. `origin` names the notebook that a cell's file came from.
    """

    path: str
    size: int
    read: Callable[[int], bytes] = field(compare=False)
    origin: str = ""

    @property
    def shown(self) -> str:
        """How messages call this entry."""
        return f"{self.path} (a cell of {self.origin})" if self.origin else self.path


@dataclass(frozen=True)
class Ignored:
    """A file of the upload that plays no part, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """Everything an upload offers, before anything of it is read."""

    label: str  # the upload's own name, safe to print
    kind: str  # zip, folder or notebook
    entries: tuple[Entry, ...]
    ignored: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubmittedFile:
    """A file that was taken: its place in the framework and what it holds."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Submission:
    """One submission, taken in. `root` holds exactly `files`; `attachments_root` holds exactly `attachments`.

    `digest` depends on the paths and contents of `files` and on nothing else, so that seeds derived from it survive a
    new zip of the same code and a rewritten reflection.
    """

    assignment: str
    root: Path
    files: tuple[SubmittedFile, ...]
    digest: str
    missing: tuple[str, ...] = ()  # files of the assignment that were not handed in; the stub stands in for them
    attachments_root: Path | None = None
    attachments: tuple[SubmittedFile, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()


def digest_of(files: tuple[SubmittedFile, ...]) -> str:
    """One sha256 over the sorted paths and contents."""
    lines = sorted(f"{file.path}\n{file.sha256}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def too_large(path: str, limit: int) -> IntakeError:
    """The refusal of one file that holds more than it may; `path` is safe to print."""
    return IntakeError(message("intake.file_large", path=path, limit=limit >> 10))
