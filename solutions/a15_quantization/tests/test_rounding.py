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


@test_case(
    name="halves go to the even neighbour, before the zero point is added",
    points=2,
    hidden=True,
    failure_message=(
        "np.rint takes halves to the even neighbour: 0.5 to 0, 1.5 to 2, -2.5 to -2. Add the zero point afterwards: an odd "
        "one would turn even into odd."
    ),
)
def halves(student, rng):
    scale = float(2.0 ** rng.integers(-6, 3))
    steps = rng.integers(-60, 60, size=12)
    x = ((steps + 0.5) * scale).astype("float32")
    even = np.where(steps % 2 == 0, steps, steps + 1)
    expect.equal(student.rounded(x, scale, 0), even)
    expect.equal(student.rounded(x, scale, 7, symmetric=False), even + 7)


@test_case(
    name="a grid for each channel lies along its axis",
    points=3,
    hidden=True,
    failure_message=(
        "A scale of shape (C,) belongs to the axis that the grid names, which need not be the last one: reshape it so that "
        "it broadcasts there. The same on the way back."
    ),
)
def along_axis(student, rng):
    for axis in (0, 1, 2, 3):
        shape = [3, 3, 3, 3]
        shape[axis] = 3
        scale, zero = rng.uniform(0.05, 4, size=3), rng.integers(-50, 50, size=3)
        spread = [-1 if d == axis else 1 for d in range(4)]
        whole, near = _places(rng, -70, 70, *shape)
        x = (near * scale.reshape(spread)).astype("float32")
        settings = {"symmetric": False, "axis": axis}
        got = student.rounded(x, scale, zero, **settings)
        expect.equal(got, whole + zero.reshape(spread))
        expect.close(student.restored(got, scale, zero, **settings), whole * scale.reshape(spread))
