"""What has to be known of NumPy's OpenBLAS: its number of threads, and how it multiplies small matrices.

Inside threads of our own each product has to stay in its thread: several callers of a product that is itself threaded
wait for each other.
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

# The processors for which OpenBLAS multiplies small matrices where they lie. For others it copies every matrix into
# buffers of its own first, and pays for each product anew.
_IN_PLACE = ("skylakex", "cooperlake", "sapphirerapids")


@cache
def _functions(*names: str) -> tuple[Any, ...] | None:
    """Functions of the library by the end of their name, or None where NumPy brings another BLAS along."""
    folder = Path(np.__file__).parent
    for file in [*folder.with_name("numpy.libs").glob("*openblas*"), *(folder / ".dylibs").glob("*openblas*")]:
        library = ctypes.CDLL(str(file))
        for prefix in ("scipy_openblas", "openblas"):
            for suffix in ("64_", ""):
                found = [getattr(library, f"{prefix}_{name}{suffix}", None) for name in names]
                if None not in found:
                    return tuple(found)
    return None


def _library() -> tuple[Any, Any] | None:
    return _functions("get_num_threads", "set_num_threads")


@cache
def small_in_place() -> bool:
    """Whether small products are multiplied where they lie; True where it cannot be told."""
    found = _functions("get_corename")
    if found is None:
        return True
    found[0].restype = ctypes.c_char_p
    return found[0]().decode().lower() in _IN_PLACE


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
