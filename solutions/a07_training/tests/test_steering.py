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


@test_case(
    name="clipping works in place and passes over what has no gradient",
    points=2,
    hidden=True,
    failure_message="Others may hold the gradient's array: scale it in place (*=). parameters may be an iterator or one tensor.",
)
def clipping_in_place(student, rng):
    a, b = rng.normal(size=(2, 6)).astype("float32")
    length, limit = _length([a, b]), float(rng.uniform(0.05, 0.2))
    expect.close(student.clipped_memory([a, b], limit)[1], b * (limit / length), rtol=1e-4)
    norm, after = student.clipped([None, a, None, b], limit)
    expect.close(norm, length)
    expect.equal(after[0], None)
    expect.close(after[3], b * (limit / length), rtol=1e-4)
    norm, alone = student.clipped_alone(a, limit)
    expect.close(norm, _length([a]))
    expect.close(alone, a * (limit / _length([a])), rtol=1e-4)
    expect.close(student.clipped([None], limit)[0], 0.0)


@test_case(
    name="a length that is no number can be an error",
    points=2,
    hidden=True,
    failure_message="With error_if_nonfinite=True, NaN or infinity among the gradients raises a RuntimeError; else NaN spreads.",
)
def nonfinite_length(student, rng):
    for bad in (np.nan, np.inf):
        gradient = rng.normal(size=5).astype("float32")
        gradient[rng.integers(5)] = bad
        expect.raises(RuntimeError, student.clipped, [gradient], 1.0, error_if_nonfinite=True)
    gradient[2] = np.nan
    expect.close(student.clipped([gradient], 1.0)[1][0], np.full(5, np.nan, "float32"))
    limit = float(rng.uniform(0.5, 1))
    fine = np.array([3.0, 4.0], "float32")
    expect.close(student.clipped([fine], limit, error_if_nonfinite=True)[1][0], fine * limit / 5)


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


@test_case(
    name="early stopping starts counting anew at every improvement",
    points=2,
    hidden=True,
    failure_message="An improvement sets bad_epochs to 0; a value equal to the best, or NaN, is no improvement.",
)
def counting_anew(student, rng):
    x = float(rng.uniform(1, 2))
    seen = student.watched([x, x + 1, x - 0.1, x, x, x - 0.2, x - 0.2, float("nan")], 2)
    expect.equal([better for _, better, _ in seen], [True, False, True, False, False, True, False, False])
    expect.equal([stop for stop, _, _ in seen], [False, False, False, False, True, False, False, True])
    expect.close(seen[-1][2], x - 0.2)


@test_case(
    name="early stopping knows which way is better and by how much",
    points=2,
    hidden=True,
    failure_message='mode="max" for an accuracy; min_delta is how much better a value has to be; patience None never stops.',
)
def directions(student, rng):
    a = float(rng.uniform(0.3, 0.5))
    rising = [a, a + 0.1, a + 0.05, a + 0.2]
    expect.equal([better for _, better, _ in student.watched(rising, 9, mode="max")], [True, True, False, True])
    expect.equal([better for _, better, _ in student.watched(rising, 9)], [True, False, False, False])
    shy = student.watched([a, a + 0.04, a + 0.06], 9, mode="max", min_delta=0.05)
    expect.equal([better for _, better, _ in shy], [True, False, True])
    down = student.watched([a, a - 0.04, a - 0.06], 9, min_delta=0.05)
    expect.equal([better for _, better, _ in down], [True, False, True])
    expect.equal([stop for stop, _, _ in student.watched([a] * 50, None)], [False] * 50)
