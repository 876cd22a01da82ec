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


@test_case(
    name="logits of a thousand give finite losses",
    points=3,
    hidden=True,
    failure_message="A class whose logit is 1000 below the others costs 1000. No exp overflows, no log sees a 0.",
)
def far_logits(student, rng):
    gaps = rng.uniform(150, 2000, size=6).astype("float32")
    x = np.stack([gaps, np.zeros(6, dtype="float32"), -gaps], axis=1)
    function, level = "cross_entropy", float(rng.integers(-500, 500))
    for shift in (0.0, level):
        expect.close(student.quietly(function, x + shift, np.zeros(6, dtype=int), reduction="none"), np.zeros(6))
        expect.close(student.quietly(function, x + shift, np.ones(6, dtype=int), reduction="none"), gaps, rtol=1e-4)
        expect.close(student.quietly(function, x + shift, np.full(6, 2), reduction="none"), 2 * gaps, rtol=1e-4)
    result = student.quietly(function, x, np.zeros(6, dtype=int), label_smoothing=0.3, reduction="none")
    expect.close(result, 0.3 * gaps)  # 0.1 of the mass lies gaps away, 0.1 twice as far


@test_case(
    name="a shift of a row of logits costs nothing",
    points=1,
    hidden=True,
    failure_message="Only differences within a row matter, however far the rows are from each other.",
)
def shift_costs_nothing(student, rng):
    x = (rng.integers(-12, 13, size=(5, 4)) / 4).astype("float32")  # quarters: shifting them loses no digit
    shift = rng.integers(-30000, 30001, size=(5, 1)).astype("float32")
    targets = rng.integers(0, 4, size=5)
    losses = -(_one_hot(targets, 4) * _log_softmax(x)).sum(axis=1)
    expect.close(student.quietly("cross_entropy", x + shift, targets, reduction="none"), losses)


@test_case(name="smoothing spreads its share over all classes", points=3)
def smoothing(student, rng):
    classes, share = int(rng.integers(3, 8)), float(rng.uniform(0.1, 0.5))
    x = rng.normal(size=(5, classes)).astype("float32")
    targets = np.append(rng.integers(0, classes, size=4), classes - 1)
    goal = (1 - share) * _one_hot(targets, classes) + share / classes
    losses = -(goal * _log_softmax(x)).sum(axis=1)
    expect.close(student.loss("cross_entropy", x, targets, label_smoothing=share, reduction="none"), losses)
    expect.close(student.loss("cross_entropy", x, targets, label_smoothing=share), losses.mean())


@test_case(
    name="a probability for each class as the target",
    points=3,
    hidden=True,
    failure_message="Targets of the logits' shape hold a probability for each class; smoothing and weights apply too.",
)
def distributions(student, rng):
    n, classes = int(rng.integers(4, 8)), int(rng.integers(2, 6))
    x = rng.normal(size=(n, classes))
    goal = rng.dirichlet(np.ones(classes), size=n)
    weight = rng.uniform(0.2, 3, size=classes)
    log_p = _log_softmax(x)
    expect.close(student.loss("cross_entropy", x, goal, reduction="none"), -(goal * log_p).sum(axis=1))
    expect.close(student.loss_of_tensors("cross_entropy", x, goal), -(goal * log_p).sum() / n)
    smooth = weight * (0.8 * goal + 0.2 / classes)
    result = student.loss("cross_entropy", x, goal, weight=weight, label_smoothing=0.2)
    expect.close(result, -(smooth * log_p).sum() / n)


@test_case(
    name="smoothing together with weights and ignored rows",
    points=2,
    hidden=True,
    failure_message="Weights multiply the smoothed targets class by class; the mean still divides by weight[target].",
)
def all_together(student, rng):
    x = rng.normal(size=(9, 4))
    weight, share = rng.uniform(0.2, 3, size=4), float(rng.uniform(0.1, 0.5))
    targets = np.append(rng.integers(0, 4, size=8), 3)
    kept = np.arange(9) >= 3
    plain = -((1 - share) * _one_hot(targets, 4) + share / 4) * _log_softmax(x)
    losses = (weight * plain).sum(axis=1) * kept
    counts = weight[targets] * kept
    targets[:3] = -100
    settings = {"weight": weight, "label_smoothing": share, "ignore_index": -100}
    expect.close(student.loss("cross_entropy", x, targets, reduction="none", **settings), losses)
    expect.close(student.loss("cross_entropy", x, targets, **settings), losses.sum() / counts.sum())
    settings["weight"] = None
    expect.close(student.loss("cross_entropy", x, targets, **settings), plain[3:].sum() / 6)


@test_case(
    name="classes lie along dim 1",
    points=3,
    hidden=True,
    failure_message="Logits (N, C, H, W) have class numbers (N, H, W): each pixel is a row, and counts in the mean.",
)
def dims_behind_the_classes(student, rng):
    for rest in ((3,), (2, 4)):
        n, classes = (int(k) for k in rng.integers(2, 6, size=2))
        x = rng.normal(size=(n, classes, *rest))
        targets = rng.integers(0, classes, size=(n, *rest))
        goal = np.moveaxis(_one_hot(targets, classes), -1, 1)
        losses = -(goal * _log_softmax(x)).sum(axis=1)
        expect.close(student.loss("cross_entropy", x, targets, reduction="none"), losses)
        expect.close(student.loss("cross_entropy", x, targets), losses.mean())
        expect.close(student.loss("cross_entropy", x, goal), losses.mean())
        expect.close(student.loss("nll_loss", _log_softmax(x), targets), losses.mean())


@test_case(
    name="what is kept for the way back",
    points=2,
    hidden=True,
    failure_message="The docstrings of _nll and _cross_entropy say what else they return; share is count / divisor.",
)
def kept_for_the_way_back(student, rng):
    x = rng.normal(size=(6, 3))
    weight = rng.uniform(0.2, 3, size=3)
    targets = np.append(rng.integers(0, 3, size=5), 2)
    counts = weight[targets]
    smooth = weight * (0.9 * _one_hot(targets, 3) + 0.1 / 3)
    weighted = {"weight": weight}
    settings = {"none": ({}, 1.0), "sum": (weighted, counts), "mean": (weighted, counts / counts.sum())}
    for reduction, (more, share) in settings.items():
        for function in ("nll_loss", "cross_entropy"):
            kept = student.kept_by(function, x, targets, reduction=reduction, **more)
            expect.equal(len(kept), 2 if function == "nll_loss" else 4)
            expect.equal(kept[-2], targets)
            expect.close(kept[-1], share)
    plain = student.kept_by("cross_entropy", x, targets)
    smoothed = student.kept_by("cross_entropy", x, targets, weight=weight, label_smoothing=0.1)
    for kept in (plain, smoothed):
        expect.equal(len(kept), 4)
        expect.shape(kept[0], (6, 3))
        expect.shape(kept[1], (6,))
        expect.close(kept[0] / kept[1][:, None], np.exp(_log_softmax(x)))
    expect.close(plain[-1], 1 / 6)
    expect.close(smoothed[2], smooth)
    expect.close(smoothed[3], 1 / counts.sum())
