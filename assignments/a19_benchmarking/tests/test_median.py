"""Task 3: percentiles, the median with its interval, outliers; distributions are drawn here."""

import math

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "median"
title = "The middle and how well it is known"
points = None


def _skewed(rng, *shape):
    """Like times: a floor, a long tail, now and then an interruption."""
    times = 1 + rng.lognormal(0, 1, shape)
    return times + np.where(rng.random(shape) < 0.08, rng.uniform(20, 60, shape), 0)


def _order(n, confidence):
    """(k, coverage): the k-th smallest and the k-th largest of n hold the median with that probability."""
    chances = [math.comb(n, i) / 2**n for i in range(n + 1)]
    held = {k: 1 - 2 * sum(chances[:k]) for k in range(1, (n + 1) // 2 + 1)}
    enough = [k for k, coverage in held.items() if coverage >= confidence]
    k = max(enough, default=1)
    return k, held[k]


@test_case(name="percentiles by nearest rank", points=2)
def nearest(student, rng):
    samples = _skewed(rng, 40)
    ordered = np.sort(samples)
    got = student.ranked(samples.tolist(), [50, 90, 95, 99, 2.5])
    expect.close(got, ordered[[19, 35, 37, 39, 0]], rtol=1e-9)


@test_case(name="median, mean and standard deviation of skewed samples", points=2)
def summary(student, rng):
    for n in (9, 12):
        samples = _skewed(rng, n)
        got = student.summary(samples.tolist())
        expect.close(got["median"], np.median(samples), rtol=1e-9)
        expect.close(got["mean"], samples.mean(), rtol=1e-9)
        expect.close(got["std"], samples.std(ddof=1), rtol=1e-9)
    expect.equal(student.summary([3.5])["std"], 0.0)


@test_case(name="the interval is from the k-th smallest to the k-th largest sample", points=2)
def interval(student, rng):
    for n in (6, 10, 21, 30, int(rng.integers(11, 60))):
        samples = _skewed(rng, n)
        k, coverage = _order(n, 0.95)
        ordered = np.sort(samples)
        expect.close(student.interval(samples.tolist()), [ordered[k - 1], ordered[n - k], coverage], rtol=1e-9)
    got = student.summary(samples.tolist())
    expect.close(got["interval"], [ordered[k - 1], ordered[n - k], coverage], rtol=1e-9)


@test_case(name="outliers are named and stay among the samples", points=2)
def outliers(student, rng):
    samples = rng.uniform(10, 12, 30)
    samples[rng.integers(0, 30)] = 90
    got = student.summary(samples.tolist())
    expect.close(got["outliers"], [90], rtol=1e-9)
    expect.close(got["values"], samples, rtol=1e-9)
    expect.close(got["mean"], samples.mean(), rtol=1e-9)
