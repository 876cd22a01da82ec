"""From many losses to one: "mean", "sum" and "none", in every loss, and what they are for nothing at all."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "reduction"
title = "Reduction"
points = None


def _nll(x, targets):
    """The loss of each row, from logits."""
    x = x.astype("float64")
    return np.log(np.exp(x).sum(axis=1)) - x[np.arange(len(x)), targets]


@test_case(name="sum and none beside mean", points=3)
def sum_and_none(student, rng):
    x, y = rng.normal(size=(2, 3, 4)).astype("float32")
    squares = (x.astype("float64") - y) ** 2
    expect.close(student.loss("mse_loss", x, y, reduction="none"), squares)
    expect.close(student.loss("mse_loss", x, y, reduction="sum"), squares.sum())
    expect.close(student.loss("mse_loss", x, y, reduction="mean"), squares.mean())


@test_case(
    name="every loss can be reduced in three ways",
    points=3,
    hidden=True,
    failure_message="reduction reaches the rule of each loss; for classes, 'none' gives one loss for each row.",
)
def every_loss(student, rng):
    n = int(rng.integers(4, 8))
    x, y = rng.uniform(0.05, 0.95, size=(2, n, 3)).astype("float32")
    targets = rng.integers(0, 3, size=n)
    wide_x, wide_y = x.astype("float64"), y.astype("float64")
    d = np.abs(wide_x - wide_y)
    yes_no = -(wide_y * np.log(wide_x) + (1 - wide_y) * np.log(1 - wide_x))
    cases = {
        "l1_loss": (y, d),
        "huber_loss": (y, d**2 / 2),
        "binary_cross_entropy": (y, yes_no),
        "binary_cross_entropy_with_logits": (y, np.log(1 + np.exp(wide_x)) - wide_x * wide_y),
        "nll_loss": (targets, -wide_x[np.arange(n), targets]),
        "cross_entropy": (targets, _nll(x, targets)),
    }
    for function, (target, losses) in cases.items():
        expect.close(student.loss(function, x, target, reduction="none"), losses)
        expect.close(student.loss(function, x, target, reduction="sum"), losses.sum())
        expect.close(student.loss(function, x, target), losses.mean())


@test_case(
    name="an unknown reduction is an error",
    points=1,
    hidden=True,
    failure_message="A reduction that is none of the three raises a ValueError that says which one came.",
)
def unknown_reduction(student, rng):
    x, y = rng.normal(size=(2, 4)).astype("float32")
    wrong = "".join(rng.choice(list("abcdefgh"), size=5))
    expect.raises(ValueError, student.loss, "mse_loss", x, y, reduction=wrong, mentions=[wrong])
    expect.raises(ValueError, student.loss, "cross_entropy", x[:, None], [0] * 4, reduction=wrong, mentions=[wrong])


@test_case(
    name="the mean of nothing is not a number",
    points=2,
    hidden=True,
    failure_message="An empty batch has the sum 0 and the mean NaN, without a warning and without a ZeroDivisionError.",
)
def nothing(student, rng):
    empty = np.zeros((0, int(rng.integers(2, 6))), dtype="float32")
    for function, target in (("mse_loss", empty), ("cross_entropy", np.zeros(0, dtype="int64"))):
        expect.close(student.quietly(function, empty, target), np.nan)
        expect.close(student.quietly(function, empty, target, reduction="sum"), 0.0)
        expect.shape(student.quietly(function, empty, target, reduction="none"), target.shape)
