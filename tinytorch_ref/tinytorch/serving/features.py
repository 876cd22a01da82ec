"""What drift is looked for in: a few numbers an input, by one definition in training and in serving (`FeatureStore`).

An image has hundreds of numbers, most of which say nothing alone, and a test of each would cry wolf by sheer number.
So an image becomes a summary: how bright it is, how much contrast it has, how much of it is dark, where its weight
lies; and how sure the model is of it, which falls when inputs become strange in a way that no summary foresaw. An
example of few numbers, such as a row of a table, is its own summary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray
FEW = 16  # numbers an example may have and still be its own summary
DARK = 0.1
INPUTS, ANSWERS = "inputs", "answers"  # the columns: examples (N, *shape), probabilities (N, classes)


def store(shape: Sequence[int]) -> Any:
    """The definitions of features for examples of this shape, not fitted yet: a FeatureStore."""
    from tinytorch.mlops import FeatureStore

    made, size = FeatureStore(), int(np.prod(shape))
    if len(shape) == 3:
        functions = {"brightness": mean, "contrast": deviation, "dark share": dark}
        functions |= {"weight's height": height, "weight's side": side}
    elif size <= FEW:
        functions = {f"input {i}": _number(i) for i in range(size)}
    else:
        functions = {"mean": mean, "deviation": deviation, "least": least, "greatest": greatest}
    for name, function in functions.items():
        made.define(name, INPUTS)(function)
    made.define("confidence", ANSWERS)(confidence)
    return made


def columns(rows: Array, probabilities: Array) -> Mapping[str, Array]:
    """Examples (N, *shape) and the model's answers (N, classes) as the definitions take them."""
    return {INPUTS: np.asarray(rows, np.float64), ANSWERS: probabilities}


# ---- the definitions: (N, ...) -> (N,) -------------------------------------------------------------------------------


def mean(rows: Array) -> Array:
    return rows.reshape(len(rows), -1).mean(axis=1)


def deviation(rows: Array) -> Array:
    return rows.reshape(len(rows), -1).std(axis=1)


def dark(rows: Array) -> Array:
    """The share of an image that is nearly black."""
    return (rows.reshape(len(rows), -1) < DARK).mean(axis=1)


def least(rows: Array) -> Array:
    return rows.reshape(len(rows), -1).min(axis=1)


def greatest(rows: Array) -> Array:
    return rows.reshape(len(rows), -1).max(axis=1)


def height(images: Array) -> Array:
    """Where the weight of images (N, C, H, W) lies, from 0 (top) to 1 (bottom)."""
    return centre(images.sum(axis=(1, 3)))


def side(images: Array) -> Array:
    """Where the weight of images (N, C, H, W) lies, from 0 (left) to 1 (right)."""
    return centre(images.sum(axis=(1, 2)))


def centre(weights: Array) -> Array:
    """The centre of weights along a line (N, length) -> (N,), from 0 to 1; the middle if there is no weight."""
    total = weights.sum(axis=1)
    moment = weights @ np.linspace(0, 1, weights.shape[1])
    return np.where(total > 0, moment / np.where(total > 0, total, 1.0), 0.5)


def confidence(answers: Array) -> Array:
    """How probable the model thinks its own answer is."""
    return answers.max(axis=1)


def _number(i: int) -> Any:
    def number(rows: Array) -> Array:
        return rows.reshape(len(rows), -1)[:, i]

    return number
