"""Convolution as a product with columns, for channels-last images: a window is kh * kw runs of C numbers, laid out as a
row of a matrix. A 1x1 kernel is a matrix already, and nothing has to be laid out (`pointwise`).

The gradient of the images is the same kind of convolution with the weight turned round where the stride is 1; else the
gradients of the columns are added up where the columns were taken from.
"""

from __future__ import annotations

import numpy as np

from .geometry import Geometry, padding
from .workspace import FLOAT32, Array, Groups, images, last, product, scratch, spread, tiled

# ---- pointwise -------------------------------------------------------------------------------------------------------


def pointwise(x: Array, weight: Array, bias: Array | None, form: Geometry) -> Array:
    """Images (N, H, W, C), weight (O, C, 1, 1) -> (N, O, H, W): one product."""
    result = images(form.n, form.o, form.h, form.w)
    y = last(result)
    _linear(x, np.ascontiguousarray(weight.reshape(form.o, form.c).T), y, form)
    if bias is not None:
        lines = y.reshape(form.n * form.h, -1)
        lines += tiled(bias, form.w)
    return result


def _linear(x: Array, matrix: Array, y: Array, form: Geometry) -> None:
    """Every pixel of x (N, H, W, C) times the matrix (C, O) -> y (N, H, W, O)."""
    n_in, n_out = matrix.shape

    def worker(groups: Groups) -> None:
        for start, stop in groups:
            part = np.ascontiguousarray(x[start:stop])
            product(part.reshape(-1, n_in), matrix, y[start:stop].reshape(-1, n_out))

    spread(worker, form.n, form.images(form.h * form.w * (form.c + form.o)))


def pointwise_gradients(
    x: Array, weight: Array, g: Array, form: Geometry, wanted: tuple[bool, bool]
) -> tuple[Array | None, Array | None]:
    """Of images (N, H, W, C) and weight (O, C, 1, 1), from g (N, H, W, O)."""
    to_x = to_weight = None
    if wanted[0]:
        to_x = images(form.n, form.c, form.h, form.w)
        _linear(g, weight.reshape(form.o, form.c), last(to_x), form)
    if wanted[1]:

        def worker(groups: Groups) -> Array:
            total = np.zeros((form.o, form.c), FLOAT32)
            for start, stop in groups:
                part = np.ascontiguousarray(x[start:stop])
                total += g[start:stop].reshape(-1, form.o).T @ part.reshape(-1, form.c)
            return total

        totals = spread(worker, form.n, form.images(form.h * form.w * (form.c + form.o)))
        to_weight = sum(totals[1:], totals[0]).reshape(weight.shape)
    return to_x, to_weight


# ---- windows ---------------------------------------------------------------------------------------------------------


def _matrices(weight: Array, groups: int) -> Array:
    """(O, C / groups, kh, kw) -> (groups, kh * kw * C / groups, O / groups)"""
    o, depth, kh, kw = weight.shape
    parts = weight.reshape(groups, o // groups, depth, kh, kw).transpose(0, 3, 4, 2, 1)
    return np.ascontiguousarray(parts).reshape(groups, kh * kw * depth, o // groups)


def windows(x: Array, weight: Array, bias: Array | None, form: Geometry) -> Array:
    """Images (N, H, W, C) -> (N, O, Ho, Wo)."""
    matrices = _matrices(weight, form.groups)
    result = images(form.n, form.o, form.height, form.width)
    y = last(result)
    each = form.o // form.groups
    tile = None if bias is None else tiled(bias, form.width)

    def worker(groups: Groups) -> None:
        columns = _Windows(form, groups[0][1] - groups[0][0])
        for start, stop in groups:
            columns.load(x[start:stop])
            rows = y[start:stop].reshape(-1, form.o)
            for i, matrix in enumerate(matrices):
                product(columns.rows(i), matrix, rows[:, i * each : (i + 1) * each])
            if tile is not None:
                lines = rows.reshape(-1, tile.size)
                np.add(lines, tile, out=lines)

    spread(worker, form.n, _Windows.images(form))
    return result


class _Windows:
    """Padded images of a group, and the windows of one group of channels laid out as rows."""

    def __init__(self, form: Geometry, images: int):
        self.form, self.n = form, images
        self.padded, self.inside = padding(form, images, "padded")
        self.taps = form.taps(self.padded)
        self.cells = scratch.take("columns", images, form.height, form.width, form.kh, form.kw, form.depth)

    @staticmethod
    def images(form: Geometry) -> int:
        """How many images make a group."""
        columns = form.height * form.width * (form.kh * form.kw * form.depth + form.o)
        return form.images(columns + form.h * form.w * form.c)

    def load(self, x: Array) -> None:
        """Put images (n, H, W, C) into the padding."""
        self.n = len(x)
        self.inside[: self.n] = x

    def rows(self, i: int) -> Array:
        """(n * Ho * Wo, kh * kw * depth): the windows of channel group i."""
        depth = self.form.depth
        self.cells[: self.n] = self.taps[: self.n, ..., i * depth : (i + 1) * depth]
        return self.flat()

    def flat(self) -> Array:
        """The rows as they are."""
        return self.cells[: self.n].reshape(self.n * self.form.height * self.form.width, -1)

    def add_back(self, i: int) -> None:
        """Add the rows, gradients of channel group i's windows, to the padded images."""
        form, depth = self.form, self.form.depth
        targets = self.taps[: self.n, ..., i * depth : (i + 1) * depth]
        for p, q in np.ndindex(form.kh, form.kw):
            target = targets[:, :, :, p, q]
            np.add(target, self.cells[: self.n, :, :, p, q], out=target)


def windows_gradients(
    x: Array, weight: Array, g: Array, form: Geometry, wanted: tuple[bool, bool]
) -> tuple[Array | None, Array | None]:
    """Of images (N, H, W, C) and weight, from g (N, Ho, Wo, O). `wanted` says which."""
    to_x = to_weight = None
    if wanted[1]:
        to_weight = _windows_weight(x, weight, g, form)
    if wanted[0]:
        turned = _turned(weight, form)
        to_x = windows(g, *turned) if turned else _windows_images(weight, g, form)
    return to_x, to_weight


def _windows_weight(x: Array, weight: Array, g: Array, form: Geometry) -> Array:
    """The gradient of the weight: the transposed columns times g."""
    each = form.o // form.groups
    k = form.kh * form.kw * form.depth

    def worker(groups: Groups) -> Array:
        columns = _Windows(form, groups[0][1] - groups[0][0])
        total = np.zeros((form.groups, k, each), FLOAT32)
        for start, stop in groups:
            columns.load(x[start:stop])
            rows = g[start:stop].reshape(-1, form.o)
            for i in range(form.groups):
                total[i] += columns.rows(i).T @ rows[:, i * each : (i + 1) * each]
        return total

    totals = spread(worker, form.n, _Windows.images(form))
    return _weight_of(totals, weight.shape, form)


def _turned(weight: Array, form: Geometry) -> tuple[Array, None, Geometry] | None:
    """The convolution of g that gives the gradient of the images; None where there is none, or not a cheaper one."""
    padding = [d * (k - 1) - p for d, k, p in zip(form.dilation, (form.kh, form.kw), form.padding, strict=True)]
    if form.stride != (1, 1) or min(padding) < 0 or form.o > 4 * form.c:
        return None
    parts = weight.reshape(form.groups, -1, form.depth, form.kh, form.kw)[:, :, :, ::-1, ::-1].transpose(0, 2, 1, 3, 4)
    turned = parts.reshape(form.c, form.o // form.groups, form.kh, form.kw)
    shape = (form.n, form.o, form.height, form.width)
    return turned, None, Geometry.of(shape, turned.shape, (1, 1), (padding[0], padding[1]), form.dilation, form.groups)


def _windows_images(weight: Array, g: Array, form: Geometry) -> Array:
    """The gradient of the images: that of the columns, added up where it was taken from."""
    matrices = np.ascontiguousarray(_matrices(weight, form.groups).transpose(0, 2, 1))
    each = form.o // form.groups
    to_x = images(form.n, form.c, form.h, form.w)

    def worker(groups: Groups) -> None:
        columns = _Windows(form, groups[0][1] - groups[0][0])
        for start, stop in groups:
            columns.n = n = stop - start
            columns.padded[...] = 0
            rows = g[start:stop].reshape(-1, form.o)
            for i, matrix in enumerate(matrices):
                product(rows[:, i * each : (i + 1) * each], matrix, columns.flat())
                columns.add_back(i)
            last(to_x)[start:stop] = columns.inside[:n]

    spread(worker, form.n, _Windows.images(form))
    return to_x


def _weight_of(totals: list[Array], shape: tuple[int, ...], form: Geometry) -> Array:
    """(groups, kh * kw * C / groups, O / groups) of each thread -> (O, C / groups, kh, kw)"""
    total = sum(totals[1:], totals[0])
    parts = total.reshape(form.groups, form.kh, form.kw, form.depth, -1).transpose(0, 4, 3, 1, 2)
    return np.ascontiguousarray(parts).reshape(shape)
