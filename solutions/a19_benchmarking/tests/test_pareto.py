"""Task 5: which of many points somebody could want."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "pareto"
title = "The Pareto front"
points = None

DIRECTIONS = {"accuracy": "max", "latency": "min"}


def _points(rng, n, metrics, levels=6):
    """Points with few levels, so that there are many ties."""
    return {f"m{i}": {m: float(rng.integers(levels)) for m in metrics} for i in range(n)}


def _front(points, directions):
    """By definition, with losses: smaller is better."""
    losses = np.array([[p[m] * (-1 if d == "max" else 1) for m, d in directions.items()] for p in points.values()])
    kept = []
    for name, own in zip(points, losses, strict=True):
        better = (losses <= own).all(axis=1) & (losses < own).any(axis=1)
        if not better.any():
            kept.append(name)
    return kept


@test_case(name="better in one thing, worse in none", points=1)
def dominance(student, rng):
    high, low = sorted(rng.uniform(0, 1, 2).tolist(), reverse=True)
    quick, slow = sorted(rng.uniform(1, 9, 2).tolist())
    expect.equal(
        student.dominated({"accuracy": high, "latency": quick}, {"accuracy": low, "latency": slow}, DIRECTIONS),
        [True, False],
    )
    expect.equal(
        student.dominated({"accuracy": high, "latency": slow}, {"accuracy": low, "latency": quick}, DIRECTIONS),
        [False, False],
    )


@test_case(
    name="equal in some things, equal in all",
    points=2,
    hidden=True,
    failure_message="Nowhere worse and somewhere better. An equal point is not better anywhere.",
)
def equality(student, rng):
    high, low = sorted(rng.uniform(0, 1, 2).tolist(), reverse=True)
    point = {"accuracy": high, "latency": 2.0, "size": 3.0}
    directions = {**DIRECTIONS, "size": "min"}
    expect.equal(student.dominated(point, {**point, "accuracy": low}, directions), [True, False])
    expect.equal(student.dominated(point, dict(point), directions), [False, False])
    # What does not count has no say.
    expect.equal(
        student.dominated({**point, "price": 9.0}, {**point, "accuracy": low, "price": 1.0}, directions)[0], True
    )


@test_case(name="the front of two metrics", points=2)
def front(student, rng):
    for _ in range(3):
        points = {f"m{i}": {"accuracy": float(a), "latency": float(b)} for i, (a, b) in enumerate(rng.random((12, 2)))}
        expect.equal(student.front(points, DIRECTIONS), _front(points, DIRECTIONS))


@test_case(
    name="several metrics, both directions, many ties",
    points=3,
    hidden=True,
    failure_message=(
        "Every point that nobody dominates is on the front, equal ones included, in the order in which they were given."
        " A metric that is the same for two points decides nothing."
    ),
)
def many(student, rng):
    for n, metrics in ((14, "ab"), (25, "abc"), (30, "abcd"), (9, "a"), (1, "ab")):
        directions = {m: ("min", "max")[int(rng.integers(2))] for m in metrics}
        points = _points(rng, n, metrics, 4)
        if n > 1:
            points["a twin"] = dict(points[_front(points, directions)[-1]])
        expect.equal(student.front(points, directions), _front(points, directions))


@test_case(
    name="twins, and metrics that are missing",
    points=2,
    hidden=True,
    failure_message="Two equal points are both on the front or both not. NaN and missing numbers are a ValueError.",
)
def twins(student, rng):
    best = {"accuracy": float(rng.uniform(0.8, 0.9)), "latency": 1.0}
    worse = {"accuracy": 0.5, "latency": 2.0}
    points = {"a": best, "b": worse, "c": dict(best), "d": dict(worse), "e": {"accuracy": 0.99, "latency": 9.0}}
    expect.equal(student.front(points, DIRECTIONS), ["a", "c", "e"])
    for wrong in ({"accuracy": float("nan"), "latency": 1.0}, {"latency": 1.0}):
        expect.raises(ValueError, student.front, {"a": best, "odd": wrong}, DIRECTIONS, mentions=["odd", "accuracy"])
    expect.raises(ValueError, student.front, points, {"accuracy": "up"})
