"""Task 7: a step, an epoch, an evaluation, a prediction."""

import math

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "trainer"
title = "The training loop"
points = None


def _regression(rng, sizes):
    """Numbers of a linear model (3 -> 1) and batches [x, y] of the given sizes."""
    w, b = rng.normal(size=(3, 1)).astype("float32"), rng.normal(size=1).astype("float32")
    batches = [[rng.normal(size=(n, 3)).astype("float32"), rng.normal(size=(n, 1)).astype("float32")] for n in sizes]
    return w, b, batches


def _gradient(w, b, x, y):
    """Mean squared error and its gradients, in float64."""
    error = x.astype("float64") @ w + b - y
    return (error**2).mean(), 2 * x.T @ error / error.size, 2 * error.sum(0) / error.size


def _trained(w, b, batches, lr, epochs=1, momentum=0.0, clip=math.inf):
    """Numbers after SGD over the batches in turn, and the mean loss of each epoch."""
    w, b, vw, vb, losses = w.astype("float64"), b.astype("float64"), 0.0, 0.0, []
    for _ in range(epochs):
        total = 0.0
        for x, y in batches:
            loss, gw, gb = _gradient(w, b, x, y)
            shrink = min(1.0, clip / math.sqrt((gw**2).sum() + (gb**2).sum()))
            vw, vb = momentum * vw + gw * shrink, momentum * vb + gb * shrink
            w, b = w - lr * vw, b - lr * vb
            total += loss * len(x)
        losses.append(total / sum(len(x) for x, _ in batches))
    return [w, b], losses


def _same_numbers(got, expected):
    for array, number in zip(got, expected, strict=True):
        expect.close(array, number, rtol=1e-4, atol=1e-5)


@test_case(name="a step goes down the gradient of the loss", points=3)
def one_step(student, rng):
    w, b, batches = _regression(rng, (8,))
    lr = float(rng.uniform(0.05, 0.2))
    got = student.regression(w, b, batches, lr)
    expected, losses = _trained(w, b, batches, lr)
    _same_numbers(got["numbers"], expected)
    expect.close(got["train_loss"], losses, rtol=1e-4)


@test_case(name="the loss of an epoch is the mean over its samples", points=2)
def epoch_loss(student, rng):
    w, b, batches = _regression(rng, (8, 8, 3))
    got = student.regression(w, b, batches, 0.0, epochs=2)
    expect.close(got["train_loss"], _trained(w, b, batches, 0.0, epochs=2)[1], rtol=1e-4)
    expect.equal([got["step"], got["epoch"]], [6, 2])


@test_case(
    name="gradients of earlier steps are gone",
    points=3,
    hidden=True,
    failure_message="backward adds to what is in .grad. Before a step's first backward the old gradients have to go.",
)
def no_old_gradients(student, rng):
    w, b, batches = _regression(rng, (6, 6, 4, 6))
    got = student.regression(w, b, batches, 0.05, epochs=3, momentum=0.5)
    expected, losses = _trained(w, b, batches, 0.05, epochs=3, momentum=0.5)
    _same_numbers(got["numbers"], expected)
    expect.close(got["train_loss"], losses, rtol=1e-4)


def _accumulated(student, rng, sizes):
    """Three batches a step against one batch of all their samples."""
    w, b, batches = _regression(rng, sizes)
    joined = [[np.concatenate([batch[k] for batch in batches[i : i + 3]]) for k in (0, 1)] for i in (0, 3)]
    got = student.regression(w, b, batches, 0.1, epochs=2, momentum=0.5, accumulation_steps=3)
    expected, losses = _trained(w, b, joined, 0.1, epochs=2, momentum=0.5)
    _same_numbers(got["numbers"], expected)
    expect.close(got["train_loss"], losses, rtol=1e-4)
    expect.equal(got["step"], 4)


@test_case(
    name="accumulated batches of one size step by their mean gradient",
    points=1,
    hidden=True,
    failure_message="Three batches of eight are one batch of 24: the step follows the mean of their gradients, not the sum.",
)
def accumulation_of_equals(student, rng):
    _accumulated(student, rng, [int(rng.integers(3, 7))] * 5)


@test_case(
    name="accumulated batches step like one batch of all their samples",
    points=2,
    hidden=True,
    failure_message="Each batch's gradient counts by its share of the samples in the step; so does the group that ends an epoch. after_step hears of each.",
)
def accumulation(student, rng):
    _accumulated(student, rng, (7, 5, 6, 2, 6))
    sizes = rng.integers(2, 6, size=5)
    batches = [[rng.normal(size=(n, 3)).astype("float32"), rng.integers(0, 2, size=n)] for n in sizes]
    expect.equal([student.steps_told(batches, steps) for steps in (1, 2, 5)], [[1] * 5, [2, 2, 1], [5]])


@test_case(
    name="gradients are clipped before the step, those of a whole step at once",
    points=2,
    hidden=True,
    failure_message="Clip after the last backward of a step and before optimizer.step().",
)
def clipping(student, rng):
    w, b, batches = _regression(rng, (6, 6, 6, 6))
    limit = float(rng.uniform(0.1, 0.4))
    got = student.regression(w, b, batches, 0.1, epochs=2, grad_clip_norm=limit)
    _same_numbers(got["numbers"], _trained(w, b, batches, 0.1, epochs=2, clip=limit)[0])
    joined = [[np.concatenate([batch[k] for batch in batches[i : i + 2]]) for k in (0, 1)] for i in (0, 2)]
    got = student.regression(w, b, batches, 0.1, grad_clip_norm=limit, accumulation_steps=2)
    _same_numbers(got["numbers"], _trained(w, b, joined, 0.1, clip=limit)[0])
    frozen = student.regression(w, b, batches, 0.1, grad_clip_norm=0.0)
    _same_numbers(frozen["numbers"], [w, b])


def _classifier(rng, sizes):
    w, b = rng.normal(size=(3, 4)).astype("float32"), rng.normal(size=4).astype("float32")
    return w, b, [[rng.normal(size=(n, 3)).astype("float32"), rng.integers(0, 4, size=n)] for n in sizes]


def _cross_entropy(w, b, batches):
    """Mean loss and accuracy of a linear classifier over all samples."""
    x, y = (np.concatenate([batch[k] for batch in batches]) for k in (0, 1))
    logits = x.astype("float64") @ w + b
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return -logs[np.arange(len(y)), y].mean(), (logits.argmax(1) == y).mean()


@test_case(name="an evaluation measures all samples of all batches", points=2)
def evaluation(student, rng):
    w, b, batches = _classifier(rng, (20, 20, 3))
    loss, accuracy, _ = student.evaluated(w, b, batches)
    expect.close([loss, accuracy], _cross_entropy(w, b, batches), rtol=1e-4)


@test_case(
    name="training and validation are measured apart",
    points=2,
    hidden=True,
    failure_message="train_step feeds the metrics and the loss of the epoch; evaluate has its own, which begin at nothing.",
)
def measured_apart(student, rng):
    w, b, train = _classifier(rng, (15, 9))
    _, _, val = _classifier(rng, (12, 4, 4))
    got = student.evaluated_beside_training(w, b, train, val)
    for prefix, batches in (("train_", train), ("val_", val)):
        loss, accuracy = _cross_entropy(w, b, batches)
        expect.close(got[f"{prefix}loss"], [loss] * 2, rtol=1e-4)
        expect.close(got["val_accuracy" if prefix == "val_" else "accuracy"], [accuracy] * 2)


@test_case(name="an epoch runs in training mode and is recorded, whatever mode it finds", points=1)
def training_mode(student, rng):
    x, y = rng.normal(size=(4, 2)).astype("float32"), rng.integers(0, 2, size=4)
    for before in (True, False):
        notes, _ = student.diary(x, y, before)
        expect.equal(notes[2], [True, True, True])


@test_case(name="evaluation and prediction run in evaluation mode without recording", points=2)
def evaluation_mode(student, rng):
    x, y = rng.normal(size=(4, 2)).astype("float32"), rng.integers(0, 2, size=4)
    for before in (True, False):
        notes, _ = student.diary(x, y, before)
        expect.equal(notes[:2], [[False, False, False], [False, False, False]])


@test_case(
    name="the mode comes back, also after an error",
    points=2,
    hidden=True,
    failure_message="evaluate and predict leave the model in the mode they found it in: try ... finally.",
)
def modes_come_back(student, rng):
    x, y = rng.normal(size=(4, 2)).astype("float32"), rng.integers(0, 2, size=4)
    for before in rng.permutation([True, False]).tolist():
        _, after = student.diary(x, y, before)
        expect.equal(after[:2], [[before, before]] * 2)
        expect.equal(student.mode_after_failing(x, y, before), [before, before])


@test_case(
    name="predictions for an array, for a loader, for inputs alone",
    points=2,
    hidden=True,
    failure_message="predict returns one tensor of all outputs in the order of the inputs, whatever the batches were.",
)
def predictions(student, rng):
    w, b = rng.normal(size=(3, 2)).astype("float32"), rng.normal(size=2).astype("float32")
    sizes = [int(n) for n in rng.integers(1, 6, size=3)]
    x = rng.normal(size=(sum(sizes), 3)).astype("float32")
    for got in student.predicted(w, b, x, sizes):
        expect.close(got, x @ w + b, rtol=1e-4, atol=1e-5)
