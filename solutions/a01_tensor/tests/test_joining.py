"""Task 5 and Task 9: arange and random tensors, cat and stack."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "joining"
title = "Making and joining"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


@test_case(name="arange counts as range does", points=1)
def counting(student, rng):
    n = int(rng.integers(2, 20))
    expect.equal(student.arange(n), np.arange(n))
    expect.equal(student.arange(3, 3 + n), np.arange(3, 3 + n))
    expect.equal(student.arange(n, 0, -2), np.arange(n, 0, -2))
    expect.dtype(student.arange(n), "float32")


@test_case(
    name="arange with small steps keeps its digits",
    points=1,
    hidden=True,
    failure_message=(
        "In float32, 1000 + 0.01 + 0.01 + ... drifts. Compute the numbers in float64, then make them float32."
    ),
)
def small_steps(student, rng):
    start, count = float(rng.integers(900, 1100)), 400
    expect.close(student.arange(start, start + 4, 0.01), (start + 0.01 * np.arange(count)), rtol=1e-7, atol=1e-4)


@test_case(name="cat along any dimension", points=1)
def cat(student, rng):
    a, b, c = _array(rng, 2, 3), _array(rng, 4, 3), _array(rng, 2, 5)
    expect.equal(student.joined("cat", [a, b]), np.concatenate([a, b]))
    expect.equal(student.joined("cat", [a, c, a], -1), np.concatenate([a, c, a], axis=1))


@test_case(name="stack along a new dimension", points=1)
def stack(student, rng):
    arrays = [_array(rng, 2, 3) for _ in range(int(rng.integers(2, 5)))]
    for dim in (0, 1, -1):
        expect.equal(student.joined("stack", arrays, dim), np.stack(arrays, axis=dim))


@test_case(
    name="what cannot be joined is refused",
    points=1,
    hidden=True,
    failure_message=(
        "An empty list and shapes that do not fit are ValueErrors, the latter naming all shapes; no tensors, a "
        "TypeError."
    ),
)
def refused(student, rng):
    n = int(rng.integers(4, 9))
    x = np.ones((2, n))
    expect.raises(ValueError, student.joined, "cat", [x, np.ones((2, 3))], mentions=[f"(2, {n})", "(2, 3)"])
    expect.raises(ValueError, student.joined, "stack", [x, np.ones(n)], mentions=[f"(2, {n})", f"({n},)"])
    for function in ("cat", "stack"):
        expect.raises(ValueError, student.joined_as_given, function, [])
        expect.raises(TypeError, student.joined_as_given, function, [2.0])
    expect.equal(student.joined_by_axis("cat", [np.ones((n, 0)), np.ones((n, 2))], 1), np.ones((n, 2)))


@test_case(
    name="random draws follow manual_seed",
    points=3,
    hidden=True,
    failure_message=(
        "Every draw takes generator() anew: the same seed gives the same draws, and two draws after one another "
        "differ."
    ),
)
def seeded(student, rng):
    seed = int(rng.integers(1, 10_000))
    for function in ("randn", "rand"):
        first, second = student.drawn(function, seed, [[40, 50], [40, 50]])
        again, _ = student.drawn(function, seed, [[40, 50], [40, 50]])
        other, _ = student.drawn(function, seed + 1, [[40, 50], [40, 50]])
        expect.shape(first, (40, 50))
        expect.dtype(first, "float32")
        expect.equal(again, first)
        for different in (second, other):
            expect.shape(different, (40, 50))
            expect.between(np.mean(different == first), 0, 0.01, "share of equal numbers in two draws")
        wide = student.drawn_by_tuple(function, seed, [300])
        expect.shape(wide, (300,))
        expect.dtype(wide, "float64")
    normal, uniform = student.drawn("randn", seed, [[20_000]])[0], student.drawn("rand", seed, [[20_000]])[0]
    expect.between(normal.mean(), -0.05, 0.05, "mean of randn")
    expect.between(normal.std(), 0.95, 1.05, "standard deviation of randn")
    expect.between(uniform.min(), 0, 0.01, "smallest number of rand")
    expect.between(uniform.max(), 0.99, 1, "largest number of rand")
    expect.between(uniform.mean(), 0.48, 0.52, "mean of rand")
