"""Writing a release: gather, search for leaks, refuse unportable names, write one zip with one top folder."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.course import Assignment, Course
from autograder.errors import UserError
from autograder.messages import message
from autograder.release.contents import TOP, Contents, contents
from autograder.release.portable import problems
from autograder.release.proof import traces
from autograder.release.zips import zip_bytes


@dataclass(frozen=True)
class Released:
    """A release that was written."""

    path: Path
    files: int
    size: int
    sha256: str
    notes: tuple[str, ...]


def release(
    course: Course, assignment: Assignment, out: Path, own_prerequisites: bool = False, now: datetime | None = None
) -> Released:
    """Write the release of an assignment into the folder `out`, as a05_autograd.zip.

    Raises:
        UserError: it cannot be made, gives something away, or cannot be written.
    """
    made = contents(course, assignment, own_prerequisites)
    check(course, made)
    content = zip_bytes({f"{TOP}/{path}": data for path, data in made.files.items()})
    target = out / f"{assignment.key}.zip"
    part = out / f".{target.name}.{os.getpid()}.part"
    try:
        out.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        os.replace(part, target)
    except OSError as error:
        raise UserError(message("release.unwritable", file=target, reason=error.strerror)) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    notes = () if own_prerequisites else still_due(course, assignment, now)
    return Released(target, len(made.files), len(content), sha256(content).hexdigest(), notes)


def check(course: Course, made: Contents) -> None:
    """Refuse a release that holds what it must not, or that would not arrive everywhere."""
    for path, reason in problems(f"{TOP}/{path}" for path in made.files):
        raise UserError(message("release.not_portable", path=path, reason=reason))
    if found := traces(course, made):
        raise UserError(message("release.leaks", key=made.assignment, leaks="\n".join(found)))


def still_due(course: Course, assignment: Assignment, now: datetime | None = None) -> tuple[str, ...]:
    """Prerequisites whose reference is in the release although they can still be handed in."""
    now = now or datetime.now(ZoneInfo(course.timezone))
    notes = []
    for key in course.closure(assignment.key):
        until = course.due(course.by_key[key]) + timedelta(days=course.late.max_days, minutes=course.late.grace_minutes)
        if until > now:
            notes.append(message("release.still_due", key=key, until=until.strftime("%Y-%m-%d %H:%M")))
    return tuple(notes)
