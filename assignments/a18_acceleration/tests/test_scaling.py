"""Tasks 8 and 9: the scale of the loss, and training with two copies of the weights."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "scaling"
title = "Small gradients survive"
points = None


@test_case(name="the loss is multiplied by the scale", points=1)
def loss(student, rng):
    value, scale = float(np.float32(rng.uniform(0.5, 2))), float(2 ** rng.integers(3, 30))
    expect.close(student.scaled_loss(value, scale), value * scale, rtol=1e-6)


@test_case(name="gradients are divided by the scale, as float32", points=2)
def unscale(student, rng):
    # 3e-5 / 65536 is far below what a float16 can hold.
    gradient, scale = np.array([3e-5, float(rng.uniform(1, 9))], "f2"), 65536.0
    want = gradient.astype("f8") / scale
    got, dtype, stepped, weights = student.unscaled(gradient, scale)
    expect.close(got, want, rtol=1e-6, atol=0)
    expect.equal([dtype, stepped], ["float32", True])
    expect.close(weights, [1, -1] - 0.1 * want, rtol=1e-6)


@test_case(name="a step with a gradient that is not finite is not taken", points=2)
def skipped(student, rng):
    good = (rng.normal(size=2) * 16).astype("f4")
    bad = [np.array([np.inf, 1], "f4"), np.array([0, np.nan], "f4"), np.array([-np.inf, np.nan], "f2")]
    order = rng.permutation(4)
    gradients = [[good, *bad][i] for i in order]
    answers, count = student.stepped(gradients, 16.0, 0.0)
    weights, scale = np.array([1.0, -1.0]), 16.0
    for (did, got), gradient in zip(answers, gradients, strict=True):
        expect.equal(did, bool(np.isfinite(gradient).all()))
        if did:
            weights = weights - 0.1 * gradient / scale
        else:
            scale /= 2
        expect.close(got, weights, rtol=1e-5)
    expect.equal(count, 3)


def _scales(good, start, growth=2.0, backoff=0.5, interval=2000):
    scale, row, scales = start, 0, []
    for fine in good:
        row = row + 1 if fine else 0
        if not fine:
            scale *= backoff
        elif row == interval:
            scale, row = scale * growth, 0
        scales.append(scale)
    return scales


@test_case(name="the scale is halved after a bad step and doubled after good ones", points=2)
def changes(student, rng):
    interval = int(rng.integers(3, 6))
    good = [True] * (2 * interval) + [False] + [True] * interval + [False, False]
    got = student.scales_after(good, init_scale=256.0, growth_interval=interval)
    expect.close(got, _scales(good, 256.0, interval=interval))
    expect.close(student.scales_after([True, False], init_scale=8.0), [8.0, 4.0])


@test_case(name="inside, the model holds halves; afterwards its own arrays again", points=2)
def halved(student, rng):
    weight, bias = rng.normal(size=(3, 2)).astype("f4"), rng.normal(size=2).astype("f4")
    for fails in (False, True):
        answers, kernels_left = student.halved(weight, bias, fails)
        (half, number, on), (single, kept, same, off), (_, second, _), (_, kept_again, *_) = answers
        expect.equal([half, on, single, same, off], ["float16", True, "float32", True, False])
        expect.equal(number, weight.astype("f2"))
        expect.equal(kept, weight)
        # The masters were doubled meanwhile: the copies follow.
        expect.equal(second, (weight * 2).astype("f2"))
        expect.equal(kept_again, weight * 2)
        expect.equal(kernels_left, 0)


def _regression(weight, bias, batches, lr):
    """Losses and weight of plain gradient descent in float64."""
    weight, bias, losses = weight.astype("f8"), bias.astype("f8"), []
    for x, target in batches:
        error = x.astype("f8") @ weight + bias - target
        losses.append((error**2).mean())
        g = 2 * error / error.size
        weight, bias = weight - lr * x.T.astype("f8") @ g, bias - lr * g.sum(0)
    return losses, weight


def _batches(rng, count, rows=16):
    truth = rng.normal(size=(3, 2))
    inputs = [rng.normal(size=(rows, 3)).astype("f4") for _ in range(count)]
    return [(x, (x @ truth).astype("f4")) for x in inputs]


@test_case(name="training in mixed precision is training", points=1)
def training(student, rng):
    weight, bias = rng.normal(size=(3, 2)).astype("f4"), rng.normal(size=2).astype("f4")
    batches = _batches(rng, 20)
    losses, got, dtype, scale, count = student.trained(weight, bias, batches, 0.1, init_scale=1024.0)
    want_losses, want = _regression(weight, bias, batches, 0.1)
    expect.close(losses, want_losses, rtol=0.03, atol=0.003)
    expect.close(got, want, rtol=0.01, atol=0.005)
    expect.equal([dtype, scale, count], ["float32", 1024.0, 0])
