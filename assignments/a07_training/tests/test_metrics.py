"""Tasks 3 and 4: means over samples, accuracy, the confusion matrix and what is read off it."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "metrics"
title = "Metrics"
points = None


def _batches(rng, sizes, classes):
    """Batches of scores and labels; about half of the labels have the largest score."""
    batches = []
    for n in sizes:
        labels = rng.integers(0, classes, size=n)
        scores = rng.normal(size=(n, classes)).astype("float32")
        scores[np.arange(n), labels] += 1.2
        batches.append([scores, labels])
    return batches


def _counts(batches, size):
    matrix = np.zeros((size, size), int)
    for scores, labels in batches:
        np.add.at(matrix, (labels, scores.argmax(1)), 1)
    return matrix


@test_case(name="the mean over batches of several sizes is the mean over samples", points=2)
def mean(student, rng):
    sizes = [int(n) for n in rng.integers(1, 40, size=5)]
    samples = [rng.normal(3, 2, size=n) for n in sizes]
    expect.close(student.mean([float(s.mean()) for s in samples], sizes), np.concatenate(samples).mean())
    expect.close(student.mean([], []), np.nan)


@test_case(name="accuracy counts samples, not batches", points=2)
def accuracy(student, rng):
    batches = _batches(rng, (30, 7, 1), 4)
    right = [(scores.argmax(1) == labels).sum() for scores, labels in batches]
    expect.close(student.measured("Accuracy", batches), sum(right) / 38)


@test_case(name="rows of the confusion matrix are true classes, columns predicted ones", points=2)
def confusion(student, rng):
    ((scores, labels),) = _batches(rng, (60,), 4)
    labels[:4], scores[:4] = np.arange(4), np.roll(np.eye(4), 1, axis=1) * 9  # each class occurs, not symmetrically
    expect.equal(student.confusion(scores, labels).tolist(), _counts([[scores, labels]], 4).tolist())


@test_case(name="precision looks at what was predicted, recall at what is true", points=3)
def precision_and_recall(student, rng):
    hits, false_alarms, missed, rest = (int(n) for n in rng.choice(np.arange(2, 30), size=4, replace=False))
    predicted = np.repeat([1, 1, 0, 0], [hits, false_alarms, missed, rest])
    true = np.repeat([1, 0, 1, 0], [hits, false_alarms, missed, rest])
    batches = [[predicted[k::3], true[k::3]] for k in range(3)]
    expect.close(student.measured("Precision", batches, average="binary"), hits / (hits + false_alarms))
    expect.close(student.measured("Recall", batches, average="binary"), hits / (hits + missed))


@test_case(name="F1 of each class is the harmonic mean of its precision and recall", points=2)
def f1(student, rng):
    batches = _batches(rng, (80, 40), 4)
    matrix = _counts(batches, 4) + 0.0
    p, r = np.diag(matrix) / matrix.sum(0), np.diag(matrix) / matrix.sum(1)
    expect.close(student.per_class("F1", batches), 2 * p * r / (p + r))
    expect.close(student.per_class("Recall", batches), r)
