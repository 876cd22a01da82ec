"""Task 1: which weights can be pruned, and what share of them is 0."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "sparsity"
title = "Zeros, counted"
points = None


def _with_zeros(rng, shape, count):
    """Numbers of which exactly `count` are 0."""
    w = rng.normal(size=shape).astype("float32")
    w.reshape(-1)[rng.permutation(w.size)[:count]] = 0
    return w


@test_case(name="the share of zeros, from 0 to 1", points=2)
def share(student, rng):
    weights = [_with_zeros(rng, (4, 6), 9), _with_zeros(rng, (6, 4), 12)]
    total, layers = student.sparsities(weights)
    expect.close(total, 21 / 48)
    expect.close(student.sparsities([np.ones((3, 2)), np.zeros((2, 3))])[0], 0.5)
    expect.equal(sorted(layers), ["0.weight", "2.weight"])
    expect.close([layers["0.weight"], layers["2.weight"]], [9 / 24, 12 / 24])


@test_case(
    name="of all weights together, not the mean of the layers",
    points=2,
    hidden=True,
    failure_message="A layer of 4 weights must not count as much as one of 400. Biases are 0 at first and do not count.",
)
def together(student, rng):
    n = int(rng.integers(15, 30))
    weights = [np.zeros((2, n)), rng.normal(size=(n, n)) + 9]
    total, layers = student.sparsities(weights)
    expect.close(total, 2 * n / (2 * n + n * n))
    expect.close([layers["0.weight"], layers["2.weight"]], [1.0, 0.0])
    expect.equal(student.sparsity_of_nothing(), 0.0)
    expect.close(student.sparsities([np.zeros((0, 2)), np.zeros((2, 2))])[1]["0.weight"], 0.0)


@test_case(name="weights only: no biases, no normalisation, shared ones once", points=2)
def paths(student, rng):
    found = student.prunable_paths(int(rng.integers(99)))
    expect.equal(sorted(found), ["conv.weight", "first.weight", "heads.0.weight", "heads.1.weight", "table.weight"])


@test_case(
    name="what is skipped, and what is refused",
    points=2,
    hidden=True,
    failure_message=(
        "skip names layers or weights: a path leaves out itself and what is below it, and nothing whose name only begins"
        " alike. Numbers that are not finite are a ValueError, and what is no Module is a TypeError."
    ),
)
def refused(student, rng):
    seed = int(rng.integers(99))
    expect.equal(
        sorted(student.prunable_paths(seed, ["heads", "table.weight", "con"])), ["conv.weight", "first.weight"]
    )
    expect.equal(len(student.prunable_paths(seed, ["heads.0"])), 4)
    for bad in (float("nan"), float("inf")):
        expect.raises(ValueError, student.prunable_refused, bad, mentions=["0.weight"])
    expect.raises(TypeError, student.prunable_refused, "a model", mentions=["str"])
