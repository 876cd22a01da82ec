"""Task 5: products that are multiplied and added in whole numbers."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "products"
title = "Products in whole numbers"
points = None


def _expected(a, b, axis_a, axis_b):
    """The product of what the whole numbers stand for, in float64."""
    real = []
    for (values, scale, zero), axis in ((a, axis_a), (b, axis_b)):
        expect.dtype(values, "int8")
        spread = [-1, 1] if axis == 0 else [1, -1]
        scale, zero = (np.asarray(t, "float64").reshape(spread) for t in (scale, zero))
        real.append((values.astype("float64") - zero) * scale)
    return real[0] @ real[1]


@test_case(name="long sums of large products do not overflow", points=3)
def long_sums(student, rng):
    k = int(rng.integers(500, 700))
    a, b = rng.uniform(0.5, 1, size=(3, k)), rng.uniform(0.5, 1, size=(k, 2))
    qa, qb, got = student.product_of(a, b, {}, {})
    expect.dtype(got, "float32")
    expect.close(got, _expected(qa, qb, None, None), rtol=1e-5)
    expect.close(got, a @ b, rtol=0.01)


@test_case(
    name="rows and columns with grids of their own, zero points anywhere",
    points=3,
    hidden=True,
    failure_message=(
        "Subtract each zero point from its own row or column before multiplying, in integers that do not overflow. The "
        "scale of row i and that of column j come in once, at element (i, j), after the sum."
    ),
)
def rows_and_columns(student, rng):
    a, b = rng.normal(size=(4, 30)) + 1, rng.normal(size=(30, 3)) - 2
    a, b = a * np.array([[1], [20], [0.1], [5]]), b * [3, 0.01, 1]
    for axis_a in (0, None):
        for axis_b in (1, None):
            for symmetric in (True, False):
                settings = [{"symmetric": symmetric, "axis": axis} for axis in (axis_a, axis_b)]
                qa, qb, got = student.product_of(a, b, *settings)
                expected = _expected(qa, qb, axis_a, axis_b)
                expect.close(got, expected, rtol=1e-5, atol=1e-5)
