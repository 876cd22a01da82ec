"""Tasks 7 and 8: the largest and the mean of every window."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "pooling"
title = "Pooling"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@test_case(name="the largest of every window", points=2)
def largest(student, rng):
    (x,) = _arrays(rng, (2, 3, 4, 7))
    got = student.pooled("max_pool2d", x, 2)
    expect.shape(got, (2, 3, 2, 3))
    for i, j in np.ndindex(2, 3):
        expect.equal(got[:, :, i, j], x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max(axis=(2, 3)))
    expect.dtype(got, "float32")


@test_case(name="the gradient goes to the largest", points=2)
def to_the_largest(student, rng):
    x, g = _arrays(rng, (2, 3, 4, 6), (2, 3, 2, 2))
    expected = np.zeros_like(x)
    for n, c, i, j in np.ndindex(2, 3, 2, 2):
        window = x[n, c, 2 * i : 2 * i + 2, 3 * j : 3 * j + 3]
        row, column = np.unravel_index(window.argmax(), (2, 3))
        expected[n, c, 2 * i + row, 3 * j + column] = g[n, c, i, j]
    expect.close(student.pooling_gradient("max_pool2d", x, g, [2, 3]), expected)


@test_case(name="the mean of every window, and its gradient", points=2)
def mean(student, rng):
    x, g = _arrays(rng, (2, 3, 4, 7), (2, 3, 2, 3))
    got = student.pooled("avg_pool2d", x, 2)
    expect.shape(got, (2, 3, 2, 3))
    for i, j in np.ndindex(2, 3):
        expect.close(got[:, :, i, j], x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean(axis=(2, 3)))
    expected = np.zeros_like(x)
    expected[:, :, :, :6] = np.kron(g, np.full((2, 2), 0.25))
    expect.close(student.pooling_gradient("avg_pool2d", x, g, 2), expected)


@test_case(name="adaptive pooling to one cell is the mean of a channel", points=2)
def one_cell(student, rng):
    x, g = _arrays(rng, (2, 3, 5, 4), (2, 3, 1, 1))
    got = student.pooled("adaptive_avg_pool2d", x, 1)
    expect.close(got, x.mean(axis=(2, 3), keepdims=True), atol=1e-5)
    expect.dtype(got, "float32")
    expect.close(student.pooling_gradient("adaptive_avg_pool2d", x, g, 1), np.broadcast_to(g / 20, x.shape))
