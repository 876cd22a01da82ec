"""The kernel behind the op layer_norm, forward and backward: sums along the rows and over them are products of a matrix
with a vector, and a block of rows stays in the cache until it is done.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch.dispatch import Node, TensorBase

from .aligned import empty
from .linear import tall
from .workspace import FLOAT32, Array, Groups, scratch, spread, tiled

STRETCH = 65_536  # elements of a block of rows
LEAST = STRETCH  # below it the clear form is as fast
LINE = 1024  # numbers in the inner loops where weight and bias meet the rows


def applies(x: Any, weight: Any, bias: Any, *, eps: float) -> bool:
    """Whether the kernel takes these arrays: float32 of shapes that fit, not too small."""
    same = all(a.dtype == FLOAT32 for a in (x, weight, bias))
    return same and x.ndim > 0 and x.size >= LEAST and weight.shape == bias.shape == x.shape[-1:]


class _Lines:
    """How rows of n numbers are cut: blocks of `block` rows, each a whole number of lines of `repeat` rows."""

    def __init__(self, n: int):
        self.n, self.repeat = n, max(1, LINE // n)
        self.block = max(1, STRETCH // n // self.repeat) * self.repeat

    def tile(self, values: Array) -> Array:
        """(n,) -> one number for each of a line's."""
        return tiled(values, self.repeat)

    def multiply(self, rows: Array, line: Array, into: Array) -> None:
        """rows * line -> into, all in one piece; rows that are no whole line are done singly."""
        whole = len(rows) // self.repeat * self.repeat
        cut = (whole // self.repeat, len(line))
        np.multiply(rows[:whole].reshape(cut), line, out=into[:whole].reshape(cut))
        if whole < len(rows):
            np.multiply(rows[whole:], line[: self.n], out=into[whole:])

    def add(self, into: Array, line: Array) -> None:
        """into += line, likewise."""
        whole = len(into) // self.repeat * self.repeat
        lines = into[:whole].reshape(whole // self.repeat, len(line))
        np.add(lines, line, out=lines)
        if whole < len(into):
            into[whole:] += line[: self.n]


def forward(x: Array, weight: Array, bias: Array, *, eps: float) -> tuple[Array, tuple[Array, Array]]:
    """Rows normalised, times weight, plus bias; and (mean, 1 / deviation) of each row, (rows,)."""
    rows = tall(x)
    count, n = rows.shape
    out, lines = empty(count, n), _Lines(n)
    mean, rstd = np.empty(count, FLOAT32), np.empty(count, FLOAT32)
    scale, shift, even = lines.tile(weight), lines.tile(bias), np.full(n, 1 / n, FLOAT32)

    def worker(groups: Groups) -> None:
        work = scratch.take("squares", lines.block, n)
        for start, stop in groups:
            block, into, squares = rows[start:stop], out[start:stop], work[: stop - start]
            here, spread_here = mean[start:stop], rstd[start:stop]
            np.matmul(block, even, out=here)
            np.subtract(block, here[:, None], out=into)
            np.matmul(np.multiply(into, into, out=squares), even, out=spread_here)
            spread_here += FLOAT32.type(eps)
            np.reciprocal(np.sqrt(spread_here, out=spread_here), out=spread_here)
            into *= spread_here[:, None]
            lines.multiply(into, scale, into)
            lines.add(into, shift)

    spread(worker, count, lines.block)
    return out.reshape(x.shape), (mean, rstd)


def vjp(g: Array, node: Node) -> tuple[Array | None, ...]:
    """The gradients of rows, weight and bias.

    With c = x - mean and h = g * weight: rstd (h - mean(h) - c rstd² mean(h c)). Means of products with the weight are
    products with it.
    """
    wanted = [isinstance(a, TensorBase) and a.requires_grad for a in node.inputs]
    x, weight, _ = node.arrays
    mean, rstd = node.saved
    rows, slopes = tall(x), tall(g)
    count, n = rows.shape
    to_x, lines = empty(count, n) if wanted[0] else None, _Lines(n)
    scale, share = lines.tile(weight), weight / FLOAT32.type(n)

    def worker(groups: Groups) -> tuple[Array, Array]:
        to_weight, to_bias = np.zeros(n, FLOAT32), np.zeros(n, FLOAT32)
        centred, work = (scratch.take(name, lines.block, n) for name in ("centred", "products"))
        for start, stop in groups:
            block, c, products = slopes[start:stop], centred[: stop - start], work[: stop - start]
            r = rstd[start:stop]
            np.subtract(rows[start:stop], mean[start:stop, None], out=c)
            np.multiply(block, c, out=products)
            to_weight += r @ products
            to_bias += np.ones(stop - start, FLOAT32) @ block
            if to_x is not None:
                into = to_x[start:stop]
                c *= ((products @ share) * r * r)[:, None]
                lines.multiply(block, scale, into)
                into -= c
                into -= (block @ share)[:, None]
                into *= r[:, None]
        return to_weight, to_bias

    shares = spread(worker, count, lines.block)
    weights, biases = zip(*shares, strict=True)
    return (
        None if to_x is None else to_x.reshape(x.shape),
        sum(weights) if wanted[1] else None,
        sum(biases) if wanted[2] else None,
    )
