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
