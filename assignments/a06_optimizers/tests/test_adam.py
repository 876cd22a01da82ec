"""Task 4: Adam with its two bias corrections, and AdamW, whose weight decay stays out of them."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "adam"
title = "Adam and AdamW"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


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


@test_case(name="AdamW shrinks what has a zero gradient", points=1)
def decay_alone(student, rng):
    (start,) = _arrays(rng, (5,))
    path = student.trained("AdamW", [start], [[np.zeros(5, "float32")]] * 3, lr=0.5, weight_decay=0.2)
    for k, (got,) in enumerate(path):
        expect.close(got, start * 0.9 ** (k + 1))
