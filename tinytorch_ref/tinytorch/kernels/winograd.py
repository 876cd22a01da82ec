"""Convolutions of stride 1 with half the multiplications or fewer: Winograd's algorithm along the rows of the image.

Four output rows of a filter of r taps need r + 3 products instead of 4 r (Toom and Cook's way to multiply polynomials,
Winograd's for filters; Lavin & Gray, 2015, for networks): y = Aᵀ((G w) * (Bᵀ x)) for the r + 3 input rows x and the
taps w. Here that is done in the vertical direction only, where the transforms are products of a small matrix with rows
of W * C numbers; horizontally a window of k pixels lies in one piece of memory, k * C numbers long. So each of the
r + 3 planes is one matrix of windows, never copied: windows w, w + k, w + 2k, ... do not overlap and make ordinary
matrices, k of them. In one direction only, the rounding is three to five times that of the direct sum.

Layout and memory are decided here; when to use it is decided in conv.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from .workspace import (
    CACHE,
    FLOAT32,
    Array,
    Groups,
    images,
    last,
    rows_at_once,
    scratch,
    spread,
    strided,
    tiled,
)

TILE = 4
POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)  # and infinity
MOST_TAPS = len(POINTS) + 2 - TILE


@cache
def algorithm(taps: int) -> tuple[Array, Array, Array]:
    """Aᵀ (4, n), G (n, taps) and Bᵀ (n, n) with n = taps + 3.

    A filter is the transpose of a product of polynomials. That is found from the values of both factors at n points: A
    and G evaluate, B interpolates with Lagrange's polynomials, whose denominators are moved over to G.
    """
    n = TILE + taps - 1
    points = np.array(POINTS[: n - 1])
    at, g, bt = np.zeros((TILE, n)), np.zeros((n, taps)), np.zeros((n, n))
    for i, point in enumerate(points):
        others = np.delete(points, i)
        at[:, i] = point ** np.arange(TILE)
        g[i] = point ** np.arange(taps) / np.prod(point - others)
        bt[i, :-1] = np.poly(others)[::-1]
    at[-1, -1] = g[-1, -1] = 1
    bt[-1] = np.poly(points)[::-1]
    return at.astype(FLOAT32), g.astype(FLOAT32), bt.astype(FLOAT32)


@dataclass(frozen=True)
class Grid:
    """How a group of images is cut: `tiles` bands of four output rows, each a line of `length` pixels.

    A line begins with the `pw` zeros of the padding; the zeros at its end are those of the next line's beginning. The
    windows that reach from one line into the next, `length - width` of them, give numbers that nobody reads.
    """

    images: int
    tiles: int
    length: int
    height: int  # of the output
    width: int
    kh: int
    kw: int
    ph: int
    pw: int

    @classmethod
    def of(
        cls, shape: tuple[int, ...], kernel: tuple[int, int], padding: tuple[int, int], channels: int, rows: int
    ) -> Grid:
        """For images (N, H, W, C) of this shape.

        A group is as many as fit the cache with planes of `channels` numbers a pixel, and at least so many `rows`.
        """
        (n, h, w, _), (kh, kw), (ph, pw) = shape, kernel, padding
        height, width = h + 2 * ph - kh + 1, w + 2 * pw - kw + 1
        tiles, length = -(-height // TILE), w + pw
        fitting = CACHE // ((TILE + kh - 1) * tiles * length * channels * 4)
        count = max(1, min(n, max(fitting, -(-rows // (tiles * length)))))
        return cls(count, tiles, length, height, width, kh, kw, ph, pw)

    @property
    def planes(self) -> int:
        return TILE + self.kh - 1

    @property
    def rows(self) -> int:
        return self.images * self.tiles * self.length


def transformed_weight(weight: Array, flipped: bool = False) -> Array:
    """(O, C, kh, kw) -> (planes, kw * C, O), rows by (tap, channel). Flipped: turned round, and O and C swapped."""
    w = weight[:, :, ::-1, ::-1].transpose(2, 3, 0, 1) if flipped else weight.transpose(2, 3, 1, 0)
    kh, kw, rows, columns = w.shape
    g = algorithm(kh)[1]
    return (g @ np.ascontiguousarray(w).reshape(kh, -1)).reshape(len(g), kw * rows, columns)


class _Bands:
    """The transform of images (N, H, W, C) into planes: the rows from 4t - ph on make the planes of band t.

    At the upper and lower edge some of these rows are padding: there the matrix is taken without their columns.
    """

    def __init__(self, x: Array, grid: Grid, planes: Array):
        """`planes` is (planes, n) memory of which each row begins with the lines of a group."""
        _, h, w, c = x.shape
        self.x, self.copy = x, None
        if not x.flags.c_contiguous:
            x = self.copy = scratch.take("images", grid.images, h, w, c)
        bt = algorithm(grid.kh)[2]
        plane, line, row = planes.shape[1], grid.length * c, w * c
        self.lines = planes[:, : grid.rows * c].reshape(grid.planes, grid.images, -1)
        self.steps = []
        for first, count, low, high in _pieces(h, grid):
            top = TILE * first - grid.ph + low
            source = strided(x, top * row, (len(x), count, high - low, row), (h * row, TILE * row, row, 1))
            shape, strides = (grid.images, count, grid.planes, row), (grid.tiles * line, line, plane, 1)
            target = strided(planes, first * line + grid.pw * c, shape, strides)
            self.steps.append((bt[:, low:high], source, target))

    def load(self, start: int, stop: int) -> None:
        """Fill the planes from images start to stop."""
        n = stop - start
        if n < len(self.lines[0]):
            self.lines[:, n:] = 0  # multiplied all the same, and what lies here may be anything
        if self.copy is not None:
            self.copy[:n] = self.x[start:stop]
            start, stop = 0, n
        for matrix, source, target in self.steps:
            np.matmul(matrix, source[start:stop], out=target[:n])


def _pieces(h: int, grid: Grid) -> list[tuple[int, int, int, int]]:
    """(first band, number of bands, first and last of their input rows that lie in an image of h rows)."""
    inner = [t for t in range(grid.tiles) if TILE * t >= grid.ph and TILE * t - grid.ph + grid.planes <= h]
    pieces = [(inner[0], len(inner), 0, grid.planes)] if inner else []
    for t in range(grid.tiles):
        if t not in inner:
            top = TILE * t - grid.ph
            pieces.append((t, 1, max(0, -top), min(grid.planes, h - top)))
    return pieces


def _planes(grid: Grid, rows: int, channels: int) -> Array:
    """(planes, (rows + kw - 1) * C) of scratch; zero where the padding is and behind the last line."""
    planes = scratch.take("planes", grid.planes, (rows + grid.kw - 1) * channels)
    filled = grid.rows * channels
    planes[:, :filled].reshape(grid.planes, -1, grid.length, channels)[:, :, : grid.pw] = 0
    planes[:, filled:] = 0
    return planes


def _cells(sums: Array, grid: Grid, rows: int, channels: int) -> Array:
    """Of the memory (planes, rows * C) what belongs to the output: (images, tiles, planes, width * C)."""
    line = grid.length * channels
    shape = (grid.images, grid.tiles, grid.planes, grid.width * channels)
    return strided(sums, 0, shape, (grid.tiles * line, line, rows * channels, 1))


def _least_rows(small: int, least: int) -> int:
    """The rows that a group needs: any number if its products are small ones, else `least`."""
    return least if small > 192 else 0


def convolve(x: Array, weight: Array, bias: Array | None, kernel: tuple[int, int], padding: tuple[int, int]) -> Array:
    """Images (N, H, W, C) with the transformed weight of a kernel of that size -> a new array (N, O, Ho, Wo)."""
    n, c, o = len(x), x.shape[3], weight.shape[2]
    small = rows_at_once(o, kernel[1] * c)
    grid = Grid.of(x.shape, kernel, padding, c + o, _least_rows(small, 96 * kernel[1]))
    y = images(n, o, grid.height, grid.width)
    each = -(-grid.rows // grid.kw)
    blocks = -(-each // small)
    each = -(-each // blocks)  # windows of one product; kw of them lie inside each other
    spread(lambda groups: _convolve(x, weight, bias, last(y), grid, (blocks, each), groups), n, grid.images)
    return y


def _convolve(
    x: Array, weight: Array, bias: Array | None, y: Array, grid: Grid, cut: tuple[int, int], groups: Groups
) -> None:
    (blocks, each), kw, c, o = cut, grid.kw, x.shape[3], y.shape[3]
    rows = kw * blocks * each
    planes = _planes(grid, rows, c)
    sums = scratch.take("sums", grid.planes, rows * o)
    bands = _Bands(x, grid, planes)
    windows = strided(
        planes, 0, (grid.planes, blocks, kw, each, kw * c), (planes.shape[1], kw * each * c, c, kw * c, 1)
    )
    products = strided(sums, 0, (grid.planes, blocks, kw, each, o), (rows * o, kw * each * o, o, kw * o, 1))
    weight = weight[:, None, None]
    # A number added to the plane of point 1 appears in all four rows of the output.
    biased = sums[1, : grid.rows * o].reshape(-1, grid.length * o)
    bias = None if bias is None else tiled(bias, grid.length)
    results = _cells(sums, grid, rows, o)
    at = algorithm(grid.kh)[0]
    whole, rest = divmod(grid.height, TILE)
    for start, stop in groups:
        n = stop - start
        bands.load(start, stop)
        np.matmul(windows, weight, out=products)
        if bias is not None:
            np.add(biased, bias, out=biased)
        out = y[start:stop].reshape(n, grid.height, -1)
        if whole:
            np.matmul(at, results[:n, :whole], out=out[:, : TILE * whole].reshape(n, whole, TILE, -1))
        if rest:
            np.matmul(at[:rest], results[:n, whole], out=out[:, TILE * whole :])


def weight_gradient(x: Array, g: Array, kernel: tuple[int, int], padding: tuple[int, int]) -> tuple[Array, Array]:
    """From images (N, H, W, C) and g (N, Ho, Wo, O): the gradients of weight (O, C, kh, kw) and bias (O,)."""
    c, o = x.shape[3], g.shape[3]
    small = rows_at_once(c, o, least=96)
    grid = Grid.of(x.shape, kernel, padding, c + o, _least_rows(small, 256))
    blocks = -(-grid.rows // (2 * small if small > 192 else small))
    each = -(-grid.rows // blocks)
    parts = spread(lambda groups: _weight_gradient(x, g, grid, (blocks, each), groups), len(x), grid.images)
    total, bias = parts[0]
    for more, more_bias in parts[1:]:
        total += more
        bias += more_bias
    taps = (algorithm(grid.kh)[1].T @ total.reshape(grid.planes, -1)).reshape(*kernel, c, o)
    return np.ascontiguousarray(taps.transpose(3, 2, 0, 1)), bias


def _weight_gradient(x: Array, g: Array, grid: Grid, cut: tuple[int, int], groups: Groups) -> tuple[Array, Array]:
    """The transposed algorithm, dw = Gᵀ((A g) * (Bᵀ x)), summed over tiles and images before Gᵀ: (planes, kw, C, O)."""
    (blocks, each), c, o = cut, x.shape[3], g.shape[3]
    rows = blocks * each
    planes = _planes(grid, rows, c)
    sums = scratch.take("sums", grid.planes, rows * o)
    # Windows that reach over the end of a line must not count: their gradient is zero.
    lines = sums[:, : grid.rows * o].reshape(grid.planes, grid.images, grid.tiles, grid.length, o)
    lines[:, :, :, grid.width :] = 0
    sums[:, grid.rows * o :] = 0
    bands, spreads = _Bands(x, grid, planes), _cells(sums, grid, rows, o)
    left = strided(planes, 0, (grid.planes, blocks, grid.kw, c, each), (planes.shape[1], each * c, c, 1, c))
    right = sums.reshape(grid.planes, blocks, 1, each, o)
    products = scratch.take("products", grid.planes, blocks, grid.kw, c, o)
    total, bias = np.zeros((grid.planes, grid.kw, c, o), FLOAT32), np.zeros(o, FLOAT32)
    ones, a = np.ones(rows, FLOAT32), np.ascontiguousarray(algorithm(grid.kh)[0].T)
    whole, rest = divmod(grid.height, TILE)
    for start, stop in groups:
        n = stop - start
        bands.load(start, stop)
        if n < grid.images:
            lines[:, n:] = 0
        part = g[start:stop].reshape(n, grid.height, -1)
        if whole:
            np.matmul(a, part[:, : TILE * whole].reshape(n, whole, TILE, -1), out=spreads[:n, :whole])
        if rest:
            np.matmul(a[:, :rest], part[:, TILE * whole :], out=spreads[:n, whole])
        np.matmul(left, right, out=products)
        for block in range(blocks):
            total += products[:, block]
        # Row 1 of A, point 1, is all ones: its plane holds the sums over four rows.
        bias += ones @ sums[1].reshape(rows, o)
    return total, bias
