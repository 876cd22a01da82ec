"""Memory and threads that the kernels share: scratch buffers that stay, channels-last arrays, and the walk over groups.

A kernel handles a batch in groups of a few images, so that what it writes for one group is still in the cache when it
is read. Scratch is one's own in each thread and is handed out again at the next call: nothing that outlives a call may
lie in it. Results are new arrays.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from . import blas

Array = np.ndarray
FLOAT32 = np.dtype(np.float32)
CACHE = 850_000  # bytes that a group may take: less than half of a core's second-level cache
SMALL = 1_000_000  # products of at most this many multiplications run in OpenBLAS's kernel for small matrices

T = TypeVar("T")
Groups = Sequence[tuple[int, int]]


class _Scratch(threading.local):
    """Named buffers of the calling thread; each grows to the largest size it was ever asked for."""

    def __init__(self) -> None:
        self.buffers: dict[str, Array] = {}

    def take(self, name: str, *shape: int, dtype: Any = FLOAT32) -> Array:
        """An array of this shape with anything in it, valid until the next `take` of the same name."""
        size = 1
        for n in shape:
            size *= n
        size *= np.dtype(dtype).itemsize
        buffer = self.buffers.get(name)
        if buffer is None or buffer.size < size:
            # 64 bytes to spare: the array begins at the start of a cache line, which vector stores like.
            raw = np.empty(size + 64, np.uint8)
            start = -raw.ctypes.data % 64
            buffer = self.buffers[name] = raw[start : start + size]
        return buffer[:size].view(dtype).reshape(shape)


scratch = _Scratch()


def strided(base: Array, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """A view of contiguous float32 memory; `offset` and `strides` count elements, and rows may overlap."""
    return np.ndarray(shape, FLOAT32, base, offset * 4, tuple([4 * s for s in strides]))


# ---- channels last ---------------------------------------------------------------------------------------------------


def last(x: Array) -> Array:
    """(N, C, H, W) -> the view (N, H, W, C)."""
    return x.transpose(0, 2, 3, 1)


_LAST = np.empty((2, 2, 2, 2), FLOAT32).transpose(0, 3, 1, 2)


def images(n: int, c: int, h: int, w: int) -> Array:
    """A new array (N, C, H, W) that lies channels last.

    It is no view: the walk back through a graph keeps a gradient that owns its memory, and copies one that does not.
    """
    return np.empty_like(_LAST, shape=(n, c, h, w))


def dense(x: Array) -> Array:
    """(N, C, H, W) of any layout -> (N, H, W, C) in one piece: a view where x is channels last, else a copy."""
    return np.ascontiguousarray(last(x))


def lines(*arrays: Array) -> list[Array] | None:
    """The memory of arrays of equal shape as 1-D views, if all lie in one piece and in the same order; else None."""
    if all(a.flags.c_contiguous for a in arrays):
        return [a.reshape(-1) for a in arrays]
    if all(a.ndim == 4 and last(a).flags.c_contiguous for a in arrays):
        return [last(a).reshape(-1) for a in arrays]
    return None


def like(x: Array, other: Array) -> Array:
    """A copy of x with the layout of another array of its shape."""
    copy = np.empty_like(other, dtype=x.dtype)
    copy[...] = x
    return copy


# ---- groups and threads ----------------------------------------------------------------------------------------------

_threads = 1
_pool: ThreadPoolExecutor | None = None


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_threads() -> int:
    """As many as there are cores, up to 8, or what OPENBLAS_NUM_THREADS or OMP_NUM_THREADS says: as OpenBLAS does."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "")
        if text.isdigit() and int(text) > 0:
            return min(int(text), cores())
    return min(cores(), 8)


def threads() -> int:
    """How many threads the kernels use."""
    return _threads


def set_threads(n: int) -> int:
    """Let the kernels use n threads; returns how many they used before. ValueError for n < 1."""
    global _threads, _pool
    if n < 1:
        raise ValueError(f"kernels need at least one thread, got {n}")
    if n != _threads and _pool is not None:
        _pool.shutdown()
        _pool = None
    before, _threads = _threads, n
    return before


def _forget_pool() -> None:
    """A forked child has none of its parent's threads."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def spread(worker: Callable[[Groups], T], count: int, size: int) -> list[T]:
    """Split `count` images into groups of `size` and hand them to `worker`, which does one group after the other.

    With several threads each calls `worker` with its share of the groups. Returns what the calls returned.
    """
    groups = [(i, min(i + size, count)) for i in range(0, count, size)]
    parts = min(_threads, len(groups))
    if parts < 2:
        with blas.one_thread():  # products of this size lose more by waiting for a second thread than they gain
            return [worker(groups)] if groups else []
    bounds = [len(groups) * i // parts for i in range(parts + 1)]
    shares = [groups[a:b] for a, b in pairwise(bounds)]
    with blas.one_thread():
        others = [_executor().submit(worker, share) for share in shares[1:]]
        return [worker(shares[0]), *(other.result() for other in others)]


def _executor() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(_threads - 1, thread_name_prefix="kernels")
    return _pool


# ---- products --------------------------------------------------------------------------------------------------------


def rows_at_once(n: int, k: int, least: int = 48) -> int:
    """How many rows of (rows, k) @ (k, n) to give to one product: a small one, unless that has fewer than `least`."""
    rows = SMALL // max(n * k, 1)
    return min(rows, 192) if rows >= least else 256


def product(a: Array, b: Array, out: Array) -> None:
    """(rows, k) @ (k, n) -> out (rows, n), in blocks of rows of the size that BLAS does best."""
    rows, k = a.shape
    block = min(SMALL // (b.shape[1] * k), 40) // 8 * 8
    block = block if block >= 16 else 256
    whole = rows - rows % block
    if whole:
        np.matmul(a[:whole].reshape(-1, block, k), b, out=out[:whole].reshape(-1, block, b.shape[1]))
    if whole < rows:
        np.matmul(a[whole:], b, out=out[whole:])


def column_sums(rows: Array) -> Array:
    """(n, c) -> (c,): the sums of the columns, as products with ones. Blocks keep the rounding of long sums small."""
    n, c = rows.shape
    block = 1024
    whole = n - n % block
    total = np.ones(n - whole, FLOAT32) @ rows[whole:]
    if whole:
        total += np.matmul(np.ones(block, FLOAT32), rows[:whole].reshape(-1, block, c)).sum(axis=0)
    return total


def tiled(values: Array, length: int) -> Array:
    """(c,) repeated to (length * c,): adding it to lines of that length is one long inner loop, not many short ones."""
    return np.tile(values, length)
