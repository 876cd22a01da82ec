"""Task 3: sum, mean, var, max and min over all elements, one dimension or several."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "reductions"
title = "Reductions"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


@test_case(name="sum over everything and over each dimension", points=2)
def sums(student, rng):
    x = _array(rng, 3, 5)
    for dim in (None, 0, 1, -1):
        expect.close(student.reduced("sum", x, dim), x.astype("float64").sum(dim))


@test_case(name="mean over rows and over columns", points=2)
def means(student, rng):
    x = _array(rng, 3, 5)
    for dim in (None, 0, 1, -2):
        expect.close(student.reduced("mean", x, dim), x.astype("float64").mean(dim))


@test_case(name="max and min", points=2)
def extremes(student, rng):
    x = _array(rng, 4, 3)
    for dim in (None, 0, 1):
        expect.equal(student.reduced("max", x, dim), np.asarray(x.max(dim)))
        expect.equal(student.reduced("min", x, dim), np.asarray(x.min(dim)))
