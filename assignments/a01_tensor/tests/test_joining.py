"""Task 5 and Task 9: arange and random tensors, cat and stack."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "joining"
title = "Making and joining"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


@test_case(name="arange counts as range does", points=1)
def counting(student, rng):
    n = int(rng.integers(2, 20))
    expect.equal(student.arange(n), np.arange(n))
    expect.equal(student.arange(3, 3 + n), np.arange(3, 3 + n))
    expect.equal(student.arange(n, 0, -2), np.arange(n, 0, -2))
    expect.dtype(student.arange(n), "float32")


@test_case(name="cat along any dimension", points=1)
def cat(student, rng):
    a, b, c = _array(rng, 2, 3), _array(rng, 4, 3), _array(rng, 2, 5)
    expect.equal(student.joined("cat", [a, b]), np.concatenate([a, b]))
    expect.equal(student.joined("cat", [a, c, a], -1), np.concatenate([a, c, a], axis=1))


@test_case(name="stack along a new dimension", points=1)
def stack(student, rng):
    arrays = [_array(rng, 2, 3) for _ in range(int(rng.integers(2, 5)))]
    for dim in (0, 1, -1):
        expect.equal(student.joined("stack", arrays, dim), np.stack(arrays, axis=dim))
