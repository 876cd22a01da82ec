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
