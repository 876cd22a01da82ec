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


@test_case(
    name="the result has memory of its own",
    points=3,
    hidden=True,
    failure_message="Whoever writes into the input afterwards must not change the result, whatever the signs.",
)
def memory_of_its_own(student, rng):
    value = float(rng.uniform(50, 90))
    for sign in (1, -1):
        x = sign * rng.uniform(0.5, 2, size=(2, 5)).astype("float32")
        for function in _ALL:
            _roughly(student.result_after_writing(function, x, value), _expected(function, x))


@test_case(name="float32 stays float32", points=2)
def float32_stays(student, rng):
    x = rng.normal(size=(2, 3)).astype("float32")
    for function in _ALL:
        expect.dtype(student.quietly(function, x), "float32")
    expect.dtype(student.gelu(x, approximate="tanh"), "float32")
    expect.dtype(student.leaky_relu(x, np.float64(0.2)), "float32")


@test_case(
    name="float64 stays float64 and integers become float32",
    points=3,
    hidden=True,
    failure_message="float64 in, float64 out; integers become float32 (relu may leave them integers).",
)
def other_dtypes(student, rng):
    x = rng.normal(size=(2, 3))
    whole = rng.integers(-3, 4, size=(2, 3))
    for function in _ALL:
        result = student.quietly(function, x)
        expect.dtype(result, "float64")
        _roughly(result, _expected(function, x))
        if function != "relu":
            expect.dtype(student.quietly(function, whole), "float32")


@test_case(
    name="empty tensors and single numbers",
    points=2,
    hidden=True,
    failure_message="Shapes (0, 4), (3, 0) and () are shapes too. The softmax of a single number is 1.",
)
def empty_and_single(student, rng):
    number = float(rng.uniform(-2, -1))
    for function in _ALL:
        for shape in ((0, 4), (3, 0)):
            expect.shape(student.quietly(function, np.zeros(shape, dtype="float32")), shape)
        _roughly(student.quietly(function, number), _expected(function, number))


@test_case(
    name="nan goes in, nan comes out",
    points=2,
    hidden=True,
    failure_message="NaN says that something went wrong earlier: an activation that makes a number of it hides that.",
)
def nan_goes_through(student, rng):
    x = rng.normal(size=(3, 4)).astype("float32")
    row = int(rng.integers(0, 3))
    x[row, int(rng.integers(0, 4))] = np.nan
    for function in _ALL:
        _roughly(student.quietly(function, x), _expected(function, x))


@test_case(
    name="infinities have their limits",
    points=2,
    hidden=True,
    failure_message="What does each function tend to at both ends? -inf * 0 is NaN, the limit is not.",
)
def infinite_limits(student, rng):
    inf, x = np.inf, float(rng.uniform(0.5, 2))
    left = {"relu": 0, "leaky_relu": -inf, "sigmoid": 0, "tanh": -1, "silu": 0, "gelu": 0}
    right = {"relu": inf, "leaky_relu": inf, "sigmoid": 1, "tanh": 1, "silu": inf, "gelu": inf}
    for function in _ELEMENTWISE:
        wanted = [left[function], _expected(function, [x])[0], right[function]]
        _roughly(student.quietly(function, [-inf, x, inf]), wanted)
