"""The kernels behind the ops max_pool2d and avg_pool2d, for windows that lie side by side and fill the image's corner.

The maximum of a 2x2 window is taken first between neighbours in a row, then between the two rows. Each comparison
leaves a mask of one byte, "the second was larger", which sends the gradient back without searching; ties go to the
first in row order, as in the clear form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch.dispatch import Node, recording

from .workspace import CACHE, FLOAT32, Array, Groups, dense, images, last, scratch, spread

Pair = tuple[int, int]
Masks = tuple[Array, Array]  # of the pairs in a row (N, Ho, 2, Wo, C), and of the two rows (N, Ho, Wo, C)


def applies(x: Any, *, kernel_size: Pair, stride: Pair, padding: Pair) -> bool:
    """Whether this is 2x2 pooling with stride 2 of float32 images."""
    return kernel_size == stride == (2, 2) and padding == (0, 0) and x.dtype == FLOAT32 and x.size > 0


def _images(shape: tuple[int, ...]) -> int:
    """How many images (H, W, C) make a group."""
    n, h, w, c = shape
    return max(1, min(n, CACHE // (h * w * c * 8)))


def forward(x: Array, *, kernel_size: Pair, stride: Pair, padding: Pair) -> tuple[Array, Masks | None]:
    """(N, C, H, W) -> (N, C, H // 2, W // 2), channels last, and the masks if anything is being recorded."""
    x = dense(x)
    n, h, w, c = x.shape
    ho, wo = h // 2, w // 2
    cells = x[:, : 2 * ho, : 2 * wo].reshape(n, ho, 2, wo, 2, c)
    result = images(n, c, ho, wo)
    out = last(result)
    masks = (np.empty((n, ho, 2, wo, c), bool), np.empty((n, ho, wo, c), bool)) if recording.on else None
    size = _images(x.shape)

    def worker(groups: Groups) -> None:
        wider = scratch.take("pairs", size, ho, 2, wo, c)
        for start, stop in groups:
            part = slice(start, stop)
            left, right = cells[part, :, :, :, 0], cells[part, :, :, :, 1]
            pairs = np.maximum(left, right, out=wider[: stop - start])
            np.maximum(pairs[:, :, 0], pairs[:, :, 1], out=out[part])
            if masks is not None:
                np.greater(right, left, out=masks[0][part])
                np.greater(pairs[:, :, 1], pairs[:, :, 0], out=masks[1][part])

    spread(worker, n, size)
    return result, masks


def vjp(g: Array, node: Node) -> tuple[Array]:
    """Each gradient to the pixel that was the largest of its window."""
    g = dense(g)
    n, ho, wo, c = g.shape
    h, w = node.inputs[0].data.shape[2:]
    odd = h % 2 or w % 2
    result = images(n, c, h, w)
    if odd:  # the last row or column is in no window
        result[...] = 0
    cells = last(result)[:, : 2 * ho, : 2 * wo].reshape(n, ho, 2, wo, 2, c)
    in_row, lower = node.saved
    size = _images((n, h, w, c))

    def worker(groups: Groups) -> None:
        wider = scratch.take("pairs", size, ho, 2, wo, c)
        for start, stop in groups:
            part, pairs = slice(start, stop), wider[: stop - start]
            np.multiply(g[part], lower[part], out=pairs[:, :, 1])
            np.subtract(g[part], pairs[:, :, 1], out=pairs[:, :, 0])
            left, right = cells[part, :, :, :, 0], cells[part, :, :, :, 1]
            np.multiply(pairs, in_row[part], out=right)
            np.subtract(pairs, right, out=left)

    spread(worker, n, size)
    return (result,)
