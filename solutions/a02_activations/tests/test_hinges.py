"""ReLU and leaky ReLU: two straight lines that meet at zero."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "hinges"
title = "ReLU and leaky ReLU"
points = None


def _draw(rng):
    """Numbers of both signs, 1 to 4 dimensions of sizes 2 to 5."""
    return (3 * rng.normal(size=rng.integers(2, 6, size=rng.integers(1, 5)))).astype("float32")


@test_case(name="relu keeps positive numbers and makes the others zero", points=3)
def relu_values(student, rng):
    expect.close(student.relu([-2.0, -0.5, 0.0, 0.5, 2.0]), [0, 0, 0, 0.5, 2])
    for _ in range(3):
        x = _draw(rng)
        expect.close(student.relu(x), np.maximum(x, 0))


@test_case(name="leaky relu scales only the negative side", points=3)
def leaky_values(student, rng):
    x = _draw(rng)
    slope = float(rng.uniform(0.05, 0.6))
    expect.close(student.leaky_relu(x), np.where(x > 0, x, 0.01 * x))
    expect.close(student.leaky_relu(x, slope), np.where(x > 0, x, slope * x))
    expect.close(student.leaky_relu(x, negative_slope=slope), np.where(x > 0, x, slope * x))


@test_case(
    name="leaky relu with any slope",
    points=3,
    hidden=True,
    failure_message="The slope may be above 1, 0 or negative. Which step is right only for slopes between 0 and 1?",
)
def leaky_any_slope(student, rng):
    x = _draw(rng)
    for slope in (float(rng.uniform(1.5, 4)), 0.0, float(rng.uniform(-2, -0.5))):
        expect.close(student.leaky_relu(x, slope), np.where(x > 0, x, slope * x))
