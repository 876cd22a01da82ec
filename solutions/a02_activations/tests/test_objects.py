"""The classes: objects that remember settings, are called like functions and run as ops."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "objects"
title = "Objects and ops"
points = None


def _softmax(x, dim):
    e = np.exp(x.astype("float64") - x.max(axis=dim, keepdims=True))
    return e / e.sum(axis=dim, keepdims=True)


def _gelu_tanh(x):
    x = x.astype("float64")
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


@test_case(name="objects are called like functions and remember their settings", points=3)
def objects_are_called(student, rng):
    x = rng.uniform(-3, 3, size=(3, 4)).astype("float32")
    slope = float(rng.uniform(0.1, 0.5))
    expect.close(student.called("ReLU", x), np.maximum(x, 0))
    expect.close(student.called("LeakyReLU", x, slope), np.where(x > 0, x, slope * x))
    expect.close(student.called("GELU", x, approximate="tanh"), _gelu_tanh(x), rtol=1e-5, atol=2e-6)
    expect.close(student.called("Softmax", x, dim=0), _softmax(x, 0))
    expect.close(student.called("LogSoftmax", x, dim=0), np.log(_softmax(x, 0)))


@test_case(name="forward does what a call does", points=2)
def forward_is_the_call(student, rng):
    x = rng.uniform(-3, 3, size=(2, 5)).astype("float32")
    slope = float(rng.uniform(0.1, 0.5))
    expect.close(student.forwarded("LeakyReLU", x, negative_slope=slope), np.where(x > 0, x, slope * x))
    expect.close(student.forwarded("Softmax", x), _softmax(x, -1))


@test_case(
    name="objects stand in a list of layers",
    points=2,
    hidden=True,
    failure_message="Layers are called in turn, and parameters() of each activation is an empty list.",
)
def in_a_list(student, rng):
    x = rng.normal(size=(4, 3)).astype("float32")
    slope = float(rng.uniform(0.1, 0.5))
    hidden = np.tanh(np.where(x > 0, x, slope * x).astype("float64"))
    # The exact form of GELU within the distance of the two forms: their difference is not what is looked at here.
    expect.close(student.through_a_list(x, slope), _softmax(_gelu_tanh(hidden), 0), rtol=0, atol=1e-3)
    expect.equal(student.parameters_in_a_list(slope), [[], [], [], []])


@test_case(
    name="softmax objects take another dim for one call",
    points=2,
    hidden=True,
    failure_message="layer(x, dim) uses dim for this call only. 0 is a dim, and 0 is false in Python.",
)
def another_dim(student, rng):
    x = rng.normal(size=(3, 4, 2)).astype("float32")
    for own, other in ((-1, 0), (1, 2)):
        expect.close(student.called_with_dim("Softmax", x, own, other), _softmax(x, other))
        expect.close(student.called_after_dim("Softmax", x, own, other), _softmax(x, own))
        expect.close(student.called_with_dim("LogSoftmax", x, own, other), np.log(_softmax(x, other)))


@test_case(
    name="functions run as ops that assignment 5 can differentiate",
    points=3,
    hidden=True,
    failure_message="The functions hand their tensor to the given op, so that the tape knows how each result was made.",
)
def functions_are_ops(student, rng):
    x = rng.normal(size=(2, 3)).astype("float32")
    for function in ("leaky_relu", "gelu", "softmax", "log_softmax"):
        expect.equal(student.ops_of(function, x), [function])
