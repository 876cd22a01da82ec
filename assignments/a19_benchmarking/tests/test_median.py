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


@test_case(name="percentiles by nearest rank, where the rank is a whole number", points=1)
def nearest(student, rng):
    samples = _skewed(rng, 40)
    ordered = np.sort(samples)
    got = student.ranked(samples.tolist(), [50, 90, 95, 97.5, 2.5])
    expect.close(got, ordered[[19, 35, 37, 38, 0]], rtol=1e-9)


@test_case(name="percentiles by nearest rank, where the rank is rounded up", points=1)
def rounded_up(student, rng):
    samples = _skewed(rng, 38)
    ordered = np.sort(samples)
    got = student.ranked(samples.tolist(), [51, 90, 95, 99, 1.5])
    expect.close(got, ordered[[19, 34, 36, 37, 0]], rtol=1e-9)


def _expect_summary(student, samples):
    got = student.summary(samples.tolist())
    expect.close(got["median"], np.median(samples), rtol=1e-9)
    expect.close(got["mean"], samples.mean(), rtol=1e-9)
    expect.close(got["std"], samples.std(ddof=1), rtol=1e-9)


@test_case(name="one interrupted call moves the mean and not the median", points=1)
def interrupted(student, rng):
    for n in (9, 12):
        samples = np.full(n, rng.uniform(1, 2))
        samples[rng.integers(n)] *= rng.uniform(10, 30)
        _expect_summary(student, samples)


@test_case(name="median, mean and standard deviation of calls that nothing disturbed", points=1)
def undisturbed(student, rng):
    for n in (2, 9, 12):
        # As far above the middle as below it: median and mean agree, for an even number of calls too.
        samples = rng.permutation(rng.uniform(10, 12) + rng.uniform(0.1, 0.3) * (np.arange(n) - (n - 1) / 2))
        _expect_summary(student, samples)
    expect.equal(student.summary([float(rng.uniform(1, 5))])["std"], 0.0)


@test_case(name="the interval is from the k-th smallest to the k-th largest sample", points=1)
def interval(student, rng):
    for n in (6, 10, 21, 30, int(rng.integers(11, 60))):
        samples = _skewed(rng, n)
        k, _ = _order(n, 0.95)
        ordered = np.sort(samples)
        low, high, _ = student.interval(samples.tolist())
        expect.close([low, high], [ordered[k - 1], ordered[n - k]], rtol=1e-9)
    # Calls that were disturbed are samples too.
    ordered = np.append(ordered, ordered[-1] * np.sort(rng.uniform(20, 30, size=3)))
    k, _ = _order(n + 3, 0.95)
    low, high, _ = student.summary(rng.permutation(ordered).tolist())["interval"]
    expect.close([low, high], [ordered[k - 1], ordered[n + 3 - k]], rtol=1e-9)


@test_case(name="the coverage of an interval: how often such a one holds the median", points=1)
def coverage(student, rng):
    for n in (6, 10, 21, 30, int(rng.integers(11, 60))):
        _, _, got = student.interval(_skewed(rng, n).tolist())
        expect.close(got, _order(n, 0.95)[1], rtol=1e-9)


@test_case(name="outliers are named and stay among the samples", points=2)
def outliers(student, rng):
    # Evenly from 10 to 12, so that whatever is drawn nothing but 90 lies far from the quartiles.
    samples = rng.permutation(np.linspace(10, 12, 30) + rng.uniform(-0.03, 0.03, 30))
    samples[rng.integers(0, 30)] = 90
    got = student.summary(samples.tolist())
    expect.close(got["outliers"], [90], rtol=1e-9)
    expect.close(got["values"], samples, rtol=1e-9)
    expect.close(got["mean"], samples.mean(), rtol=1e-9)
