"""Cross entropy of logits: values, far logits, smoothing, distributions as targets, and classes along dim 1."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "cross_entropy"
title = "Cross entropy"
points = None


def _log_softmax(x):
    shifted = x.astype("float64") - x.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _one_hot(targets, classes):
    return np.eye(classes)[targets]


@test_case(name="cross entropy of logits and class numbers", points=4)
def of_class_numbers(student, rng):
    n, classes = int(rng.integers(4, 8)), int(rng.integers(2, 6))
    x = (2 * rng.normal(size=(n, classes))).astype("float32")
    targets = rng.integers(0, classes, size=n)
    losses = -(_one_hot(targets, classes) * _log_softmax(x)).sum(axis=1)
    expect.close(student.loss("cross_entropy", [[0.0, np.log(3.0)]], [1]), np.log(4 / 3))
    expect.close(student.loss("cross_entropy", x, targets, reduction="none"), losses)
    expect.close(student.loss("cross_entropy", x, targets), losses.mean())


@test_case(name="knowing nothing costs the logarithm of the number of classes", points=2)
def knowing_nothing(student, rng):
    classes = int(rng.integers(3, 200))
    x = np.full((3, classes), rng.normal(), dtype="float32")
    targets = rng.integers(0, classes - 1, size=3)  # no row of the last class: that does not make them fewer
    expect.close(student.loss("cross_entropy", x, targets), np.log(classes))
    expect.close(student.loss("cross_entropy", x, targets, label_smoothing=0.3), np.log(classes))


@test_case(name="smoothing spreads its share over all classes", points=3)
def smoothing(student, rng):
    classes, share = int(rng.integers(3, 8)), float(rng.uniform(0.1, 0.5))
    x = rng.normal(size=(5, classes)).astype("float32")
    targets = np.append(rng.integers(0, classes, size=4), classes - 1)
    goal = (1 - share) * _one_hot(targets, classes) + share / classes
    losses = -(goal * _log_softmax(x)).sum(axis=1)
    expect.close(student.loss("cross_entropy", x, targets, label_smoothing=share, reduction="none"), losses)
    expect.close(student.loss("cross_entropy", x, targets, label_smoothing=share), losses.mean())
