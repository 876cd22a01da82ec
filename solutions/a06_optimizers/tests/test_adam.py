"""Task 4: Adam with its two bias corrections, and AdamW, whose weight decay stays out of them."""

import itertools

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "adam"
title = "Adam and AdamW"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def _adam(p, gradients, lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, decoupled=False):
    """The rule of the papers in float64 for one parameter; returns where it ends, and the two running means."""
    p = p.astype("float64")
    m, v, largest = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, 1):
        g = g.astype("float64")
        if decoupled:
            p = p * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        largest = np.maximum(largest, v)
        v_hat = (largest if amsgrad else v) / (1 - betas[1] ** t)
        p = p - lr * m / (1 - betas[0] ** t) / (np.sqrt(v_hat) + eps)
    return p, m, v


@test_case(name="the first step is lr long, whatever the gradient", points=3)
def first_step(student, rng):
    start, g = _arrays(rng, (6,), (6,))
    g = (np.sign(g) * 10.0 ** rng.permutation(np.arange(-3, 3))).astype("float32")
    for rule in ("Adam", "AdamW"):
        ((got,),) = student.trained(rule, [start], [[g]], lr=0.1, weight_decay=0.0)
        expect.close(got, start - 0.1 * np.sign(g), atol=1e-5)


@test_case(name="under a constant gradient every step is lr long", points=1)
def constant_gradient(student, rng):
    start, g = _arrays(rng, (6,), (6,))
    g += np.sign(g)
    path = student.trained("Adam", [start], [[g]] * 10, lr=0.1)
    for k, (got,) in enumerate(path):
        expect.close(got, start - 0.1 * (k + 1) * np.sign(g), atol=1e-4)


@test_case(name="a second gradient that turns round", points=2)
def second_step(student, rng):
    start, g = _arrays(rng, (6,), (6,))
    g += np.sign(g)
    # m is 0.9 * 0.1 * g - 0.1 * 2 * g, v is (0.999 + 4) * 0.001 * g * g; both are corrected for two steps.
    m, v = -0.11 / (1 - 0.9**2), 0.004999 / (1 - 0.999**2)
    _, (got,) = student.trained("Adam", [start], [[g], [-2 * g]], lr=0.1)
    expect.close(got, start - 0.1 * np.sign(g) * (1 + m / np.sqrt(v)), atol=1e-5)


@test_case(
    name="fifty steps of Adam with every combination of options",
    points=4,
    hidden=True,
    failure_message="m and v are running means of g and g * g; each is divided by 1 - beta ** step before it is used.",
)
def adam_options(student, rng):
    starts = _arrays(rng, (3, 4), (2,))
    steps = [_arrays(rng, (3, 4), (2,)) for _ in range(50)]
    for betas, decay, amsgrad in itertools.product(((0.9, 0.999), (0.5, 0.7)), (0.0, 0.1), (False, True)):
        options = {"lr": 0.05, "betas": betas, "weight_decay": decay, "amsgrad": amsgrad}
        got = student.trained_in_float64("Adam", starts, steps, **options)
        for i, actual in enumerate(got):
            expect.close(actual, _adam(starts[i], [s[i] for s in steps], **options)[0], rtol=1e-9, atol=1e-9)


@test_case(
    name="eps stands outside the root and is not corrected",
    points=2,
    hidden=True,
    failure_message="Divide by sqrt(v_hat) + eps: eps is added after the root, and after v has been corrected.",
)
def epsilon(student, rng):
    starts = _arrays(rng, (3, 4))
    steps = [[0.01 * g for g in _arrays(rng, (3, 4))] for _ in range(10)]
    for eps in (1e-3, 0.1):
        got = student.trained_in_float64("Adam", starts, steps, lr=0.1, eps=eps)
        expect.close(got[0], _adam(starts[0], [s[0] for s in steps], lr=0.1, eps=eps)[0], rtol=1e-9, atol=1e-9)


@test_case(
    name="the running means are kept as they are",
    points=1,
    hidden=True,
    failure_message="The state holds m and v without correction, one number of each for each parameter.",
)
def running_means(student, rng):
    starts = _arrays(rng, (3, 4), (2,))
    steps = [_arrays(rng, (3, 4), (2,)) for _ in range(7)]
    mean, square = student.moments(starts, steps, lr=0.1)
    for i, start in enumerate(starts):
        _, m, v = _adam(start, [s[i] for s in steps], lr=0.1)
        expect.close(mean[i], m)
        expect.close(square[i], v)


@test_case(name="AdamW shrinks what has a zero gradient", points=1)
def decay_alone(student, rng):
    (start,) = _arrays(rng, (5,))
    path = student.trained("AdamW", [start], [[np.zeros(5, "float32")]] * 3, lr=0.5, weight_decay=0.2)
    for k, (got,) in enumerate(path):
        expect.close(got, start * 0.9 ** (k + 1))


@test_case(
    name="weight decay enters Adam's means but not AdamW's",
    points=3,
    hidden=True,
    failure_message=(
        "In Adam weight decay is a part of the gradient, so it is divided like the gradient. AdamW shrinks the"
        " parameters by lr * weight_decay and keeps decay out of m and v."
    ),
)
def coupled_or_not(student, rng):
    starts = _arrays(rng, (3, 4))
    steps = [[10 * g for g in _arrays(rng, (3, 4))] for _ in range(20)]
    for rule in ("Adam", "AdamW"):
        options = {"lr": 0.05, "weight_decay": 0.5}
        got = student.trained_in_float64(rule, starts, steps, **options)
        expected = _adam(starts[0], [s[0] for s in steps], decoupled=rule == "AdamW", **options)[0]
        expect.close(got[0], expected, rtol=1e-5, atol=1e-6)


@test_case(
    name="fifty steps of AdamW with its defaults",
    points=1,
    hidden=True,
    failure_message=(
        "Unless told otherwise AdamW has weight_decay 0.01, lr 0.001 and Adam's betas; amsgrad works as in Adam."
    ),
)
def adamw_defaults(student, rng):
    starts = _arrays(rng, (3, 4), ())
    steps = [_arrays(rng, (3, 4), ()) for _ in range(50)]
    for options in ({}, {"amsgrad": True, "lr": 0.1}):
        got = student.trained_in_float64("AdamW", starts, steps, **options)
        for i, actual in enumerate(got):
            expected = _adam(starts[i], [s[i] for s in steps], weight_decay=0.01, decoupled=True, **options)[0]
            expect.close(actual, expected, rtol=1e-9, atol=1e-9)


@test_case(
    name="the state of dead units ends at 0",
    points=1,
    hidden=True,
    failure_message=(
        "Call chunk.flush() after each update: otherwise the means of units without gradient become denormal."
    ),
)
def dead_units(student, rng):
    start, g = _arrays(rng, (6,), (6,))
    g += np.sign(g)
    alive = np.array([1, 0, 1, 0, 0, 1], "float32")
    mean = student.after_a_long_silence(start, g, alive, 900)
    expect.close(mean, g * alive, rtol=1e-3)
    expect.equal(mean * (1 - alive), np.zeros(6))
