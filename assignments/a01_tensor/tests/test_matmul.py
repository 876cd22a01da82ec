"""Task 4 and Task 7: matrix products of vectors, matrices and batches, and the errors that say what does not fit."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "matmul"
title = "Matrix product"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


@test_case(name="a matrix times a matrix", points=3)
def two_matrices(student, rng):
    n, k, m = (int(size) for size in rng.integers(2, 7, size=3))
    a, b = _array(rng, n, k), _array(rng, k, m)
    got = student.matmul(a, b)
    expect.dtype(got, "float32")
    expect.close(got, a.astype("float64") @ b, atol=1e-5)


@test_case(name="inner sizes that differ are named", points=2)
def inner_sizes(student, rng):
    n = int(rng.integers(4, 9))
    expect.raises(ValueError, student.matmul, np.ones((2, n)), np.ones((3, 2)), mentions=[f"(2, {n})", "(3, 2)"])
    expect.raises(ValueError, student.matmul, np.ones(n), np.ones((3, 2)), mentions=[f"({n},)", "(3, 2)"])
