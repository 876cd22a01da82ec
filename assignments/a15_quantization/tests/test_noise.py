"""Task 4: how far off a quantised tensor is, in decibels."""

import math

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
