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
