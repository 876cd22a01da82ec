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


@test_case(name="sigmoid survives large inputs", points=3)
def sigmoid_large(student, rng):
    far = float(rng.uniform(800, 1200))
    expect.close(student.quietly("sigmoid", [-far, -100.0, 0.0, 100.0, far]), [0, 0, 0.5, 1, 1])


@test_case(name="tanh follows its definition", points=2)
def tanh_values(student, rng):
    x = rng.uniform(-4, 4, size=(3, 5)).astype("float32")
    e = np.exp(2 * x.astype("float64"))
    expect.close(student.tanh(x), (e - 1) / (e + 1))


@test_case(name="silu is x times sigmoid of x", points=2)
def silu_values(student, rng):
    x = rng.uniform(-8, 8, size=(2, 3, 4)).astype("float32")
    expect.close(student.silu(x), x * _sigmoid(x))
