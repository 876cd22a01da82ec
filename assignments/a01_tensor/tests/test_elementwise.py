"""Task 2: functions that are applied to each element, and comparisons."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "elementwise"
title = "Functions of each element"
points = None


@test_case(name="exp, log, sqrt and abs", points=2)
def four_functions(student, rng):
    x = rng.normal(size=(2, 5)).astype("float32")
    wide = x.astype("float64")
    expect.close(student.each("exp", x), np.exp(wide))
    expect.close(student.each("log", np.abs(x) + 1), np.log(np.abs(wide) + 1))
    expect.close(student.each("sqrt", np.abs(x)), np.sqrt(np.abs(wide)))
    expect.equal(student.each("abs", x), np.abs(x))


@test_case(name="clip with both sides", points=1)
def clip_both(student, rng):
    x = rng.normal(size=(4, 3)).astype("float32")
    expect.equal(student.clip(x, -0.25, 0.5), np.minimum(np.maximum(x, np.float32(-0.25)), np.float32(0.5)))
