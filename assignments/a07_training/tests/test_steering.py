"""Tasks 1 and 2: clipping, the cosine schedule, early stopping."""

import math

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "steering"
title = "Clipping, schedule, stopping"
points = None


def _length(gradients):
    return math.sqrt(sum(float((g.astype("float64") ** 2).sum()) for g in gradients))


def _gradients(rng, length):
    """Three gradients of different shapes that together have this length."""
    gradients = [rng.normal(size=shape) for shape in ((3, 4), (5,), ())]
    return [(g * length / _length([np.asarray(g) for g in gradients])).astype("float32") for g in map(np.asarray, gradients)]


@test_case(name="gradients that are too long are scaled by one factor", points=3)
def long_gradients(student, rng):
    length = float(rng.uniform(3, 30))
    gradients = _gradients(rng, length)
    limit = length * float(rng.uniform(0.1, 0.6))
    norm, after = student.clipped(gradients, limit)
    expect.close(norm, length, rtol=1e-5)
    for got, g in zip(after, gradients, strict=True):
        expect.close(got, g * (limit / length), rtol=1e-4)


@test_case(name="gradients that are short enough stay as they are", points=2)
def short_gradients(student, rng):
    length = float(rng.uniform(0.1, 0.9))
    gradients = _gradients(rng, length)
    norm, after = student.clipped(gradients, length * float(rng.uniform(1.1, 3)))
    expect.close(norm, length, rtol=1e-5)
    for got, g in zip(after, gradients, strict=True):
        expect.equal(got, g)


@test_case(name="the cosine falls from the largest learning rate to the smallest", points=2)
def cosine(student, rng):
    low, high, total = float(rng.uniform(0.001, 0.1)), float(rng.uniform(0.5, 2)), int(rng.integers(4, 40)) * 2
    first, half, last, beyond = student.cosine(high, low, total, [0, total // 2, total, total + 7])
    expect.close([first, half, last, beyond], [high, (high + low) / 2, low, low])
    quarter = student.cosine(high, low, 4 * total, [total])[0]
    expect.close(quarter, low + (high - low) * (1 + math.sqrt(0.5)) / 2)


@test_case(name="early stopping waits exactly as long as its patience", points=2)
def patience(student, rng):
    start, wait = float(rng.uniform(1, 2)), int(rng.integers(2, 5))
    values = [start, start - 0.5] + [start - 0.5 + 0.1 * k for k in range(1, wait + 1)]
    seen = student.watched(values, wait)
    expect.equal([stop for stop, _, _ in seen], [False] * (wait + 1) + [True])
    expect.close(seen[-1][2], start - 0.5)
