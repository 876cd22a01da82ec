"""Task 2: from real numbers to whole ones and back, on a grid that is given."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "rounding"
title = "There and back"
points = None


def _places(rng, least, most, *shape):
    """Whole numbers, and real ones near them in steps of a grid: at most 0.4 away."""
    whole = rng.integers(least, most + 1, size=shape)
    return whole, whole + rng.uniform(-0.4, 0.4, size=shape)


@test_case(name="the nearest whole number, in a byte", points=2)
def nearest(student, rng):
    whole, near = _places(rng, -126, 126, 4, 5)
    scale = float(rng.uniform(0.01, 3))
    got = student.rounded((near * scale).astype("float32"), scale, 0)
    expect.dtype(got, "int8")
    expect.equal(got, whole)


@test_case(name="beyond the ends of the grid: the ends", points=2)
def saturates(student, rng):
    far = rng.uniform(140, 400, size=6)
    scale = float(rng.uniform(0.01, 3))
    x = (np.concatenate([far, -far, [1e9, -1e9]]) * scale).astype("float32")
    expect.equal(student.rounded(x, scale, 0), np.sign(x) * 127)
    expect.equal(student.rounded(x, scale, 5, symmetric=False), np.where(x > 0, 127, -128))


@test_case(name="back: whole numbers minus the zero point, times the scale", points=2)
def back(student, rng):
    values = np.concatenate([rng.integers(-128, 128, size=6), [-128, 127]]).astype("int8")
    scale, zero_point = float(rng.uniform(0.01, 3)), int(rng.integers(60, 128))
    for zero in (0, zero_point, -zero_point):
        got = student.restored(values, scale, zero, symmetric=False)
        expect.dtype(got, "float32")
        expect.close(got, (values.astype("float64") - zero) * scale)
