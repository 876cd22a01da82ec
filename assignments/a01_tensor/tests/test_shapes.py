"""Task 5 and Task 8: other shapes for the same numbers, and whether they share the memory."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "shapes"
title = "Shapes and views"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


@test_case(name="reshape, written both ways, with one -1", points=1)
def reshape(student, rng):
    x = _array(rng, 4, 6)
    for shape in ((3, 8), (2, 3, 4), (24,)):
        expect.equal(student.reshape(x, *shape), x.reshape(shape))
        expect.equal(student.reshape(x, shape), x.reshape(shape))
    expect.equal(student.reshape(x, -1, 3), x.reshape(8, 3))
    expect.equal(student.reshape(x, (2, -1)), x.reshape(2, 12))


@test_case(name="reshape to another number of elements names both shapes", points=1)
def reshape_refused(student, rng):
    n = int(rng.integers(5, 9))
    expect.raises(ValueError, student.reshape, np.ones((2, n)), 3, n, mentions=[f"(2, {n})", f"(3, {n})"])
    expect.raises(ValueError, student.reshape, np.ones((2, n)), -1, 2 * n + 1, mentions=[f"(2, {n})"])


@test_case(name="transpose() exchanges the last two dimensions", points=2)
def transpose_last_two(student, rng):
    x = _array(rng, 2, 3, 4)
    expect.equal(student.transpose(x), np.swapaxes(x, -1, -2))
    expect.equal(student.transpose(x[0]), x[0].T)
    expect.equal(student.transpose(x[0, 0]), x[0, 0])
