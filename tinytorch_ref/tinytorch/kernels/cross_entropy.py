"""The kernel behind the op cross_entropy, forward and backward, for class numbers without weights: what a language
model over a large vocabulary is trained with.

The exponentials are not kept: they take as much memory as the logits, and a block of rows has them again in no time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch.dispatch import Node

from .aligned import empty
from .linear import tall
from .workspace import FLOAT32, Array, Groups, scratch, spread

STRETCH = 32_768  # elements of a block of rows
LEAST = 2 * STRETCH  # below it the clear form is as fast


def applies(
    logits: Any,
    *,
    targets: Any,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> bool:
    """Whether the kernel takes these: float32 logits, not too few, and plain class numbers."""
    plain = weight is None and ignore_index is None and not label_smoothing and reduction in ("mean", "sum", "none")
    return plain and targets.ndim == 1 and logits.dtype == FLOAT32 and logits.size >= LEAST


def forward(
    logits: Array, *, targets: Array, reduction: str = "mean", **unused: Any
) -> tuple[Any, tuple[Array, Array]]:
    """The losses (N,), or their sum or mean; and of each row the largest logit and the sum of exp(logit - largest)."""
    rows = tall(logits)
    count, classes = rows.shape
    losses, tops, totals = (np.empty(count, FLOAT32) for _ in range(3))
    block, ones = max(1, STRETCH // classes), np.ones(classes, FLOAT32)

    def worker(groups: Groups) -> None:
        work = scratch.take("exps", block, classes)
        for start, stop in groups:
            given, s = rows[start:stop], work[: stop - start]
            top = given.max(axis=1, out=tops[start:stop])
            np.subtract(given, top[:, None], out=s)
            picked = s[np.arange(stop - start), targets[start:stop]]
            total = np.matmul(np.exp(s, out=s), ones, out=totals[start:stop])
            np.subtract(np.log(total), picked, out=losses[start:stop])

    spread(worker, count, block)
    if reduction == "none":
        return losses, (tops, totals)
    return losses.sum() / (count if reduction == "mean" else 1), (tops, totals)


def vjp(g: Array, node: Node) -> tuple[Array]:
    """softmax(logits) minus 1 at each row's class, times what the row counts in the result."""
    rows, targets, (tops, totals) = tall(node.inputs[0].data), node.attributes["targets"], node.saved
    count, classes = rows.shape
    mean = node.attributes.get("reduction", "mean") == "mean"
    share = np.broadcast_to(g / FLOAT32.type(count) if mean else g, count)
    factors = share / totals
    result = empty(count, classes)

    def worker(groups: Groups) -> None:
        for start, stop in groups:
            into = np.subtract(rows[start:stop], tops[start:stop, None], out=result[start:stop])
            np.exp(into, out=into)
            into *= factors[start:stop, None]
            into[np.arange(stop - start), targets[start:stop]] -= share[start:stop]

    spread(worker, count, max(1, STRETCH // classes))
    return (result,)
