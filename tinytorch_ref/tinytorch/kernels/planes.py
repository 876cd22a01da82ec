"""Convolution as a product with columns, for images of few channels, such as the first layer's. There the runs of
windows.py would be short; here a tap of all windows is one row of pixels, as in the clear form, but in the cache.
"""

from __future__ import annotations

import numpy as np

from .geometry import Geometry
from .workspace import FLOAT32, Array, Groups, images, last, rows_at_once, scratch, spread


class _Planes:
    """Columns (n, C * kh * kw + 1, Ho * Wo) of images (N, C, H, W). The last row is ones: the bias is a weight.

    First each tap column becomes a shifted copy of the images, then each tap is a stretch of one of those.
    """

    def __init__(self, form: Geometry, images: int):
        self.form = form
        hp, k = form.padded[0], form.c * form.kh * form.kw
        self.valid = [form.valid(j) for j in range(form.kw)]
        self.shifted = scratch.take("shifted", images, form.c, form.kw, hp, form.width)
        self.shifted[...] = 0
        self.columns = scratch.take("columns", images, k + 1, form.height * form.width)
        self.columns[:, k] = 1
        self.cells = self.columns[:, :k].reshape(images, form.c, form.kh, form.kw, form.height, form.width)
        s = self.shifted.strides
        self.taps = np.lib.stride_tricks.as_strided(
            self.shifted, self.cells.shape,
            (s[0], s[1], form.dilation[0] * s[3], s[2], form.stride[0] * s[3], s[4]),
        )  # fmt: skip

    def load(self, x: Array) -> Array:
        """(n, C, H, W) -> (n, C * kh * kw + 1, Ho * Wo)"""
        n, ph = len(x), self.form.padding[0]
        for j, (out, pixels) in enumerate(self.valid):
            self.shifted[:n, :, j, ph : ph + self.form.h, out] = x[:, :, :, pixels]
        self.cells[:n] = self.taps[:n]
        return self.columns[:n]


def planes(x: Array, weight: Array, bias: Array | None, form: Geometry) -> Array:
    """Images (N, C, H, W) -> (N, O, Ho, Wo). For groups = 1."""
    matrix = np.zeros((form.c * form.kh * form.kw + 1, form.o), FLOAT32)
    matrix[:-1] = weight.reshape(form.o, -1).T
    if bias is not None:
        matrix[-1] = bias
    result = images(form.n, form.o, form.height, form.width)
    y = last(result)
    cut = _lines_at_once(form, len(matrix))

    def worker(groups: Groups) -> None:
        columns = _Planes(form, groups[0][1] - groups[0][0])
        for start, stop in groups:
            rows = columns.load(x[start:stop]).reshape(stop - start, len(matrix), cut, -1).transpose(0, 2, 3, 1)
            np.matmul(rows, matrix, out=y[start:stop].reshape(stop - start, cut, -1, form.o))

    spread(worker, form.n, form.images(form.height * form.width * (len(matrix) + form.o)))
    return result


def _lines_at_once(form: Geometry, k: int) -> int:
    """Into how many parts of whole lines to cut an image, so that a product has the size that BLAS does best."""
    best = max(rows_at_once(form.o, k), 1) * 6
    return next(
        (
            parts
            for parts in range(1, form.height)
            if not form.height % parts and form.height // parts * form.width <= best
        ),
        form.height,
    )


def planes_gradients(
    x: Array, weight: Array, g: Array, form: Geometry, wanted: tuple[bool, bool]
) -> tuple[Array | None, Array | None, Array | None]:
    """Of images (N, C, H, W), weight, and bias (with the weight's), from g (N, Ho, Wo, O)."""
    k = form.c * form.kh * form.kw
    pixels = form.height * form.width
    to_x = np.empty((form.n, form.c, form.h, form.w), FLOAT32) if wanted[0] else None
    matrix = np.ascontiguousarray(weight.reshape(form.o, k).T)

    def worker(groups: Groups) -> Array | None:
        columns = _Planes(form, groups[0][1] - groups[0][0])
        total = np.zeros((k + 1, form.o), FLOAT32) if wanted[1] else None
        for start, stop in groups:
            rows = g[start:stop].reshape(stop - start, pixels, form.o)
            if wanted[1]:
                total += np.matmul(columns.load(x[start:stop]), rows).sum(axis=0)
            if to_x is not None:
                np.matmul(matrix, rows.transpose(0, 2, 1), out=columns.columns[: stop - start, :k])
                _gather_planes(columns, to_x[start:stop])
        return total

    totals = spread(worker, form.n, form.images(pixels * (k + 1 + form.o)))
    if not wanted[1]:
        return to_x, None, None
    total = sum(totals[1:], totals[0])
    return to_x, np.ascontiguousarray(total[:-1].T).reshape(weight.shape), total[-1].copy()


def _gather_planes(columns: _Planes, out: Array) -> None:
    """Add the gradients of the columns up in the pixels they were taken from: out is (n, C, H, W)."""
    form, n = columns.form, len(out)
    shifted = columns.shifted[:n]
    shifted[...] = 0
    step, ph = form.stride[0], form.padding[0]
    for p in range(form.kh):
        top = p * form.dilation[0]
        target = shifted[:, :, :, top : top + step * (form.height - 1) + 1 : step]
        np.add(target, columns.cells[:n, :, p], out=target)
    out[...] = 0
    for j, (seen, pixels) in enumerate(columns.valid):
        target = out[:, :, :, pixels]
        np.add(target, shifted[:, :, j, ph : ph + form.h, seen], out=target)
    shifted[...] = 0
