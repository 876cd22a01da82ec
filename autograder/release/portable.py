"""Which names no release may hold, because some system cannot store them or takes two of them for one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LONGEST = 140  # of a path in the zip: Windows allows 260 in all, and somebody's folders come before
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))})
_ALLOWED = re.compile(r"[A-Za-z0-9._+-]+")


def problems(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each path that would not arrive everywhere, and why."""
    seen: dict[str, str] = {}
    for path in sorted(paths):
        if reason := _problem(path):
            yield path, reason
        for part in _with_parents(path):
            other = seen.setdefault(part.casefold(), part)
            if other != part:
                yield part, f"it differs from {other} in upper and lower case only"


def _problem(path: str) -> str:
    if len(path) > LONGEST:
        return f"its path is {len(path)} characters long; {LONGEST} are allowed"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return "its path is not a plain relative one"
        if not _ALLOWED.fullmatch(part):
            return f"'{part}' holds a character that is not allowed everywhere"
        if part.endswith("."):
            return f"'{part}' ends in a dot, which Windows drops"
        if part.split(".")[0].casefold() in _RESERVED:
            return f"'{part}' is a reserved name on Windows"
    return ""


def _with_parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        yield "/".join(parts[:depth])
