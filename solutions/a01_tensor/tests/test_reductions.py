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


@test_case(
    name="a reduced dimension stays with keepdim",
    points=1,
    hidden=True,
    failure_message=(
        "With keepdim=True (or keepdims=True) a reduced dimension has size 1. dim and axis are the same argument."
    ),
)
def keepdim(student, rng):
    x = _array(rng, 2, 3, 4)
    for function in ("sum", "mean", "max", "min"):
        expected = getattr(np, function)(x.astype("float64"), axis=1, keepdims=True)
        by_dim, by_axis, plain = student.reduced_by_name(function, x, 1)
        expect.close(by_dim, expected)
        expect.close(by_axis, expected)
        expect.close(plain, expected[:, 0])


@test_case(
    name="any shape, one dimension or several",
    points=2,
    hidden=True,
    failure_message="A dim may be None, an int, negative, or a tuple such as (0, 2): hand it over to NumPy as axis.",
)
def any_shape(student, rng):
    for function in ("sum", "mean", "max"):
        arrays, dims = [], []
        for _ in range(30):
            x = _array(rng, *rng.integers(1, 5, size=rng.integers(1, 5)))
            chosen = tuple(int(d) for d in rng.permutation(x.ndim)[: rng.integers(1, x.ndim + 1)])
            arrays.append(x)
            dims.append(chosen[0] - x.ndim if len(chosen) == 1 else chosen)
        results = student.reduced_many(function, arrays, dims)
        for result, x, dim in zip(results, arrays, dims, strict=True):
            expect.close(result, getattr(np, function)(x.astype("float64"), axis=dim))
            expect.dtype(result, "float32")


@test_case(
    name="var divides by n - 1, or as the correction says",
    points=3,
    hidden=True,
    failure_message=(
        "PyTorch's variance divides by n - correction, and correction is 1 unless told otherwise. NumPy says ddof."
    ),
)
def variance(student, rng):
    x = _array(rng, 4, 3, 2)
    for dim in (None, 0, (1, 2)):
        expect.close(student.variance(x, dim), x.astype("float64").var(axis=dim, ddof=1))
        expect.close(student.variance(x, dim, 0, True), x.astype("float64").var(axis=dim, ddof=0, keepdims=True))
    expect.close(student.variance(1000 + x, 0), (1000 + x).astype("float64").var(axis=0, ddof=1), rtol=1e-3)


@test_case(
    name="the mean of integers and of nothing",
    points=1,
    hidden=True,
    failure_message=(
        "The mean of integers is float32; the sum over a dimension of size 0 is 0, over a dimension of size 3 keeps "
        "it."
    ),
)
def integers_and_nothing(student, rng):
    x = rng.integers(-5, 6, size=(3, 4))
    for function in ("mean", "var"):
        got = student.reduced(function, x, 0, False, "int64")
        expect.close(got, x.mean(0) if function == "mean" else x.var(0, ddof=1))
        expect.dtype(got, "float32")
    expect.equal(student.reduced("sum", x, 1, False, "int64"), x.sum(1))
    expect.dtype(student.reduced("sum", x, 1, False, "int64"), "int64")
    empty = np.zeros((0, int(rng.integers(2, 5))), "float32")
    expect.equal(student.reduced("sum", empty, 0), empty.sum(0))
    expect.equal(student.reduced("sum", empty, 1), empty.sum(1))
