"""The students' share of the lock file: the packages that `tito` and the labs need, with their hashes, no others.

The lock file (made by uv, see the README) says under each package who asked for it; that is enough to walk from the
packages that the course names itself to everything they need.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata

from autograder.errors import UserError
from autograder.messages import message

DISTRIBUTION = "tinytorch-course"
EXTRA = "labs"
_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==")
_EXTRA = re.compile(r"""extra\s*==\s*['"](?P<name>[^'"]+)['"]""")


@dataclass(frozen=True)
class Pin:
    """One entry of a lock file: its lines, the package, and the packages that asked for it."""

    name: str
    lines: tuple[str, ...]
    asked_by: frozenset[str]


def normal(name: str) -> str:
    """A package's name as all tools agree on it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(text: str) -> tuple[Pin, ...]:
    """The entries of a lock file, in its order."""
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if _PINNED.match(line):
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line)
    return tuple(_pin(block) for block in blocks)


def _pin(block: list[str]) -> Pin:
    match = _PINNED.match(block[0])
    assert match is not None
    told = [line.strip().removeprefix("#").strip().removeprefix("via").strip() for line in block if "#" in line]
    asked = frozenset(normal(name.split(" ")[0].split("[")[0]) for name in told if name)
    return Pin(normal(match["name"]), tuple(line for line in block if line.strip()), asked)


def wanted(requirements: Iterable[str]) -> frozenset[str]:
    """Of the course's own requirements, those that a student needs: all but the extras for developers."""
    names = set()
    for text in requirements:
        extra = _EXTRA.search(text)
        if extra is None or extra["name"] == EXTRA:
            names.add(normal(re.split(r"[\s<>=!~;\[(]", text, maxsplit=1)[0]))
    return frozenset(names)


def requirements() -> tuple[str, ...]:
    """What the installed distribution asks for."""
    return tuple(metadata.requires(DISTRIBUTION) or ())


def student_lock(text: str, roots: frozenset[str], lock_name: str) -> tuple[Pin, ...]:
    """The entries that the packages `roots` need, themselves included."""
    pins = read_lock(text)
    known = {pin.name for pin in pins}
    for name in sorted(roots - known):
        raise UserError(message("release.lock_without", file=lock_name, name=name))
    needed = set(roots)
    while True:
        more = {pin.name for pin in pins if pin.asked_by & needed} - needed
        if not more:
            return tuple(pin for pin in pins if pin.name in needed)
        needed |= more
