"""Task 6 and Task 7: layers one after the other, parts of a network, and Flatten."""

from itertools import pairwise

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "sequential"
title = "Sequential and Flatten"
points = None


@test_case(name="layers run in order", points=2)
def in_order(student, rng):
    sizes = [int(n) for n in rng.integers(2, 7, size=4)]
    weights = [rng.normal(size=s).astype("float32") for s in pairwise(sizes)]
    x = rng.normal(size=(5, sizes[0])).astype("float32")
    expected = x.astype("float64")
    for w in weights:
        expected = np.tanh(expected @ w)
    expect.close(student.chained(x, weights, False), expected, rtol=1e-4, atol=1e-5)
    expect.close(student.chained(x, weights, True), expected, rtol=1e-4, atol=1e-5)


@test_case(name="Flatten keeps the batch", points=1)
def flatten(student, rng):
    n, c, h, w = (int(i) for i in rng.integers(2, 6, size=4))
    x = rng.normal(size=(n, c, h, w)).astype("float32")
    expect.equal(student.flattened(x), x.reshape(n, c * h * w))
    expect.equal(student.flattened(x[0, 0]), x[0, 0])
