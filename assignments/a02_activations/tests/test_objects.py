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
