"""Task 3: gradient descent with weight decay, momentum, dampening and Nesterov's look ahead."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "sgd"
title = "Gradient descent"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


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
