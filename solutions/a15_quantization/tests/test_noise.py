"""Task 4: how far off a quantised tensor is, in decibels."""

import math

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "noise"
title = "Signal to noise"
points = None


@test_case(name="decibels: ten times the logarithm of signal over noise", points=2)
def decibels(student, rng):
    x, error = rng.normal(size=(4, 5)) + 3, rng.normal(size=(4, 5)) * 0.01
    expected = 10 * math.log10((x**2).sum() / (error**2).sum())
    expect.close(student.ratio_of_noise(x, x + error), expected, rtol=1e-6)
    for size in (1000, 0.001):
        expect.close(student.ratio_of_noise(size * x, size * (x + error)), expected, rtol=1e-6)


@test_case(
    name="no error, no signal, very large signals",
    points=1,
    hidden=True,
    failure_message=(
        "Without an error the ratio is inf, for zeros too; with an error and a signal of zeros it is -inf. Square in "
        "float64: 1e30 squared is infinite in float32."
    ),
)
def special_signals(student, rng):
    x = rng.normal(size=6).astype("float32")
    expect.equal(student.ratio_of_noise(x, x), math.inf)
    expect.equal(student.ratio_of_noise(0 * x, 0 * x), math.inf)
    expect.equal(student.ratio_of_noise(0 * x, x), -math.inf)
    large = np.full(3, 1e30, "float32")
    expect.close(student.ratio_of_noise(large, large * np.float32(1.5)), 20 * math.log10(2), rtol=1e-6)
