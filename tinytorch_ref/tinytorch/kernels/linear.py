"""The kernel behind the op linear, forward and backward: blocks of rows that are in the cache when the bias is added
and when a gradient is read for the second time.

Leading dimensions do not matter to a linear map: all products are those of tall matrices.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinytorch.dispatch import Node, TensorBase

from .aligned import empty
from .panels import Outer, Panels
from .workspace import FLOAT32, Array, Groups, spread

LEAST = 1 << 17  # elements of input or output; below it the clear form is as fast
BLOCK = 512  # rows


def applies(x: Any, weight: Any, bias: Any = None) -> bool:
    """Whether the kernel takes these arrays: float32 of shapes that fit, not too small."""
    same = all(a is None or a.dtype == FLOAT32 for a in (x, weight, bias))
    fits = x.ndim > 1 and weight.ndim == 2 and x.shape[-1] == weight.shape[0]
    return same and fits and min(weight.shape) > 0 and len(x) > 0 and max(x.size, _rows(x) * weight.shape[1]) >= LEAST


def _rows(x: Array) -> int:
    return math.prod(x.shape[:-1])


def tall(x: Array) -> Array:
    """(..., n) -> (rows, n) in one piece: a view where x is contiguous, else a copy."""
    return np.ascontiguousarray(x).reshape(_rows(x), x.shape[-1])


def forward(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """(..., in) @ (in, out) + (out,) -> (..., out)"""
    rows = tall(x)
    out = empty(len(rows), weight.shape[1])
    panels = Panels(weight)

    def worker(groups: Groups) -> None:
        for start, stop in groups:
            into = out[start:stop]
            panels.times(rows[start:stop], into)
            if bias is not None:
                into += bias

    spread(worker, len(rows), BLOCK)
    return out.reshape(*x.shape[:-1], weight.shape[1])


def vjp(g: Array, node: Node) -> tuple[Array | None, ...]:
    """The gradients of input, weight and bias."""
    wanted = [isinstance(a, TensorBase) and a.requires_grad for a in node.inputs]
    x, weight = node.arrays[:2]
    rows, slopes = tall(x), tall(g)
    turned = Panels(weight.T) if wanted[0] else None
    to_x = empty(*rows.shape) if wanted[0] else None
    to_bias = len(wanted) == 3 and wanted[2]

    def worker(groups: Groups) -> tuple[Array, Array]:
        """The rows' gradients; returns what these rows add to those of weight and bias."""
        outer, bias = Outer(*weight.shape), np.zeros(weight.shape[1], FLOAT32)
        for start, stop in groups:
            block = slopes[start:stop]
            if to_bias:  # first, for this reads the block into the cache
                bias += np.ones(stop - start, FLOAT32) @ block
            if turned is not None:
                turned.times(block, to_x[start:stop])
            if wanted[1]:
                outer.add(rows[start:stop], block)
        return outer.total(), bias

    weights, biases = zip(*spread(worker, len(rows), BLOCK), strict=True)
    return (
        to_x if to_x is None else to_x.reshape(x.shape),
        _sum(weights) if wanted[1] else None,
        *([_sum(biases) if to_bias else None] if len(wanted) == 3 else []),
    )


def _sum(parts: Any) -> Array:
    """The sum of arrays, in the first of them."""
    first, *others = parts
    for part in others:
        first += part
    return first
