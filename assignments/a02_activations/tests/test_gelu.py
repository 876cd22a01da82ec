"""GELU in both forms, compared with the error function of the standard library in float64."""

import math

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "gelu"
title = "GELU"
points = None


def _exact(x):
    """x times the normal distribution function; erfc keeps the digits on the left."""
    return np.array([0.5 * v * math.erfc(-v / math.sqrt(2)) for v in x.astype("float64").ravel()]).reshape(x.shape)


def _approximate(x):
    x = x.astype("float64")
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@test_case(name="gelu weighs x by the normal distribution", points=4)
def gelu_values(student, rng):
    x = rng.uniform(-4, 4, size=(5, 8)).astype("float32")
    expect.close(student.gelu(x), _exact(x), rtol=1e-5, atol=2e-6)


@test_case(name="the tanh form of gelu", points=2)
def gelu_tanh_values(student, rng):
    x = rng.uniform(-4, 4, size=(5, 8)).astype("float32")
    expect.close(student.gelu(x, approximate="tanh"), _approximate(x), rtol=1e-5, atol=2e-6)
