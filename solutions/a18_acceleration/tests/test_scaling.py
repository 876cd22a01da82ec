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


@test_case(
    name="no gradient is divided twice",
    points=1,
    hidden=True,
    failure_message=(
        "unscale_ may be called before step, so that gradients can be clipped: then step must not divide again, and a"
        " second unscale_ before update() is a RuntimeError."
    ),
)
def twice(student, rng):
    expect.raises(RuntimeError, student.unscaled_twice, mentions=["unscale_"])
    gradient = (rng.uniform(1, 2, size=2) * [1, -1]).astype("f4")
    expect.close(student.clipped(gradient * 1024, 1024.0, 0.5), [0.5, -0.5], rtol=1e-6)
    expect.close(student.clipped(gradient * 8, 8.0, 5.0), [1, -1] - gradient, rtol=1e-6)


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


@test_case(
    name="a step that is not taken leaves no trace in the momentum",
    points=1,
    hidden=True,
    failure_message="Do not call optimizer.step() with zeros in place of the gradients: momentum would move the weights.",
)
def momentum(student, rng):
    gradient = rng.uniform(1, 2, size=2).astype("f4")
    answers, count = student.stepped([gradient, gradient * np.float32(np.inf), gradient, None], 1.0, 0.9)
    first = np.array([1, -1]) - 0.1 * gradient
    # After the bad step the scale is 0.5, so the same gradient counts twice.
    third = first - 0.1 * (0.9 * gradient + 2 * gradient)
    expect.equal([did for did, _ in answers[:3]], [True, False, True])
    for (_, got), want in zip(answers, (first, first, third), strict=False):
        expect.close(got, want, rtol=1e-5)
    expect.equal(count, 1)


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


@test_case(
    name="only good steps in a row count, with any factors",
    points=2,
    hidden=True,
    failure_message=(
        "A bad step sets the count of good ones back to 0, and so does growing. The factors are those that were given"
        " at construction, and the defaults are PyTorch's: 65536, 2, 0.5, 2000."
    ),
)
def in_a_row(student, rng):
    good = [bool(fine) for fine in rng.random(60) < 0.8]
    options = {"growth_factor": 1.5, "backoff_factor": 0.25, "growth_interval": 3}
    got = student.scales_after(good, init_scale=2.0**40, **options)
    expect.close(got, _scales(good, 2.0**40, 1.5, 0.25, 3), rtol=1e-9)
    good = [True] * 2001 + [False]
    expect.close(student.scales_after(good)[1998:], [65536.0, 131072.0, 131072.0, 65536.0])


@test_case(
    name="a scaler that was saved goes on where it was, and update needs a step",
    points=1,
    hidden=True,
    failure_message="Scale, good steps in a row and skipped steps are the state. update() without a step is a RuntimeError.",
)
def state(student, rng):
    good, more = [True, False, True, True], [True, True, False, True]
    scales, count = student.scales_resumed(good, more, init_scale=64.0, growth_interval=3)
    expect.close(scales, _scales(good + more, 64.0, interval=3)[4:])
    expect.equal(count, 2)
    expect.raises(RuntimeError, student.update_alone, mentions=["step"])


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


@test_case(
    name="forward and backward run on halves, the loss on float32",
    points=1,
    hidden=True,
    failure_message=(
        "The input is rounded to float16, so the product of halves runs; its output becomes float32 before the loss,"
        " because a scaled loss is larger than 65504."
    ),
)
def dtypes(student, rng):
    weight, bias = rng.normal(size=(3, 2)).astype("f4"), rng.normal(size=2).astype("f4")
    ((x, target),) = _batches(rng, 1)
    expect.equal(student.rules_in_training(weight, bias, x, target), [["linear_half", "float16", "float16"]])
    far = [(x, target * 0 + 300)]
    losses, got, *_ = student.trained(weight, bias, far, 0.001, init_scale=64.0)
    want_losses, want = _regression(weight, bias, far, 0.001)
    expect.close(losses, want_losses, rtol=0.01)
    expect.close(got, want, rtol=0.02, atol=0.01)


@test_case(
    name="updates that a half cannot hold add up in the masters",
    points=1,
    hidden=True,
    failure_message=(
        "A float16 near 1 moves in steps of 0.001. The optimizer has to move float32 masters, and every step has to"
        " begin with fresh copies of them."
    ),
)
def masters(student, rng):
    weight, bias = np.ones((1, 1), "f4"), np.zeros(1, "f4")
    x, target = np.ones((4, 1), "f4"), np.full((4, 1), 3.0, "f4")
    lr = float(rng.uniform(1e-5, 3e-5))
    _, got, *_ = student.trained(weight, bias, [(x, target)] * 100, lr, init_scale=64.0)
    expect.close(got - 1, [[100 * lr * 4]], rtol=0.05)


@test_case(
    name="what would be 0 in a half survives, and what would be infinite is found out",
    points=1,
    hidden=True,
    failure_message=(
        "With a scale of 1, gradients below 3e-8 are 0 and nothing is learnt; with 65536 they are there. With a scale"
        " that is far too large the first steps are not taken until it fits."
    ),
)
def extremes(student, rng):
    weight, bias = np.full((1, 1), 0.5, "f4"), np.zeros(1, "f4")
    # The gradient of the weight is 2 x (x w - t), about 1e-9.
    small = float(rng.uniform(1, 2)) * 1e-3
    x, target = np.array([[small]], "f4"), np.array([[small * 0.5 + 1e-6]], "f4")
    x16 = np.float64(x.astype("f2")[0, 0])
    error = np.float64(np.float16(x16 * 0.5)) - float(target[0, 0])
    gradient = 2 * x16 * error
    _, lost, *_ = student.trained(weight, bias, [(x, target)], 1e4, init_scale=1.0)
    _, kept, *_ = student.trained(weight, bias, [(x, target)], 1e4)
    expect.close([lost[0, 0], kept[0, 0]], [0.5, 0.5 - 1e4 * gradient], rtol=1e-6 + abs(gradient) * 1e4 * 0.01)
    # One batch again and again: its gradient shrinks, so that a scale that fitted once is not too large later.
    # Inputs are positive and errors of both signs, so that infinite ones add up to NaN in each gradient.
    x = rng.uniform(0.5, 1, size=(16, 3)).astype("f4")
    x[0, 0] = x[1, 1] = 2
    weight, bias = rng.normal(size=(3, 2)).astype("f4"), rng.normal(size=2).astype("f4")
    apart = np.array([[3, -3], [-3, 3], [0, 0]]) * rng.uniform(0.8, 1.2)
    batches = [(x, (x @ (weight - apart) + bias).astype("f4"))] * 40
    _, got, _, scale, count = student.trained(weight, bias, batches, 0.1, init_scale=2.0**30)
    expect.between(count, 10, 30, "steps that were not taken")
    expect.close(scale, 2.0 ** (30 - count))
    expect.close(got, _regression(weight, bias, batches[int(count) :], 0.1)[1], rtol=0.02, atol=0.02)
