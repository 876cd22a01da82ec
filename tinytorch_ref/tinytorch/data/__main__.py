"""`python -m tinytorch.data list|fetch|verify|where [NAME ...]`: the data sets on this machine (`tito data`)."""

from __future__ import annotations

import sys
from pathlib import Path

from tinytorch.data.download import fetch
from tinytorch.data.sources import EMBEDDED, DataError, locate, problems, registry, source


def main(arguments: list[str]) -> int:
    job, names = (arguments or ["list"])[0], arguments[1:]
    if job not in JOBS:
        print(f"error: there is no job '{job}'; use list, fetch, verify or where", file=sys.stderr)
        return 2
    try:
        for name in names:
            source(name)
        return JOBS[job](names)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def show(names: list[str]) -> int:
    for name, entry in registry().items():
        if names and name not in names:
            continue
        try:
            where = _place(locate(name))
        except DataError:
            where = f"not here; tito data fetch {name}"
        print(f"{name:16} {entry.bytes / 1e6:7.1f} MB  {entry.title}\n{'':28}{where}")
        print(f"{'':28}source: {entry.source}; licence: {entry.licence}")
    return 0


def get(names: list[str]) -> int:
    if not names:
        raise ValueError(f"name what to fetch: {', '.join(n for n, s in registry().items() if not s.embedded)}")
    for name in names:
        # A set that comes with the course is there already.
        where = locate(name) if source(name).embedded else fetch(name)
        print(f"{name}: {_place(where)}")
    return 0


def _place(folder: Path) -> str:
    """A folder in words: that of an embedded set lies in a composition, which may be gone in a moment."""
    return "comes with the course" if folder.parent == EMBEDDED else str(folder)


def verify(names: list[str]) -> int:
    status = 0
    for name in names or registry():
        try:
            folder = locate(name)
        except DataError as error:
            if names:
                raise
            print(f"{name}: not here ({error})")
            continue
        found = problems(name, folder)
        for problem in found:
            print(f"{name}: {problem}")
        if not found:
            known = all(file.sha256 for file in source(name).files)
            print(f"{name}: whole" + ("" if known else " (by size: only the archive has a stated checksum)"))
        status = 1 if found else status
    return status


def where(names: list[str]) -> int:
    if not names:
        raise ValueError(f"name what to look for: {', '.join(registry())}")
    for name in names:
        print(locate(name))
    return 0


JOBS = {"list": show, "fetch": get, "verify": verify, "where": where}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
