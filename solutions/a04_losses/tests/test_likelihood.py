"""The negative log-likelihood: one element of each row, class weights, and rows that do not count."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "likelihood"
title = "Likelihood, weights and ignored rows"
points = None


def _log_softmax(x):
    shifted = x.astype("float64") - x.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _pick(log_p, targets):
    """Minus the log-probability of each row's class."""
    return -log_p[np.arange(len(targets)), targets]


@test_case(name="the log-probability of the right class, negated", points=3)
def picks_the_class(student, rng):
    n, classes = int(rng.integers(4, 8)), int(rng.integers(2, 6))
    log_p = _log_softmax(rng.normal(size=(n, classes)))
    targets = rng.integers(0, classes, size=n)
    expect.close(student.loss("nll_loss", log_p, targets, reduction="none"), _pick(log_p, targets))
    expect.close(student.loss("nll_loss", log_p, targets), _pick(log_p, targets).mean())


@test_case(name="ignored rows do not count", points=3)
def ignored_rows(student, rng):
    x = rng.normal(size=(8, 4)).astype("float32")
    targets = rng.integers(0, 4, size=8)
    targets[rng.choice(8, size=3, replace=False)] = -100
    kept = targets != -100
    losses = np.where(kept, _pick(_log_softmax(x), np.where(kept, targets, 0)), 0)
    expect.close(student.loss("cross_entropy", x, targets, ignore_index=-100, reduction="none"), losses)
    expect.close(student.loss("cross_entropy", x, targets, ignore_index=-100), losses.sum() / 5)


@test_case(
    name="any class number can be the ignored one",
    points=3,
    hidden=True,
    failure_message="ignore_index=0 ignores class 0, in nll_loss too. Sums leave the row out, means do not count it.",
)
def any_ignored(student, rng):
    x = rng.normal(size=(12, 3))
    log_p = _log_softmax(x)
    for ignored in (0, 2, -1):
        targets = rng.permutation([0, 1, 2] * 4)
        if ignored == -1:
            targets[:4] = -1
        kept = targets != ignored
        losses = np.where(kept, _pick(log_p, targets), 0)
        for function, predictions in (("nll_loss", log_p), ("cross_entropy", x)):
            expect.close(student.loss(function, predictions, targets, ignore_index=ignored), losses[kept].mean())
            result = student.loss(function, predictions, targets, ignore_index=ignored, reduction="sum")
            expect.close(result, losses.sum())


@test_case(
    name="class weights, and what the mean divides by",
    points=3,
    hidden=True,
    failure_message="A row counts weight[target]. The mean divides by the sum of these counts, not by the rows.",
)
def class_weights(student, rng):
    x = rng.normal(size=(7, 4))
    weight = rng.uniform(0.2, 3, size=4)
    targets = rng.integers(0, 4, size=7)
    counts = weight[targets]
    losses = counts * _pick(_log_softmax(x), targets)
    for function, predictions in (("cross_entropy", x), ("nll_loss", _log_softmax(x))):
        expect.close(student.loss(function, predictions, targets, weight=weight, reduction="none"), losses)
        expect.close(student.loss(function, predictions, targets, weight=weight), losses.sum() / counts.sum())
    targets[:2] = -100
    result = student.loss("cross_entropy", x, targets, weight=list(weight), ignore_index=-100)
    expect.close(result, losses[2:].sum() / counts[2:].sum())


@test_case(
    name="a batch in which every row is ignored",
    points=2,
    hidden=True,
    failure_message="Then the losses are zeros, their sum is 0 and their mean NaN, as in PyTorch, without a warning.",
)
def all_ignored(student, rng):
    n = int(rng.integers(2, 6))
    x = rng.normal(size=(n, 3)).astype("float32")
    targets = np.full(n, 2)
    for smoothing in (0.0, 0.1):
        settings = {"ignore_index": 2, "label_smoothing": smoothing}
        expect.close(student.quietly("cross_entropy", x, targets, **settings), np.nan)
        expect.close(student.quietly("cross_entropy", x, targets, reduction="sum", **settings), 0.0)
        expect.close(student.quietly("cross_entropy", x, targets, reduction="none", **settings), np.zeros(n))
    single = student.loss("nll_loss", x[:, :1], np.full(n, -100), ignore_index=-100, reduction="sum")
    expect.close(single, 0.0)  # whatever stands in for the ignored number has to be a class


@test_case(
    name="an ignored row may have an infinite loss",
    points=1,
    hidden=True,
    failure_message="0 times infinity is NaN: put 0 in place of the loss of an ignored row before you multiply.",
)
def ignored_infinity(student, rng):
    x = rng.normal(size=(4, 3)).astype("float32")
    targets = rng.integers(0, 3, size=4)
    row = int(rng.integers(0, 4))
    x[row, 0], targets[row] = -np.inf, -100
    others = np.arange(4) != row
    expected = _pick(_log_softmax(x[others]), targets[others]).mean()
    expect.close(student.quietly("cross_entropy", x, targets, ignore_index=-100), expected)
