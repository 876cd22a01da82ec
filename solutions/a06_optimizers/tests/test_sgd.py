"""Task 3: gradient descent with weight decay, momentum, dampening and Nesterov's look ahead."""

import itertools

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "sgd"
title = "Gradient descent"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def _descended(p, gradients, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False):
    """PyTorch's rule in float64 for one parameter: where it is after each step."""
    p, b, path = p.astype("float64"), None, []
    for g in gradients:
        g = (-g if maximize else g).astype("float64") + weight_decay * p
        if momentum:
            b = g if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        p = p - lr * g
        path.append(p)
    return path


@test_case(name="a step down the gradient", points=2)
def plain(student, rng):
    starts, gradients = _arrays(rng, (2, 3), (4,)), _arrays(rng, (2, 3), (4,))
    lr = float(rng.uniform(0.1, 1))
    (got,) = student.trained("SGD", starts, [gradients], lr=lr)
    for actual, start, g in zip(got, starts, gradients, strict=True):
        expect.close(actual, start - lr * g.astype("float64"))
        expect.dtype(actual, "float32")


@test_case(name="weight decay shrinks what has a zero gradient", points=1)
def weight_decay(student, rng):
    (start,) = _arrays(rng, (5,))
    path = student.trained("SGD", [start], [[np.zeros(5, "float32")]] * 3, lr=0.5, weight_decay=0.2)
    for k, (got,) in enumerate(path):
        expect.close(got, start * 0.9 ** (k + 1))


@test_case(name="momentum adds up a velocity", points=3)
def momentum(student, rng):
    start, g1, g2 = _arrays(rng, (4,), (4,), (4,))
    (first,), (second,) = student.trained("SGD", [start], [[g1], [g2]], lr=0.5, momentum=0.9)
    expect.close(first, start - 0.5 * g1)
    expect.close(second, start - 0.5 * g1 - 0.5 * (0.9 * g1 + g2), atol=1e-5)


@test_case(
    name="dampening holds back all gradients but the first",
    points=2,
    hidden=True,
    failure_message=(
        "At the first step the velocity is the gradient itself; afterwards the gradient enters times 1 - dampening."
    ),
)
def dampening(student, rng):
    start, *gradients = _arrays(rng, *[(4,)] * 6)
    path = student.trained("SGD", [start], [[g] for g in gradients], lr=0.3, momentum=0.8, dampening=0.4)
    for (got,), expected in zip(path, _descended(start, gradients, 0.3, 0.8, 0.4), strict=True):
        expect.close(got, expected, atol=1e-5)


@test_case(
    name="Nesterov steps along gradient plus momentum times the new velocity",
    points=3,
    hidden=True,
    failure_message="With nesterov the direction is g + momentum * b, where b is the velocity that already holds g.",
)
def nesterov(student, rng):
    start, *gradients = _arrays(rng, *[(4,)] * 6)
    path = student.trained("SGD", [start], [[g] for g in gradients], lr=0.3, momentum=0.8, nesterov=True)
    for (got,), expected in zip(path, _descended(start, gradients, 0.3, 0.8, nesterov=True), strict=True):
        expect.close(got, expected, atol=1e-5)


@test_case(
    name="fifty steps with every combination of options",
    points=3,
    hidden=True,
    failure_message="Weight decay is added to the gradient before it enters the velocity.",
)
def all_options(student, rng):
    starts = _arrays(rng, (3, 4), (2,))
    steps = [_arrays(rng, (3, 4), (2,)) for _ in range(50)]
    for momentum, damp, decay, look_ahead in itertools.product((0, 0.9), (0, 0.3), (0, 0.05), (False, True)):
        if look_ahead and (not momentum or damp):
            continue
        options = {"momentum": momentum, "dampening": damp, "weight_decay": decay, "nesterov": look_ahead}
        got = student.trained_in_float64("SGD", starts, steps, lr=0.02, **options)
        for i, actual in enumerate(got):
            expect.close(
                actual, _descended(starts[i], [s[i] for s in steps], 0.02, **options)[-1], rtol=1e-9, atol=1e-9
            )


@test_case(
    name="maximize climbs",
    points=1,
    hidden=True,
    failure_message="chunk.gradient(group['maximize']) negates the gradient where the user wants to climb.",
)
def climbing(student, rng):
    start, *gradients = _arrays(rng, *[(4,)] * 4)
    options = {"momentum": 0.5, "weight_decay": 0.1, "maximize": True}
    path = student.trained("SGD", [start], [[g] for g in gradients], lr=0.3, **options)
    for (got,), expected in zip(path, _descended(start, gradients, 0.3, **options), strict=True):
        expect.close(got, expected, atol=1e-5)
