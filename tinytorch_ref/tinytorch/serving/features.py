"""What drift is looked for in: a few numbers an input, computed by one definition in training and in serving.

An image has hundreds of numbers, most of which say nothing alone, and a test of each would cry wolf by sheer number.
So an image becomes a summary: how bright it is, how much contrast it has, how much of it is dark, where its weight
lies; and how sure the model is of it, which falls when inputs become strange in a way that no summary foresaw. An
example of few numbers, such as a row of a table, is its own summary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray
FEW = 16  # numbers an example may have and still be its own summary
DARK = 0.1  # of the way from the least to the greatest number
OF_IMAGES = ("brightness", "contrast", "dark share", "weight's height", "weight's side")


def names(shape: Sequence[int]) -> tuple[str, ...]:
    """The name of every feature of examples of this shape, in order."""
    if len(shape) == 3:
        return (*OF_IMAGES, "confidence")
    if int(np.prod(shape)) <= FEW:
        return (*(f"input {i}" for i in range(int(np.prod(shape)))), "confidence")
    return ("mean", "deviation", "least", "greatest", "confidence")


def summaries(rows: Array, probabilities: Array) -> Array:
    """Examples (N, *shape) and the model's answers (N, classes) -> features (N, len(names(shape))), float64."""
    sure = probabilities.max(axis=1, keepdims=True)
    return np.concatenate([_of_inputs(np.asarray(rows, np.float64)), sure], axis=1)


def _of_inputs(rows: Array) -> Array:
    flat = rows.reshape(len(rows), -1)
    if rows.ndim == 4:
        height, side = _centres(rows.mean(axis=1))
        dark = (flat < DARK).mean(axis=1)
        return np.stack([flat.mean(axis=1), flat.std(axis=1), dark, height, side], axis=1)
    if flat.shape[1] <= FEW:
        return flat
    return np.stack([flat.mean(axis=1), flat.std(axis=1), flat.min(axis=1), flat.max(axis=1)], axis=1)


def _centres(planes: Array) -> tuple[Array, Array]:
    """Where the weight of planes (N, H, W) lies, from 0 (top, left) to 1 (bottom, right); in the middle if they are
    empty."""
    weight = planes.sum(axis=(1, 2))
    height = planes.sum(axis=2) @ np.linspace(0, 1, planes.shape[1])
    side = planes.sum(axis=1) @ np.linspace(0, 1, planes.shape[2])
    full = weight > 0
    safe = np.where(full, weight, 1.0)
    return np.where(full, height / safe, 0.5), np.where(full, side / safe, 0.5)
