"""Task 5: which of many points somebody could want."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "pareto"
title = "The Pareto front"
points = None

DIRECTIONS = {"accuracy": "max", "latency": "min"}


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


@test_case(name="the front of two metrics", points=2)
def front(student, rng):
    for _ in range(3):
        points = {f"m{i}": {"accuracy": float(a), "latency": float(b)} for i, (a, b) in enumerate(rng.random((12, 2)))}
        expect.equal(student.front(points, DIRECTIONS), _front(points, DIRECTIONS))
