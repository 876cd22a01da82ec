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


@test_case(
    name="percentiles at the edges",
    points=2,
    hidden=True,
    failure_message=(
        "The rank is q n / 100 rounded up, and the first rank is 1. The 100th percentile is the largest sample. Take"
        " 1e-9 off before rounding up: 99.9 * 1000 / 100 is not quite 999."
    ),
)
def edges(student, rng):
    samples = rng.permutation(1000).astype(float)
    got = student.ranked(samples.tolist(), [99.9, 100, 0.1, 0.01, 50, 50.01, 90])
    expect.equal(got, [998.0, 999.0, 0.0, 0.0, 499.0, 500.0, 899.0])
    n = int(rng.integers(3, 30))
    ordered = np.sort(_skewed(rng, n))
    ranks = [math.ceil(q * n / 100) for q in range(1, 101)]
    got = student.ranked(rng.permutation(ordered).tolist(), list(range(1, 101)))
    expect.close(got, [ordered[r - 1] for r in ranks], rtol=1e-9)
    expect.raises(ValueError, student.ranked, [], [50])
    expect.raises(ValueError, student.ranked, [1.0], [0])
    expect.raises(ValueError, student.ranked, [1.0], [100.5], mentions=["100.5"])


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


@test_case(
    name="few samples: the whole range, and what that is worth",
    points=1,
    hidden=True,
    failure_message="With five samples the smallest and the largest cover the median with 1 - 2 / 2^5. Say so.",
)
def few(student, rng):
    for n in range(1, 6):
        samples = _skewed(rng, n)
        expect.close(student.interval(samples.tolist()), [samples.min(), samples.max(), 1 - 2 / 2**n], rtol=1e-9)
    expect.raises(ValueError, student.interval, [])
    expect.raises(ValueError, student.interval, [1.0, 2.0], 1.0)


@test_case(
    name="other levels of confidence, and many samples",
    points=2,
    hidden=True,
    failure_message=(
        "k is the largest for which 1 - 2 (C(n, 0) + ... + C(n, k - 1)) / 2^n is still at least the confidence. Whole"
        " numbers of Python have no limit: divide at the end."
    ),
)
def levels(student, rng):
    for n, confidence in ((40, 0.5), (40, 0.9), (8, 0.99), (7, 0.1), (4, 0.2), (4, 0.375), (300, 0.95), (1100, 0.9)):
        samples = _skewed(rng, n)
        k, coverage = _order(n, confidence)
        ordered = np.sort(samples)
        expect.close(
            student.interval(samples.tolist(), confidence), [ordered[k - 1], ordered[n - k], coverage], rtol=1e-9
        )
    got = student.summary(samples.tolist(), confidence=0.5)
    k, coverage = _order(1100, 0.5)
    expect.close(got["interval"], [ordered[k - 1], ordered[1100 - k], coverage], rtol=1e-9)


@test_case(
    name="in 1500 experiments the interval holds the true median as often as it says",
    points=2,
    hidden=True,
    failure_message=(
        "Experiments with skewed times, the true median being known: the interval has to hold it as often as its"
        " confidence says. What holds the mean of normal times so often misses the median of these."
    ),
)
def experiments(student, rng):
    for n, confidence in ((40, 0.95), (60, 0.8)):
        rows = 1 + rng.lognormal(0, 1.5, (750, n))  # true median 2
        bounds = student.intervals(rows, confidence)
        expect.shape(bounds, (750, 2))
        held = int(((bounds[:, 0] <= 2) & (bounds[:, 1] >= 2)).sum())
        _, exact = _order(n, confidence)
        margin = 5 * math.sqrt(750 * exact * (1 - exact))
        expect.between(held, 750 * exact - margin, 750, "experiments of 750 that hold it")


@test_case(
    name="the more samples, the better the median is known",
    points=1,
    hidden=True,
    failure_message=(
        "Sixteen times the samples make the interval about a quarter as wide. One that stays as wide speaks of single"
        " calls, not of their median."
    ),
)
def narrower(student, rng):
    few, many = (
        float(np.median(np.diff(student.intervals(1 + rng.lognormal(0, 1, (400, n)), 0.95)))) for n in (40, 640)
    )
    expect.between(many / few, 0.15, 0.5, "width of the interval of 640 samples by that of 40")


@test_case(name="outliers are named and stay among the samples", points=2)
def outliers(student, rng):
    # Evenly from 10 to 12, so that whatever is drawn nothing but 90 lies far from the quartiles.
    samples = rng.permutation(np.linspace(10, 12, 30) + rng.uniform(-0.03, 0.03, 30))
    samples[rng.integers(0, 30)] = 90
    got = student.summary(samples.tolist())
    expect.close(got["outliers"], [90], rtol=1e-9)
    expect.close(got["values"], samples, rtol=1e-9)
    expect.close(got["mean"], samples.mean(), rtol=1e-9)


@test_case(
    name="outliers on both sides, by quartiles",
    points=1,
    hidden=True,
    failure_message="1.5 times the distance of the quartiles below the first or above the third, in the order measured.",
)
def both_sides(student, rng):
    # 21 samples evenly from 100 to 120, one just within reach of the quartiles, one not far beyond it and two far.
    samples = float(rng.uniform(1, 3)) * rng.permutation([*range(100, 121), 128, 140, 30, 300])
    first, third = np.quantile(samples, [0.25, 0.75])
    far = [s for s in samples if s < first - 1.5 * (third - first) or s > third + 1.5 * (third - first)]
    expect.close(student.summary(samples.tolist())["outliers"], far, rtol=1e-9)
    expect.equal(len(far), 3)
    expect.equal(student.summary([5.0] * 8)["outliers"], [])


@test_case(
    name="a result as plain data, and what is none",
    points=1,
    hidden=True,
    failure_message="Numbers in to_dict are Python floats, as the properties return them. No values, or NaN: ValueError.",
)
def plain(student, rng):
    samples = _skewed(rng, 25)
    samples[rng.integers(0, 25)] += 100
    got = student.as_dict(samples.tolist())
    k, exact = _order(25, 0.95)
    ordered = np.sort(samples)
    expect.close(got["interval"], [ordered[k - 1], ordered[25 - k]], rtol=1e-9)
    expect.close(
        [got[name] for name in ("median", "mean", "min", "max", "coverage")],
        [np.median(samples), samples.mean(), samples.min(), samples.max(), exact],
        rtol=1e-9,
    )
    expect.equal([got["count"], got["unit"], got["metadata"]], [25, "ms", {"n": 1}])
    for wrong in ([], [1.0, float("nan")], [float("inf")]):
        expect.raises(ValueError, student.summary, wrong)
