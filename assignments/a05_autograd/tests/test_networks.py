"""Tasks 8 and 9: gradients of activations and losses, and of a small network made of them."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "networks"
title = "Activations and losses"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def _slopes(fn, arrays, weights=1.0):
    """Gradients of (fn(*arrays) * weights).sum() by central differences in float64, one an array."""
    arrays = [np.array(a, dtype="float64") for a in arrays]
    found = []
    for a in arrays:
        slopes = np.zeros(a.shape)
        for index in np.ndindex(a.shape):
            here, ends = a[index], []
            for there in (here + 1e-6, here - 1e-6):
                a[index] = there
                ends.append((fn(*arrays) * weights).sum())
            a[index] = here
            slopes[index] = (ends[0] - ends[1]) / 2e-6
        found.append(slopes)
    return found


def _softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@test_case(name="relu, sigmoid and tanh", points=2)
def activations(student, rng):
    formulas = {"relu": lambda x: np.maximum(x, 0), "sigmoid": _sigmoid, "tanh": np.tanh}
    for function, formula in formulas.items():
        x, w = _array(rng, 3, 4) + 0.01, _array(rng, 3, 4)
        expect.close(student.of_function(function, [x], w)[0], _slopes(formula, [x], w)[0], rtol=1e-3, atol=1e-4)
    expect.equal(student.of_function("relu", [np.zeros(3)], np.ones(3))[0], np.zeros(3))


@test_case(name="squared error and cross entropy", points=2)
def losses(student, rng):
    x, y = _array(rng, 4, 3), _array(rng, 4, 3)
    to_x, to_y = student.of_function("mse_loss", [x, y], None)
    expect.close(to_x, 2 * (x - y) / 12)
    expect.close(to_y, -2 * (x - y) / 12)
    targets = [int(i) for i in rng.integers(0, 3, size=4)]
    expected = (_softmax(x.astype("float64")) - np.eye(3)[targets]) / 4
    expect.close(student.of_function("cross_entropy", [x], None, targets)[0], expected)


@test_case(name="a network of two layers", points=1)
def network(student, rng):
    x, w, b, v = _array(rng, 5, 3), _array(rng, 3, 4), _array(rng, 4), _array(rng, 4, 3)
    targets = [int(i) for i in rng.integers(0, 3, size=5)]

    def loss(x, w, b, v):
        logits = np.maximum(x @ w + b, 0) @ v
        return -np.log(_softmax(logits)[np.arange(5), targets]).mean()

    for got, expected in zip(student.of_two_layers(x, w, b, v, targets), _slopes(loss, [x, w, b, v]), strict=True):
        expect.close(got, expected, rtol=1e-3, atol=1e-4)
