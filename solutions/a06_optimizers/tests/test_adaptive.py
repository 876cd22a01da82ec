"""Tasks 5 and 6: RMSprop, plain, centered and with momentum, and Adagrad, which never forgets."""

import itertools

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "adaptive"
title = "RMSprop and Adagrad"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def _rmsprop(p, gradients, lr=0.01, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
    p = p.astype("float64")
    s, a, b = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for g in gradients:
        g = g.astype("float64") + weight_decay * p
        s, a = alpha * s + (1 - alpha) * g**2, alpha * a + (1 - alpha) * g
        u = g / (np.sqrt(np.maximum(s - a**2, 0) if centered else s) + eps)
        b = momentum * b + u
        p = p - lr * b
    return p


def _adagrad(p, gradients, lr=0.01, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10):
    p = p.astype("float64")
    s = np.full_like(p, initial_accumulator_value)
    for k, g in enumerate(gradients):
        g = g.astype("float64") + weight_decay * p
        s = s + g**2
        p = p - lr / (1 + k * lr_decay) * g / (np.sqrt(s) + eps)
    return p


@test_case(name="RMSprop divides by the root of the mean square", points=2)
def rmsprop_steps(student, rng):
    start, g = _arrays(rng, (6,), (6,))
    g += np.sign(g)
    (first,), (second,) = student.trained("RMSprop", [start], [[g], [2 * g]], lr=0.1, alpha=0.9)
    expect.close(first, start - 0.1 * np.sign(g) / np.sqrt(0.1), atol=1e-5)
    expect.close(second, first - 0.1 * np.sign(g) * 2 / np.sqrt(0.09 + 0.4), atol=1e-5)


@test_case(
    name="fifty steps of RMSprop with every combination of options",
    points=3,
    hidden=True,
    failure_message=(
        "Decay joins the gradient first; centered subtracts the squared mean gradient under the root; momentum"
        " collects the quotients."
    ),
)
def rmsprop_options(student, rng):
    starts = _arrays(rng, (3, 4), (2,))
    steps = [_arrays(rng, (3, 4), (2,)) for _ in range(50)]
    for alpha, decay, momentum, centered in itertools.product((0.99, 0.8), (0, 0.1), (0, 0.9), (False, True)):
        options = {"alpha": alpha, "weight_decay": decay, "momentum": momentum, "centered": centered, "eps": 1e-4}
        got = student.trained_in_float64("RMSprop", starts, steps, **options)
        for i, actual in enumerate(got):
            expect.close(actual, _rmsprop(starts[i], [s[i] for s in steps], **options), rtol=1e-8, atol=1e-8)


@test_case(
    name="centered RMSprop under a constant gradient stays finite",
    points=1,
    hidden=True,
    failure_message=(
        "The mean square minus the squared mean may come out below 0 by rounding: clip it at 0 before the root."
    ),
)
def constant_gradient(student, rng):
    start, g = _arrays(rng, (50,), (50,))
    path = student.trained("RMSprop", [start], [[g]] * 60, lr=0.01, alpha=0.5, eps=1.0, centered=True)
    expect.finite(path[-1][0])
    expect.close(path[-1][0], _rmsprop(start, [g] * 60, alpha=0.5, eps=1.0, centered=True), rtol=1e-2, atol=1e-2)


@test_case(name="Adagrad divides by the root of the sum of squares", points=2)
def adagrad_steps(student, rng):
    start, g = _arrays(rng, (6,), (6,))
    g += np.sign(g)
    (first,), (second,), (third,) = student.trained("Adagrad", [start], [[g], [2 * g], [-g]], lr=0.1)
    expect.close(first, start - 0.1 * np.sign(g), atol=1e-5)
    expect.close(second, first - 0.1 * np.sign(g) * 2 / np.sqrt(5), atol=1e-5)
    expect.close(third, second + 0.1 * np.sign(g) / np.sqrt(6), atol=1e-5)


@test_case(
    name="fifty steps of Adagrad with every combination of options",
    points=2,
    hidden=True,
    failure_message=(
        "The sums start at initial_accumulator_value and only grow; at step k the rate is lr / (1 + (k - 1) * "
        "lr_decay);"
        " eps stands outside the root."
    ),
)
def adagrad_options(student, rng):
    starts = _arrays(rng, (3, 4), (2,))
    steps = [_arrays(rng, (3, 4), (2,)) for _ in range(50)]
    for late, decay, begin, eps in itertools.product((0, 0.1), (0, 0.1), (0.0, 2.0), (1e-10, 0.1)):
        options = {"lr_decay": late, "weight_decay": decay, "initial_accumulator_value": begin, "eps": eps}
        got = student.trained_in_float64("Adagrad", starts, steps, lr=0.1, **options)
        for i, actual in enumerate(got):
            expect.close(actual, _adagrad(starts[i], [s[i] for s in steps], lr=0.1, **options), rtol=1e-9, atol=1e-9)
