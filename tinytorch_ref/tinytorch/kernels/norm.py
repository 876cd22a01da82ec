"""The kernel behind the op batch_norm, forward and backward, for channels-last memory.

A row of memory holds the C channels of one pixel. Sums over all pixels are products with a row of ones; what is one
number a channel is repeated to lines of thousands of numbers before it meets the images. A group of images is read from
memory once for all that is to be summed over it, and once for the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch.dispatch import Node, TensorBase

from .workspace import CACHE, FLOAT32, Array, Groups, dense, images, last, scratch, spread

LINE = 8192  # numbers in the inner loops, or fewer
LEAST = 16_384  # elements; below it the clear form is as fast
NEAR = 8.0  # means of more standard deviations than this are subtracted before anything is squared


def applies(x: Any, weight: Any, bias: Any, *, mean: Any, var: Any, eps: float) -> bool:
    """Whether the kernel takes these arrays: images of float32, not too few, statistics of the batch or given ones."""
    same = all(a is None or a.dtype == FLOAT32 for a in (x, weight, bias, mean, var))
    return same and x.ndim == 4 and x.size >= LEAST and (mean is None) == (var is None)


class _Rows:
    """Images (N, H, W, C) as blocks (N, b, p * C) of lines of p pixels each, p such that a line is about LINE long."""

    def __init__(self, shape: tuple[int, ...]):
        self.n, h, w, self.c = shape
        pixels = h * w
        fitting = [p for p in range(1, pixels + 1) if not pixels % p and p * self.c <= max(LINE, self.c)]
        self.pixels, self.repeat = pixels, fitting[-1]
        self.size = max(1, min(self.n, CACHE // (12 * pixels * self.c)))
        self.ones = np.ones(pixels, FLOAT32)

    def cut(self, x: Array) -> Array:
        """(N, H, W, C) -> (N, lines, numbers of a line)"""
        return x.reshape(self.n, self.pixels // self.repeat, -1)

    def work(self, name: str) -> Array:
        """Scratch for a group, cut like the images."""
        return scratch.take(name, self.size, self.pixels // self.repeat, self.repeat * self.c)

    def tile(self, values: Array) -> Array:
        """(C,) -> one number for each of a line's."""
        return np.tile(values.astype(FLOAT32), self.repeat)

    def sums(self, block: Array) -> Array:
        """A cut group (n, lines, numbers) -> (C,): the sums over all pixels, in float64 from image to image."""
        return np.matmul(self.ones, block.reshape(len(block), self.pixels, self.c)).sum(axis=0, dtype=np.float64)


def _statistics(x: Array, rows: _Rows) -> tuple[Array, Array]:
    """Mean and biased variance of every channel: from the sums of the numbers and of their squares.

    Where the mean is many standard deviations from zero these cancel; then once more, with the mean subtracted first.
    """
    total, squares = _moments(x, None, rows)
    count = rows.n * rows.pixels
    mean = total / count
    var = squares / count - mean**2
    if _is_far(mean, var):
        # The mean that is subtracted is a rounded one.
        rounded = mean.astype(FLOAT32)
        var = _moments(x, rounded, rows)[1] / count - (mean - rounded) ** 2
    return mean.astype(FLOAT32), np.maximum(var, 0).astype(FLOAT32)


def _moments(x: Array, centre: Array | None, rows: _Rows) -> tuple[Array, Array]:
    """Σ (x - centre) and Σ (x - centre)² of every channel, in float64."""
    cut = rows.cut(x)
    tile = None if centre is None else rows.tile(centre)

    def worker(groups: Groups) -> Array:
        total, work = np.zeros((2, rows.c)), rows.work("work")
        for start, stop in groups:
            block, squares = cut[start:stop], work[: stop - start]
            if tile is not None:
                block = np.subtract(block, tile, out=squares)
            total[0] += rows.sums(block)
            total[1] += rows.sums(np.multiply(block, block, out=squares))
        return total

    total = sum(spread(worker, rows.n, rows.size))
    return total[0], total[1]


def _is_far(mean: Array, var: Array) -> bool:
    """Whether some mean is so far from zero that sums of products with it drown the sums of distances from it."""
    return bool((mean**2 > NEAR**2 * var).any())


def forward(
    x: Array, weight: Array, bias: Array, *, mean: Array | None, var: Array | None, eps: float
) -> tuple[Array, tuple[Array, Array]]:
    """(N, C, H, W) -> the normalised images, channels last, and (mean, var) as they were used."""
    x = dense(x)
    rows = _Rows(x.shape)
    if mean is None:
        mean, var = _statistics(x, rows)
    y = images(len(x), x.shape[3], *x.shape[1:3])
    source, result = rows.cut(x), rows.cut(last(y))
    scale = weight / np.sqrt(var + FLOAT32.type(eps))
    scale, shift = rows.tile(scale), rows.tile(bias - mean * scale)

    def worker(groups: Groups) -> None:
        for start, stop in groups:
            into = np.multiply(source[start:stop], scale, out=result[start:stop])
            np.add(into, shift, out=into)

    spread(worker, rows.n, rows.size)
    return y, (mean, var)


def vjp(g: Array, node: Node) -> tuple[Array | None, ...]:
    """The gradients of images, weight and bias."""
    wanted = [isinstance(a, TensorBase) and a.requires_grad for a in node.inputs]
    x, weight, _ = node.arrays
    mean, var = node.saved[:2]
    x, g = dense(x), dense(g)
    rows = _Rows(x.shape)
    rstd = 1 / np.sqrt(var.astype(np.float64) + node.attributes["eps"])
    to_bias, to_weight = _sums(x, g, mean, _is_far(mean, var), rows)
    to_weight *= rstd
    to_x = None
    if wanted[0]:
        # (g - (Σ g + xhat Σ g xhat) / n) * weight * rstd is a * g + b * (x - mean) + c with numbers a, b, c a channel.
        a, count = weight * rstd, rows.n * rows.pixels
        b, c = -a * rstd * to_weight / count, -a * to_bias / count
        if node.attributes["mean"] is not None:  # given statistics do not change with x
            b = None
        to_x = _combined(x, g, mean, (a, b, c), rows)
    return (
        to_x,
        to_weight.astype(FLOAT32) if wanted[1] else None,
        to_bias.astype(FLOAT32) if wanted[2] else None,
    )


def _sums(x: Array, g: Array, mean: Array, far: bool, rows: _Rows) -> tuple[Array, Array]:
    """Σ g and Σ g (x - mean) of every channel, in float64."""
    source, gradient, centre = rows.cut(x), rows.cut(g), rows.tile(mean)

    def worker(groups: Groups) -> Array:
        total, work = np.zeros((2, rows.c)), rows.work("work")
        for start, stop in groups:
            weighed, block, other = work[: stop - start], gradient[start:stop], source[start:stop]
            if far:
                other = np.subtract(other, centre, out=weighed)
            total[0] += rows.sums(block)
            total[1] += rows.sums(np.multiply(other, block, out=weighed))
        return total

    total = sum(spread(worker, rows.n, rows.size))
    return total[0], total[1] if far else total[1] - mean * total[0]


def _combined(x: Array, g: Array, mean: Array, factors: tuple[Array, Array | None, Array], rows: _Rows) -> Array:
    """a * g + b * (x - mean) + c, or a * g where b is None."""
    a, b, c = factors
    result = images(len(x), x.shape[3], *x.shape[1:3])
    source, gradient, into = rows.cut(x), rows.cut(g), rows.cut(last(result))
    scale = rows.tile(a)
    if b is not None:
        slope, shift = rows.tile(b), rows.tile(c - b * mean)

    def worker(groups: Groups) -> None:
        work = rows.work("work")
        for start, stop in groups:
            out = np.multiply(gradient[start:stop], scale, out=into[start:stop])
            if b is not None:
                other = np.multiply(source[start:stop], slope, out=work[: stop - start])
                np.add(other, shift, out=other)
                np.add(out, other, out=out)

    spread(worker, rows.n, rows.size)
    return result
