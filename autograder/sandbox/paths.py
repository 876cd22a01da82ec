"""What any observer must be able to read besides its composition: Python, NumPy and the system's shared libraries.

Named as narrowly as possible. A prefix is not readable as a whole, since a virtual environment may have been made in
the root of the very repository that holds the hidden tests.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import lru_cache

SYSTEM = (
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/usr/share/zoneinfo",
)
INSTALLATION = os.path.dirname(os.__file__)  # the standard library


@lru_cache(maxsize=1)
def system_read_paths() -> tuple[str, ...]:
    """Folders and files, existing and without one inside another. Computed once, from this process's own Python."""
    candidates = [INSTALLATION, os.path.dirname(INSTALLATION), *SYSTEM]
    numpy = sys.modules.get("numpy")
    if numpy is not None:  # wherever else it may have been put, with the libraries that its wheel brings along
        package = os.path.dirname(str(numpy.__file__))
        candidates += [package, package + ".libs"]
    return outermost(path for path in candidates if os.path.exists(path))


def outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """Drop each path that lies inside another one of the list."""
    kept: list[str] = []
    for path in sorted({os.path.abspath(path) for path in paths}, key=lambda p: (len(p), p)):
        if not any(path == outer or path.startswith(outer + "/") for outer in kept):
            kept.append(path)
    return tuple(kept)


def readable_system_paths() -> tuple[str, ...]:
    """Those of them that this user may read at all: the others need no opening."""
    return tuple(path for path in system_read_paths() if os.access(path, os.R_OK))
