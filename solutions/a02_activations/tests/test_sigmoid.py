"""Sigmoid, tanh and SiLU: smooth steps, and a hinge made of one."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "sigmoid"
title = "Sigmoid, tanh and SiLU"
points = None


def _sigmoid(x):
    """In float64, without overflow for |x| up to 700."""
    return 1 / (1 + np.exp(-np.asarray(x, dtype="float64")))


@test_case(name="sigmoid follows its definition", points=3)
def sigmoid_values(student, rng):
    x = rng.uniform(-8, 8, size=(4, 6)).astype("float32")
    expect.close(student.sigmoid([0.0]), [0.5])
    expect.close(student.sigmoid(x), _sigmoid(x))


@test_case(
    name="sigmoid mirrors: the values at x and -x add up to 1",
    points=2,
    hidden=True,
    failure_message="sigmoid(-x) is 1 - sigmoid(x), for every x and every shape.",
)
def sigmoid_mirrors(student, rng):
    x = rng.uniform(-30, 30, size=(2, 1, 5))
    right, left = student.sigmoid(x), student.sigmoid(-x)
    expect.close(right, _sigmoid(x), rtol=1e-12, atol=1e-12)
    expect.close(left, _sigmoid(-x), rtol=1e-12, atol=1e-12)
    expect.close(np.add(left, right), np.ones(x.shape), rtol=1e-12, atol=1e-12)


@test_case(name="sigmoid survives large inputs", points=3)
def sigmoid_large(student, rng):
    far = float(rng.uniform(800, 1200))
    expect.close(student.quietly("sigmoid", [-far, -100.0, 0.0, 100.0, far]), [0, 0, 0.5, 1, 1])


@test_case(
    name="sigmoid keeps its digits far to the left",
    points=3,
    hidden=True,
    failure_message="sigmoid(-30) is about 1e-13, not 0: 1 - something rounds such numbers away.",
)
def sigmoid_small(student, rng):
    x = -rng.uniform(20, 80, size=9).astype("float32")
    expect.close(student.quietly("sigmoid", x), _sigmoid(x), rtol=1e-4, atol=0)


@test_case(name="tanh follows its definition", points=2)
def tanh_values(student, rng):
    x = rng.uniform(-4, 4, size=(3, 5)).astype("float32")
    e = np.exp(2 * x.astype("float64"))
    expect.close(student.tanh(x), (e - 1) / (e + 1))


@test_case(
    name="tanh at both ends and close to zero",
    points=2,
    hidden=True,
    failure_message="tanh(1000) is 1, and tanh(x) is about x for small x. Which NumPy function knows both?",
)
def tanh_extremes(student, rng):
    far = float(rng.uniform(300, 1200))
    expect.close(student.quietly("tanh", [-far, far]), [-1, 1])
    tiny = rng.uniform(1e-6, 1e-4, size=5).astype("float32")
    expect.close(student.tanh(tiny), np.tanh(tiny.astype("float64")), rtol=1e-5, atol=0)


@test_case(name="silu is x times sigmoid of x", points=2)
def silu_values(student, rng):
    x = rng.uniform(-8, 8, size=(2, 3, 4)).astype("float32")
    expect.close(student.silu(x), x * _sigmoid(x))
