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


@test_case(
    name="accuracy of pixels, of thresholds, of classes, and after a reset",
    points=2,
    hidden=True,
    failure_message="Scores (N, C, d1, ...) are compared along axis 1; classes as they are; one score a sample by its threshold.",
)
def accuracy_forms(student, rng):
    scores, labels = rng.normal(size=(6, 3, 4, 5)).astype("float32"), rng.integers(0, 3, size=(6, 4, 5))
    expect.close(student.measured("Accuracy", [[scores, labels]]), (scores.argmax(1) == labels).mean())
    classes = rng.integers(0, 3, size=50).astype("float32")
    true = rng.integers(0, 3, size=50)
    expect.close(student.measured("Accuracy", [[classes, true]]), (classes == true).mean())
    logits, truth = rng.normal(size=(40, 1)).astype("float32"), rng.integers(0, 2, size=40)
    logits[:6] = 0.0  # at the threshold is not above it
    for limit in (0.0, 0.7):
        right = ((logits[:, 0] > limit) == truth).mean()
        expect.close(student.measured("Accuracy", [[logits, truth]], threshold=limit), right)
    first, second = _batches(rng, (9, 4), 3), _batches(rng, (11,), 3)
    both = [np.trace(_counts(part, 3)) / _counts(part, 3).sum() for part in (first, second)]
    expect.close(student.measured_twice("Accuracy", first, second), both)


@test_case(name="rows of the confusion matrix are true classes, columns predicted ones", points=2)
def confusion(student, rng):
    ((scores, labels),) = _batches(rng, (60,), 4)
    labels[:4], scores[:4] = np.arange(4), np.roll(np.eye(4), 1, axis=1) * 9  # each class occurs, not symmetrically
    expect.equal(student.confusion(scores, labels).tolist(), _counts([[scores, labels]], 4).tolist())


@test_case(
    name="a confusion matrix of a given size, and classes that are not in it",
    points=2,
    hidden=True,
    failure_message="num_classes decides the size, also where the last classes do not occur.",
)
def confusion_size(student, rng):
    predicted, true = rng.integers(0, 3, size=(2, 30))
    expected = np.zeros((6, 6), int)
    np.add.at(expected, (true, predicted), 1)
    expect.equal(student.confusion(predicted, true, num_classes=6).tolist(), expected.tolist())
    size = int(max(predicted.max(), true.max()))
    expect.raises(ValueError, student.confusion, predicted, true, num_classes=size)
    empty = student.confusion(np.zeros((0, 4), "float32"), np.zeros(0, int), num_classes=4)
    expect.equal(empty.tolist(), np.zeros((4, 4), int).tolist())


@test_case(name="precision looks at what was predicted, recall at what is true", points=3)
def precision_and_recall(student, rng):
    hits, false_alarms, missed, rest = (int(n) for n in rng.choice(np.arange(2, 30), size=4, replace=False))
    predicted = np.repeat([1, 1, 0, 0], [hits, false_alarms, missed, rest])
    true = np.repeat([1, 0, 1, 0], [hits, false_alarms, missed, rest])
    batches = [[predicted[k::3], true[k::3]] for k in range(3)]
    expect.close(student.measured("Precision", batches, average="binary"), hits / (hits + false_alarms))
    expect.close(student.measured("Recall", batches, average="binary"), hits / (hits + missed))


@test_case(
    name="macro averages count every class alike, micro averages every sample",
    points=3,
    hidden=True,
    failure_message=(
        '"macro" is the mean of the classes\' ratios, "micro" one ratio of the sums of all counts. One score a sample is'
        " compared with the metric's own threshold."
    ),
)
def averages(student, rng):
    batches = _batches(rng, (50, 31), 5)
    batches[0][1][:25] = 0  # one class is far more frequent
    matrix = _counts(batches, 5)
    hits, taken, belong = np.diag(matrix), matrix.sum(0), matrix.sum(1)
    for kind, above, below in (("Precision", hits, taken), ("Recall", hits, belong), ("F1", 2 * hits, taken + belong)):
        expect.close(student.measured(kind, batches), (above / np.maximum(below, 1)).mean())
        expect.close(student.measured(kind, batches, average="micro"), above.sum() / below.sum())
    logits, truth = rng.normal(size=(40, 1)).astype("float32"), rng.integers(0, 2, size=40)
    logits[0], truth[0] = 2.0, 1  # at least one lies above the threshold, and rightly
    found = student.measured("Precision", [[logits, truth]], average="binary", threshold=0.7)
    expect.close(found, truth[logits[:, 0] > 0.7].mean())


@test_case(
    name="classes that come late, and classes that never come",
    points=2,
    hidden=True,
    failure_message="A later batch may bring a new class. A class in neither predictions nor targets has no part in the macro mean.",
)
def rare_classes(student, rng):
    few, many = rng.integers(0, 2, size=(2, 20)), 2 * rng.integers(0, 4, size=(2, 30))
    batches = [[few[0], few[1]], [many[0], many[1]], [few[1], few[0]]]
    batches[1][0][0], batches[1][1][0] = 8, 4  # class 8 is predicted once and never true
    predicted = np.concatenate([p for p, _ in batches])
    true = np.concatenate([t for _, t in batches])
    here = np.union1d(predicted, true)
    hits = np.array([((predicted == c) & (true == c)).sum() for c in here])
    taken = np.array([(predicted == c).sum() for c in here])
    belong = np.array([(true == c).sum() for c in here])
    expect.close(student.measured("Precision", batches), (hits / np.maximum(taken, 1)).mean())
    expect.close(student.measured("Recall", batches), (hits / np.maximum(belong, 1)).mean())
    expect.close(student.measured("Recall", []), np.nan)
    # One sample is a whole class, and a whole matrix.
    alone = [np.array([0, 0, 1]), np.array([0, 0, 1])]
    expect.close(student.measured("Recall", [alone]), 1.0)
    expect.close(student.measured("Recall", [[alone[0][:1], alone[1][:1]]], average="micro"), 1.0)


@test_case(name="F1 of each class is the harmonic mean of its precision and recall", points=2)
def f1(student, rng):
    batches = _batches(rng, (80, 40), 4)
    matrix = _counts(batches, 4) + 0.0
    p, r = np.diag(matrix) / matrix.sum(0), np.diag(matrix) / matrix.sum(1)
    expect.close(student.per_class("F1", batches), 2 * p * r / (p + r))
    expect.close(student.per_class("Recall", batches), r)
