"""Products of tall matrices in pieces so small that OpenBLAS multiplies them where they lie. Larger ones it copies into
buffers of its own first; for matrices that come from memory, as activations do, that costs up to a third of the time.

It pays where the matrix on the left has short rows. Of others the pieces lie far apart, and the cache holds few of
them. It does not pay on processors for which OpenBLAS has no such way (those without AVX-512): there every piece would
be copied by itself, and products stay whole.
"""

from __future__ import annotations

import numpy as np

from . import blas
from .workspace import SMALL, Array, scratch

WIDTH = 64  # columns of a panel, about
SHORT = 160  # numbers of a short row
ROWS, DEPTH = 64, 128  # of tall matrices that are taken together, for `times` and for `Outer`


def panel_width(n: int) -> int | None:
    """The divisor of n nearest to WIDTH, if it is near; n itself if it is small; else None."""
    if n <= WIDTH:
        return n
    fitting = [d for d in range(WIDTH * 5 // 8, WIDTH * 5 // 4 + 1) if n % d == 0]
    return min(fitting, key=lambda d: abs(d - WIDTH), default=None)


def _panels(x: Array, width: int) -> Array:
    """(m, n) -> the view (n / width, m, width)"""
    return x.reshape(len(x), -1, width).swapaxes(0, 1)


class Panels:
    """A weight (k, n), to be multiplied from the left by tall matrices; cut into panels where its sizes fit."""

    def __init__(self, weight: Array):
        self.whole = np.ascontiguousarray(weight)
        width = panel_width(weight.shape[1])
        fits = width is not None and len(weight) <= SHORT and ROWS * width * len(weight) <= SMALL
        cut = fits and blas.small_in_place()
        self.panels = np.ascontiguousarray(_panels(self.whole, width)) if cut else None

    def times(self, rows: Array, out: Array) -> None:
        """rows (m, k) @ weight -> out (m, n), all in one piece."""
        full = 0
        if self.panels is not None:
            count, depth, width = self.panels.shape
            full = len(rows) // ROWS * ROWS
            into = out[:full].reshape(-1, ROWS, count, width).swapaxes(1, 2)
            np.matmul(rows[:full].reshape(-1, 1, ROWS, depth), self.panels, out=into)
        if full < len(rows):
            np.matmul(rows[full:], self.whole, out=out[full:])


class Outer:
    """xᵀ @ g of tall matrices (m, i) and (m, o), summed up over blocks of rows. The one with short rows is turned."""

    def __init__(self, i: int, o: int):
        self.swapped = i > o
        self.sizes = (o, i) if self.swapped else (i, o)
        self.sum = np.zeros(self.sizes, np.float32)
        cut = min(i, o) <= SHORT < max(i, o) and blas.small_in_place()
        self.widths = [panel_width(n) if cut else None for n in self.sizes]

    def add(self, x: Array, g: Array) -> None:
        """Add the share of some rows."""
        left, right = (g, x) if self.swapped else (x, g)
        work = scratch.take("outer", *self.sizes)
        height, width = self.widths
        full = 0
        if height is not None and width is not None:
            full = len(x) // DEPTH * DEPTH
            into = work.reshape(-1, height, self.sizes[1] // width, width).swapaxes(1, 2)
        for start in range(0, full, DEPTH):
            turned = _panels(left[start : start + DEPTH], height)[:, None].swapaxes(-1, -2)
            np.matmul(turned, _panels(right[start : start + DEPTH], width), out=into)
            self.sum += work
        if full < len(x):
            self.sum += np.matmul(left[full:].T, right[full:], out=work)

    def total(self) -> Array:
        """(i, o)"""
        return np.ascontiguousarray(self.sum.T) if self.swapped else self.sum
