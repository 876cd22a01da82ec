"""The classes: losses that remember their settings and are called with predictions and targets."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "objects"
title = "Objects"
points = None


def _log_softmax(x):
    x = x.astype("float64")
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


@test_case(name="losses are called with predictions and targets", points=2)
def losses_are_called(student, rng):
    x, y = rng.uniform(0.1, 0.9, size=(2, 4, 3)).astype("float32")
    targets = rng.integers(0, 3, size=4)
    expect.close(student.called("MSELoss", x, y), np.mean((x.astype("float64") - y) ** 2))
    expect.close(student.called("L1Loss", x, y, reduction="sum"), np.abs(x.astype("float64") - y).sum())
    losses = -_log_softmax(x)[np.arange(4), targets]
    expect.close(student.called("CrossEntropyLoss", x, targets), losses.mean())
    expect.close(student.forwarded("CrossEntropyLoss", x, targets, reduction="none"), losses)


@test_case(
    name="losses remember their settings",
    points=3,
    hidden=True,
    failure_message="delta, weight, ignore_index, label_smoothing and reduction reach the function from forward.",
)
def settings_are_remembered(student, rng):
    x, y = (3 * rng.normal(size=(2, 6, 4))).astype("float32")
    delta, share = rng.uniform(0.2, 0.8, size=2).tolist()
    d = np.abs(x.astype("float64") - y)
    huber = np.where(d <= delta, d**2 / 2, delta * (d - delta / 2))
    expect.close(student.called("HuberLoss", x, y, delta=delta, reduction="none"), huber)
    weight = rng.uniform(0.5, 2, size=4).astype("float32")
    targets = np.concatenate([rng.integers(0, 3, size=5), [3]])
    kept, log_p = targets != 3, _log_softmax(x)
    counts = weight[targets].astype("float64") * kept
    losses = -log_p[np.arange(6), targets] * counts
    plain, reduced = {"weight": weight, "ignore_index": 3}, losses.sum() / counts.sum()
    expect.close(student.called("NLLLoss", log_p.astype("float32"), targets, **plain), reduced)
    expect.close(student.called("NLLLoss", log_p, targets, reduction="sum", **plain), losses.sum())
    expect.close(student.called("CrossEntropyLoss", x, targets, **plain), reduced)
    smooth = weight * ((1 - share) * np.eye(4)[targets] + share / 4) * kept[:, None]
    result = student.called("CrossEntropyLoss", x, targets, label_smoothing=share, reduction="sum", **plain)
    expect.close(result, -(smooth * log_p).sum(), rtol=2e-5)


@test_case(
    name="two names for binary cross entropy, and one for its logits",
    points=1,
    hidden=True,
    failure_message="BCELoss and BinaryCrossEntropyLoss take probabilities, BCEWithLogitsLoss takes logits.",
)
def binary_names(student, rng):
    x, y = rng.uniform(0.1, 0.9, size=(2, 5)).astype("float32")
    wide = x.astype("float64")
    for kind in ("BCELoss", "BinaryCrossEntropyLoss"):
        expect.close(student.called(kind, x, y), -np.mean(y * np.log(wide) + (1 - y) * np.log(1 - wide)))
    expect.close(student.called("BCEWithLogitsLoss", x, y, "sum"), np.sum(np.log(1 + np.exp(wide)) - wide * y))


@test_case(
    name="an unknown reduction is refused when the object is made",
    points=1,
    hidden=True,
    failure_message="The error comes from the constructor, not from the first step of a training.",
)
def refused_at_once(student, rng):
    wrong = "".join(rng.choice(list("abcdefgh"), size=5))
    for kind in ("MSELoss", "CrossEntropyLoss"):
        expect.raises(ValueError, student.made, kind, reduction=wrong, mentions=[wrong])
