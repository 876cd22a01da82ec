"""What holds for all activations: memory, dtype, warnings, and the numbers at the edge."""

import math

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "arrays"
title = "Memory, dtype and edge cases"
points = None

_ELEMENTWISE = ("relu", "leaky_relu", "sigmoid", "tanh", "silu", "gelu")
_ALL = (*_ELEMENTWISE, "softmax", "log_softmax")


def _expected(function, x):
    """The right values in float64, for finite numbers of moderate size."""
    x = np.asarray(x, dtype="float64")
    sigmoid = 1 / (1 + np.exp(-x))
    e = np.exp(x) if not x.ndim else np.exp(x - x.max(axis=-1, keepdims=True))
    proportions = e / (e if not x.ndim else e.sum(axis=-1, keepdims=True))
    return {
        "relu": np.maximum(x, 0),
        "leaky_relu": np.where(x > 0, x, 0.01 * x),
        "sigmoid": sigmoid,
        "tanh": np.tanh(x),
        "silu": x * sigmoid,
        "gelu": np.array([0.5 * v * math.erfc(-v / math.sqrt(2)) for v in x.ravel()]).reshape(x.shape),
        "softmax": proportions,
        "log_softmax": np.log(proportions),
    }[function]


def _roughly(actual, expected):
    """Right enough to be no fixed answer: exact values are looked at in the other files, once."""
    expect.close(actual, expected, rtol=0.1, atol=0.1)


@test_case(name="the input is left as it was", points=2)
def input_left_alone(student, rng):
    x = (2 * rng.normal(size=(3, 4))).astype("float32")
    for function in _ALL:
        _roughly(student.quietly(function, x), _expected(function, x))
        expect.equal(student.input_after(function, x), x)


@test_case(name="float32 stays float32", points=2)
def float32_stays(student, rng):
    x = rng.normal(size=(2, 3)).astype("float32")
    for function in _ALL:
        expect.dtype(student.quietly(function, x), "float32")
    expect.dtype(student.gelu(x, approximate="tanh"), "float32")
    expect.dtype(student.leaky_relu(x, np.float64(0.2)), "float32")
