"""Softmax: positive numbers with sum 1 along one dim, whatever the size of the logits and whichever the dim."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "softmax"
title = "Softmax"
points = None


def _softmax(x, dim):
    e = np.exp(x.astype("float64") - x.max(axis=dim, keepdims=True))
    return e / e.sum(axis=dim, keepdims=True)


@test_case(name="softmax turns logits into proportions", points=3)
def softmax_values(student, rng):
    x = rng.normal(size=(4, 5)).astype("float32")
    expect.close(student.softmax([0.0, np.log(3.0)]), [0.25, 0.75])
    expect.close(student.softmax(x), _softmax(x, -1))


@test_case(name="rows sum to one along the dim that is asked for", points=2)
def sums_to_one(student, rng):
    x = (4 * rng.normal(size=(3, 5))).astype("float32")
    for dim in (0, 1):
        result = student.softmax(x, dim)
        expect.close(result, _softmax(x, dim))
        expect.close(np.sum(result, axis=dim), np.ones(x.shape[1 - dim]))


@test_case(name="softmax survives large logits", points=4)
def large_logits(student, rng):
    base = float(rng.integers(800, 1200))
    for sign in (1.0, -1.0):
        result = student.quietly("softmax", [sign * base, sign * base + 1, 0.0 if sign > 0 else -2 * base])
        expect.close(result, [0.2689414, 0.7310586, 0.0])
