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
