"""Binary cross entropy, of probabilities and of logits: both of its parts, logarithms of zero, and far logits."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "binary"
title = "Binary cross entropy"
points = None


def _bce(p, y):
    p, y = np.asarray(p, dtype="float64"), np.asarray(y, dtype="float64")
    return -(y * np.log(p) + (1 - y) * np.log1p(-p))


@test_case(name="a yes counts -log p and a no counts -log(1 - p)", points=3)
def yes_and_no(student, rng):
    p = rng.uniform(0.05, 0.95, size=(6, 2)).astype("float32")
    y = rng.integers(0, 2, size=(6, 2)).astype("float32")
    expect.close(student.loss("binary_cross_entropy", [0.9, 0.9], [1, 0], reduction="none"), [0.10536052, 2.3025851])
    expect.close(student.loss("binary_cross_entropy", p, y), _bce(p, y).mean())


@test_case(name="the logarithm of zero counts as -100", points=3)
def logarithm_of_zero(student, rng):
    p, y = rng.permutation([[0, 0], [0, 1], [1, 0], [1, 1]] * 2).astype("float32").T
    result = student.quietly("binary_cross_entropy", p, y, reduction="none")
    expect.close(result, np.where(p == y, 0.0, 100.0))


@test_case(name="the same loss from logits", points=3)
def from_logits(student, rng):
    z = (2 * rng.normal(size=(5, 3))).astype("float32")
    y = rng.integers(0, 2, size=(5, 3)).astype("float32")
    p = 1 / (1 + np.exp(-z.astype("float64")))
    expect.close(student.loss("binary_cross_entropy_with_logits", [0.0], [1.0]), np.log(2))
    expect.close(student.loss("binary_cross_entropy_with_logits", z, y, reduction="none"), _bce(p, y))
