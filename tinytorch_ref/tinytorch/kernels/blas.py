"""The number of threads of NumPy's OpenBLAS. Inside threads of our own each product has to stay in its thread: several
callers of a product that is itself threaded wait for each other.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np


@cache
def _library() -> tuple[Any, Any] | None:
    """The functions that get and set the number of threads, or None where NumPy brings another BLAS along."""
    folder = Path(np.__file__).parent
    for file in [*folder.with_name("numpy.libs").glob("*openblas*"), *(folder / ".dylibs").glob("*openblas*")]:
        library = ctypes.CDLL(str(file))
        for prefix in ("scipy_openblas", "openblas"):
            for suffix in ("64_", ""):
                get = getattr(library, f"{prefix}_get_num_threads{suffix}", None)
                put = getattr(library, f"{prefix}_set_num_threads{suffix}", None)
                if get is not None and put is not None:
                    return get, put
    return None


def threads() -> int | None:
    """How many threads a large product uses; None where it cannot be told."""
    found = _library()
    return None if found is None else found[0]()


class _OneThread:
    """How many callers want products in one thread at this moment, and how many threads there were before the first."""

    def __init__(self) -> None:
        self.lock, self.callers, self.before = Lock(), 0, 1


_state = _OneThread()


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, products use one thread; when the last caller has left, as many as before."""
    found = _library()
    if found is None:
        yield
        return
    get, put = found
    with _state.lock:
        if not _state.callers:
            _state.before = get()
            put(1)
        _state.callers += 1
    try:
        yield
    finally:
        with _state.lock:
            _state.callers -= 1
            if not _state.callers:
                put(_state.before)
