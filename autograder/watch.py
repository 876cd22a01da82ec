"""Checking again whenever a file is saved: `tito check --watch`.

The worker of the first check stays, so a later one costs no start. Files are looked at twice a second by their times
and sizes, which works on every system and costs nothing to speak of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from autograder.course import Assignment

LOOK_SECONDS = 0.5
SETTLE_SECONDS = 0.1  # an editor may save in two steps

Stamp = tuple[tuple[int, int], ...]


def saves(assignment: Assignment, folder: Path, sleep: Callable[[float], None] = time.sleep) -> Iterator[Stamp]:
    """Yields now, and each time after that when a file of the assignment has been saved. Ends with the caller."""
    seen = stamp(assignment, folder)
    yield seen
    while True:
        sleep(LOOK_SECONDS)
        current = stamp(assignment, folder)
        if current == seen:
            continue
        sleep(SETTLE_SECONDS)
        seen = stamp(assignment, folder)
        yield seen


def stamp(assignment: Assignment, folder: Path) -> Stamp:
    """Time and size of each file of the assignment; zeros for one that is missing."""
    found = []
    for path in assignment.writes:
        try:
            status = (folder / path).stat()
        except OSError:
            found.append((0, 0))
        else:
            found.append((status.st_mtime_ns, status.st_size))
    return tuple(found)
