"""Which assignments have to be validated again: those whose files, or whose prerequisites' files, differ from the last
commit. A change of the frame or of course.yaml concerns them all."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

from autograder.course import FILE, Assignment, Course
from autograder.errors import UserError
from autograder.messages import message

COMMON = ("tinytorch_ref/tinytorch/", FILE)


def changed(course: Course) -> tuple[Assignment, ...]:
    """The written assignments that a difference from the last commit concerns, in the order of the course.

    Raises:
        UserError: the course is no git checkout.
    """
    return concerned(course, _differing(course))


def concerned(course: Course, paths: Iterable[str]) -> tuple[Assignment, ...]:
    """The written assignments that a change of these files (relative to the course's folder) concerns."""
    paths = tuple(paths)
    if any(path.startswith(COMMON[0]) or path == COMMON[1] for path in paths):
        return course.written()
    own = {path.split("/")[1] for path in paths if path.startswith(("solutions/", "assignments/")) and "/" in path}
    layers = {key for path in paths if (key := _layer(course, path))}
    return tuple(a for a in course.written() if a.key in own or layers & set(course.closure(a.key)))


def _layer(course: Course, path: str) -> str | None:
    """The assignment of whose layer this is a file: tests and handouts of one concern no other."""
    top, _, rest = path.partition("/")
    key, _, inner = rest.partition("/")
    return key if top == "solutions" and key in course.by_key and inner in course.by_key[key].writes else None


def _differing(course: Course) -> list[str]:
    tracked = _git(course, "diff", "--name-only", "--relative", "-z", "HEAD", "--", ".")
    return [*tracked, *_git(course, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")]


def _git(course: Course, *words: str) -> list[str]:
    try:
        done = subprocess.run(["git", *words], cwd=course.root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(message("changed.no_git", root=course.root)) from error
    return [path for path in done.stdout.decode("utf-8").split("\0") if path]
