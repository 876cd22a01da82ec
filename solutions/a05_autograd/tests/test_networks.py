"""Tasks 8 and 9: gradients of activations and losses, and of a small network made of them."""

import math

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


def _reduced(losses, reduction):
    return {"mean": losses.mean, "sum": losses.sum, "none": lambda: losses}[reduction]()


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@test_case(name="relu, sigmoid and tanh", points=2)
def activations(student, rng):
    formulas = {"relu": lambda x: np.maximum(x, 0), "sigmoid": _sigmoid, "tanh": np.tanh}
    for function, formula in formulas.items():
        x, w = _array(rng, 3, 4) + 0.01, _array(rng, 3, 4)
        expect.close(student.of_function(function, [x], w)[0], _slopes(formula, [x], w)[0], rtol=1e-3, atol=1e-4)
    expect.equal(student.of_function("relu", [np.zeros(3)], np.ones(3))[0], np.zeros(3))


@test_case(
    name="leaky_relu, silu and gelu",
    points=1,
    hidden=True,
    failure_message="Settings are attributes of the node. Far from 0 every slope is finite: 0 or 1, or negative_slope.",
)
def more_activations(student, rng):
    slope = float(rng.uniform(0.1, 0.9))
    normal = np.vectorize(lambda x: 0.5 * (1 + math.erf(x / math.sqrt(2))))
    formulas = {
        "leaky_relu": ((slope,), lambda x: np.where(x > 0, x, slope * x)),
        "silu": ((), lambda x: x * _sigmoid(x)),
        "gelu": ((), lambda x: x * normal(x)),
    }
    for function, (settings, formula) in formulas.items():
        x, w = 2 * _array(rng, 3, 4) + 0.01, _array(rng, 3, 4)
        got = student.of_function(function, [x], w, *settings)[0]
        expect.close(got, _slopes(formula, [x], w)[0], rtol=1e-3, atol=1e-4)
        far = np.float32([-1000, 1000])
        left = slope if function == "leaky_relu" else 0.0
        expect.close(student.of_function(function, [far], np.ones(2), *settings)[0], [left, 1.0])
    zero = student.of_function("leaky_relu", [np.zeros(1)], np.ones(1), slope)[0]
    expect.close(zero, [slope])


@test_case(
    name="softmax and its logarithm, along any dim",
    points=2,
    hidden=True,
    failure_message=(
        "Every output of a row depends on every input of it: subtract the weighted sum along the axis of the softmax."
    ),
)
def softmax(student, rng):
    for dim in (-1, 0, 1):
        x, w = _array(rng, 2, 3, 2), _array(rng, 2, 3, 2)
        p = _softmax(x.astype("float64"), dim)
        expect.close(
            student.of_function("softmax", [x], w, dim)[0], p * (w - (w * p).sum(dim, keepdims=True)), atol=1e-5
        )
        expect.close(student.of_function("log_softmax", [x], w, dim)[0], w - p * w.sum(dim, keepdims=True), atol=1e-5)
    x, w = np.float32([1000, -1000, 999]), _array(rng, 3)
    expect.finite(student.of_function("log_softmax", [x], w)[0])


@test_case(name="squared error and cross entropy", points=2)
def losses(student, rng):
    x, y = _array(rng, 4, 3), _array(rng, 4, 3)
    to_x, to_y = student.of_function("mse_loss", [x, y], None)
    expect.close(to_x, 2 * (x - y) / 12)
    expect.close(to_y, -2 * (x - y) / 12)
    targets = [int(i) for i in rng.integers(0, 3, size=4)]
    expected = (_softmax(x.astype("float64")) - np.eye(3)[targets]) / 4
    expect.close(student.of_function("cross_entropy", [x], None, targets)[0], expected)


@test_case(
    name="distances under every reduction, for both inputs",
    points=2,
    hidden=True,
    failure_message=(
        "After mean each loss counts 1/n, after sum and none it counts 1. The target is an input too, and either may "
        "be a constant. Beyond delta the slope of Huber's loss stays delta."
    ),
)
def distances(student, rng):
    delta = float(rng.uniform(0.3, 0.8))

    def huber(x, y):
        d = np.abs(x - y)
        return np.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))

    def with_logits(z, y):
        return np.log1p(np.exp(-z)) + (1 - y) * z

    formulas = {
        "mse_loss": ({}, lambda x, y: (x - y) ** 2),
        "l1_loss": ({}, lambda x, y: np.abs(x - y)),
        "huber_loss": ({"delta": delta}, huber),
        "binary_cross_entropy_with_logits": ({}, with_logits),
    }
    for function, (settings, formula) in formulas.items():
        for reduction in ("mean", "sum", "none"):
            x, y = _array(rng, 2, 5), _array(rng, 2, 5)
            w = _array(rng, 2, 5) if reduction == "none" else np.float32(rng.normal())
            got = student.of_function(function, [x, y], w, reduction=reduction, **settings)

            def loss(a, b, formula=formula, reduction=reduction):
                return _reduced(formula(a, b), reduction)

            for gradient, expected in zip(got, _slopes(loss, [x, y], w), strict=True):
                expect.close(gradient, expected, rtol=1e-3, atol=1e-4)
    x, y = _array(rng, 4), _array(rng, 4)
    expected = {"mse_loss": (x - y) / 2, "binary_cross_entropy_with_logits": (_sigmoid(x) - y) / 4}
    for function, slope in expected.items():
        (to_x, none), (nothing, to_y) = student.of_distance(function, x, y)
        expect.equal([none, nothing], [None, None])
        expect.close(to_x, slope)
        expect.close(to_y, -slope if function == "mse_loss" else -x / 4)


@test_case(
    name="losses of classes: rows ignored, weighed, smoothed, one by one",
    points=2,
    hidden=True,
    failure_message=(
        "node.saved holds how much each row counts (share) and what it was asked for (goal): one number for all rows, "
        "or one a row."
    ),
)
def classes(student, rng):
    x = _array(rng, 6, 3)
    targets = rng.permutation([0, 1, 2, 0, 1, 2])
    p, asked = _softmax(x.astype("float64")), np.eye(3)[targets]
    logs = np.log(p).astype("float32")
    weight = rng.uniform(0.5, 2, size=3).astype("float32")
    smooth = float(rng.uniform(0.1, 0.3))
    ones = np.ones(6)
    for settings, counts in (
        ({}, ones / 6),
        ({"reduction": "sum"}, ones),
        ({"reduction": "none"}, _array(rng, 6)),
        ({"ignore_index": 1}, (targets != 1) / 4),
        ({"weight": weight}, weight[targets] / weight[targets].sum()),
    ):
        w = counts if settings.get("reduction") == "none" else None
        share = counts[:, None]
        got = student.of_function("cross_entropy", [x], w, targets, **settings)[0]
        expect.close(got, (p - asked) * share, rtol=1e-4, atol=1e-5)
        got = student.of_function("nll_loss", [logs], w, targets, **settings)[0]
        expect.close(got, -asked * share, rtol=1e-4, atol=1e-5)
    goal = asked * (1 - smooth) + smooth / 3
    got = student.of_function("cross_entropy", [x], None, targets, label_smoothing=smooth)[0]
    expect.close(got, (p - goal) / 6, rtol=1e-4, atol=1e-5)
    w = _array(rng, 6)
    got = student.of_function("cross_entropy", [x], w, goal.astype("float32"), reduction="none", weight=weight)[0]
    expect.close(got, (p * (goal * weight).sum(1, keepdims=True) - goal * weight) * w[:, None], rtol=1e-4, atol=1e-5)


@test_case(name="a network of two layers", points=1)
def network(student, rng):
    x, w, b, v = _array(rng, 5, 3), _array(rng, 3, 4), _array(rng, 4), _array(rng, 4, 3)
    targets = [int(i) for i in rng.integers(0, 3, size=5)]

    def loss(x, w, b, v):
        logits = np.maximum(x @ w + b, 0) @ v
        return -np.log(_softmax(logits)[np.arange(5), targets]).mean()

    for got, expected in zip(student.of_two_layers(x, w, b, v, targets), _slopes(loss, [x, w, b, v]), strict=True):
        expect.close(got, expected, rtol=1e-3, atol=1e-4)
