"""Task 1: which whole numbers there are, and what one of them is worth."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "grids"
title = "A grid"
points = None


def _range(rng, least, most, fraction):
    """low, high, the step between them, and the zero point, which was rounded by `fraction` of a step."""
    zero = int(rng.integers(least + 1, most))
    step = float(rng.uniform(0.01, 0.1))
    exact = zero + (fraction if zero < 0 else -fraction)
    return (least - exact) * step, (most - exact) * step, step, zero


@test_case(name="symmetric: the greatest absolute value is 127", points=2)
def symmetric(student, rng):
    for flip in (1, -1):
        small, large = np.sort(rng.uniform(0.5, 20, size=2))
        low, high = sorted((-flip * small, flip * (large + 1)))
        scale, zero_point = student.grid_chosen(float(low), float(high))
        expect.dtype(scale, "float32")
        expect.dtype(zero_point, "int8")
        expect.close(scale, (large + 1) / 127)
        expect.equal(zero_point, np.array(0))


@test_case(name="asymmetric: low is -128, high is 127, the zero point is whole", points=3)
def asymmetric(student, rng):
    for fraction in (0.25, -0.25, 0.4):
        low, high, step, zero = _range(rng, -128, 127, fraction)
        scale, zero_point = student.grid_chosen(low, high, symmetric=False)
        expect.close(scale, step)
        expect.dtype(zero_point, "int8")
        expect.equal(zero_point, np.array(zero))


@test_case(
    name="ranges without 0, without width, and of nearly all floats",
    points=3,
    hidden=True,
    failure_message=(
        "0 must have a place on every grid: a range from 2 to 5 becomes one from 0 to 5. A range of zeros needs some scale "
        "to divide by: 1. No scale is below the smallest normal float32, and a width of 6e38 is finite in float64 only."
    ),
)
def widened(student, rng):
    far = 255 * 2.0 ** rng.integers(-8, 3)
    near = far * float(rng.uniform(0.2, 0.8))
    for sign, zero in ((1, -128), (-1, 127)):
        low, high = sorted((sign * near, sign * far))
        scale, zero_point = student.grid_chosen(low, high, symmetric=False)
        expect.close(scale, far / 255)
        expect.equal(zero_point, np.array(zero))
        scale, zero_point = student.grid_chosen(low, high)
        expect.close(scale, far / 127)
        expect.equal(zero_point, np.array(0))
    for symmetric in (True, False):
        scale, zero_point = student.grid_chosen(0.0, 0.0, symmetric=symmetric)
        expect.equal(scale, np.array(1.0))
        expect.equal(zero_point, np.array(0 if symmetric else -128))
        scale, _ = student.grid_chosen(0.0, 1e-44, symmetric=symmetric)
        expect.between(scale, 1e-38, 1.3e-38, "the scale")
        scale, _ = student.grid_chosen(np.float32(-3e38), np.float32(3e38), symmetric=symmetric)
        expect.close(scale, 3e38 / 127 if symmetric else 6e38 / 255)


@test_case(
    name="fewer bits",
    points=2,
    hidden=True,
    failure_message=(
        "b bits make 2 ** b whole numbers, from -2 ** (b - 1) to 2 ** (b - 1) - 1; a symmetric grid does without the "
        "least of them. The scale is the width over the number of steps, one less than the number of values. What lies "
        "beyond the ends goes to the ends."
    ),
)
def fewer_bits(student, rng):
    for bits in (2, 3, 5, 8):
        half = 2 ** (bits - 1)
        expect.equal(student.whole_numbers(bits, True), [-half + 1, half - 1])
        expect.equal(student.whole_numbers(bits, False), [-half, half - 1])
        low, high, step, zero = _range(rng, -half, half - 1, -0.25)
        expect.close(student.grid_chosen(low, high, bits=bits)[0], max(-low, high) / (half - 1))
        scale, zero_point = student.grid_chosen(low, high, bits=bits, symmetric=False)
        expect.close(scale, step)
        expect.equal(zero_point, np.array(zero))
        x = np.concatenate([rng.uniform(half, 300, size=5), -rng.uniform(half + 1, 300, size=5)]).astype("float32")
        expect.equal(student.rounded(x, 1.0, 0, bits=bits), np.sign(x) * (half - 1))
        expect.equal(student.rounded(x, 1.0, 0, bits=bits, symmetric=False), np.where(x > 0, half - 1, -half))
