"""Task 1: which weights can be pruned, and what share of them is 0."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "sparsity"
title = "Zeros, counted"
points = None


def _with_zeros(rng, shape, count):
    """Numbers of which exactly `count` are 0."""
    w = rng.normal(size=shape).astype("float32")
    w.reshape(-1)[rng.permutation(w.size)[:count]] = 0
    return w


@test_case(name="the share of zeros, from 0 to 1", points=2)
def share(student, rng):
    weights = [_with_zeros(rng, (4, 6), 9), _with_zeros(rng, (6, 4), 12)]
    total, layers = student.sparsities(weights)
    expect.close(total, 21 / 48)
    expect.close(student.sparsities([np.ones((3, 2)), np.zeros((2, 3))])[0], 0.5)
    expect.equal(sorted(layers), ["0.weight", "2.weight"])
    expect.close([layers["0.weight"], layers["2.weight"]], [9 / 24, 12 / 24])


@test_case(name="weights only: no biases, no normalisation, shared ones once", points=2)
def paths(student, rng):
    found = student.prunable_paths(int(rng.integers(99)))
    expect.equal(sorted(found), ["conv.weight", "first.weight", "heads.0.weight", "heads.1.weight", "table.weight"])
