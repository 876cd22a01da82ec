"""New arrays that begin at the start of a cache line. NumPy's own begin 16 bytes behind one as often as not; then every
vector that is written touches two lines, and a pass over the array takes up to twice as long.
"""

from __future__ import annotations

import math

import numpy as np

from .workspace import FLOAT32, Array

LINE = 64  # bytes


def empty(*shape: int) -> Array:
    """A float32 array with anything in it."""
    size = math.prod(shape)
    raw = np.empty(size + LINE // 4, FLOAT32)
    start = -raw.ctypes.data % LINE // 4
    return raw[start : start + size].reshape(shape)


def empty_like(x: Array, last: int | None = None) -> Array:
    """A dense array of x's shape (with another size of the last dimension, if given), its dimensions in x's order."""
    shape = (*x.shape[:-1], x.shape[-1] if last is None else last)
    order = sorted(range(x.ndim), key=lambda i: (-abs(x.strides[i]), i))
    return empty(*(shape[i] for i in order)).transpose(np.argsort(order))
