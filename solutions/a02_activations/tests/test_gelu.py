"""GELU in both forms, compared with the error function of the standard library in float64."""

import math

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "gelu"
title = "GELU"
points = None


def _exact(x):
    """x times the normal distribution function; erfc keeps the digits on the left."""
    return np.array([0.5 * v * math.erfc(-v / math.sqrt(2)) for v in x.astype("float64").ravel()]).reshape(x.shape)


def _approximate(x):
    x = x.astype("float64")
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@test_case(name="gelu weighs x by the normal distribution", points=4)
def gelu_values(student, rng):
    x = rng.uniform(-4, 4, size=(5, 8)).astype("float32")
    expect.close(student.gelu(x), _exact(x), rtol=1e-5, atol=2e-6)


@test_case(name="the tanh form of gelu", points=2)
def gelu_tanh_values(student, rng):
    x = rng.uniform(-4, 4, size=(5, 8)).astype("float32")
    expect.close(student.gelu(x, approximate="tanh"), _approximate(x), rtol=1e-5, atol=2e-6)


@test_case(
    name="gelu to ten digits in float64",
    points=3,
    hidden=True,
    failure_message="Given float64, both forms should be right to about ten digits. Are all constants exact?",
)
def gelu_digits(student, rng):
    x = rng.uniform(-6, 6, size=60)
    expect.close(student.gelu(x), _exact(x), rtol=1e-10, atol=1e-10)
    expect.close(student.gelu(x, "tanh"), _approximate(x), rtol=1e-10, atol=1e-10)


@test_case(
    name="gelu and silu far from zero",
    points=3,
    hidden=True,
    failure_message="Far to the left gelu and silu go to 0, far to the right to x, without a warning. Does x³ fit?",
)
def far_from_zero(student, rng):
    far = rng.uniform(50, 2000, size=4).astype("float32")
    x = np.concatenate([-far, far, [-1e30, 1e30]]).astype("float32")
    for settings in ({"approximate": "none"}, {"approximate": "tanh"}):
        expect.close(student.quietly("gelu", x, **settings), np.maximum(x, 0))
    expect.close(student.quietly("silu", x), np.maximum(x, 0))


@test_case(
    name="gelu refuses a form it does not know",
    points=2,
    hidden=True,
    failure_message='gelu(x, approximate="...") with anything but "none" and "tanh" is a ValueError that names it.',
)
def gelu_unknown(student, rng):
    unknown = "form" + str(rng.integers(100, 1000))
    expect.raises(ValueError, student.gelu, [1.0, 2.0], unknown, mentions=[unknown])
