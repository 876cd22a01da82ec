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


@test_case(
    name="integers become float32 under exp, log and sqrt",
    points=2,
    hidden=True,
    failure_message="For NumPy the exponential of an int64 array is float64. _narrow knows what to do.",
)
def integers_become_float32(student, rng):
    x = rng.integers(1, 9, size=(3, 2))
    for function in ("exp", "log", "sqrt"):
        got = student.each(function, x, "int64")
        expect.close(got, getattr(np, function)(x))
        expect.dtype(got, "float32")
    wide = student.each("exp", x / 4, "float64")
    expect.dtype(wide, "float64")
    expect.close(wide, np.exp(x / 4), rtol=1e-14)


@test_case(name="clip with both sides", points=1)
def clip_both(student, rng):
    x = rng.normal(size=(4, 3)).astype("float32")
    expect.equal(student.clip(x, -0.25, 0.5), np.minimum(np.maximum(x, np.float32(-0.25)), np.float32(0.5)))


@test_case(
    name="clip with one side open, and of integers",
    points=2,
    hidden=True,
    failure_message="clip(min=0) leaves large elements alone; an integer tensor clipped at 0.5 becomes float32.",
)
def clip_one_side(student, rng):
    x = rng.normal(size=(4, 3)).astype("float32")
    expect.equal(student.clip(x, 0.0, None), np.maximum(x, np.float32(0)))
    expect.equal(student.clip(x, None, 0.25), np.minimum(x, np.float32(0.25)))
    whole = rng.integers(-5, 5, size=6)
    got = student.clip(whole, 0.5, None, "int64")
    expect.close(got, np.maximum(whole, 0.5))
    expect.dtype(got, "float32")


@test_case(
    name="comparisons, maximum and minimum",
    points=1,
    hidden=True,
    failure_message="These run on the rule for two inputs too: they broadcast, and comparisons stay bool.",
)
def comparisons(student, rng):
    a, b = rng.integers(0, 3, size=(3, 4)), rng.integers(0, 3, size=4)
    for sign, function in {"==": np.equal, "!=": np.not_equal, "<": np.less, ">=": np.greater_equal}.items():
        got = student.binary(sign, a, b)
        expect.dtype(got, "bool")
        expect.equal(got, function(a, b))
    expect.close(student.either("maximum", a, 1.5), np.maximum(a, 1.5))
    expect.close(student.either("minimum", a, b / 2), np.minimum(a, b / 2))
    expect.dtype(student.either("minimum", a, b / 2), "float32")
