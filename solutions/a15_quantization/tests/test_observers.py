"""Task 6: ranges of numbers that come in batches."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "observers"
title = "Observers"
points = None


def _batches(rng, count=4):
    """Batches of unequal shapes and ranges; the widest is neither the first nor the last."""
    sizes = [1.0, 5.0, 2.0, 0.5]
    return [(rng.normal(size=(3 + i, 4)) * sizes[i % 4]).astype("float32") for i in range(count)]


def _check_percentiles(got, batches, percentile):
    """Both ends are the outer edges of the bins in which the percentiles of all batches lie."""
    everything = np.concatenate([np.asarray(batch, "float64").reshape(-1) for batch in batches])
    reach = float(np.abs(batches[0]).max()) or 1.0
    while reach < np.abs(everything).max():
        reach *= 2
    expect.equal(len(got), 2)
    for end, values in ((-got[0], -everything), (got[1], everything)):
        exact = np.quantile(values, percentile / 100, method="inverted_cdf")
        expect.between(float(end - exact) / (reach / 2048), -0.001, 1.001, "bins between the percentile and the end")


@test_case(name="min-max: the least and the greatest of all batches", points=2)
def min_max(student, rng):
    batches = _batches(rng)
    everything = np.concatenate([b.reshape(-1) for b in batches])
    expect.close(student.observed("min-max", batches), [everything.min(), everything.max()])
    positive = [np.abs(b) for b in batches]
    expect.close(student.observed("min-max", positive), [0, np.abs(everything).max()])
    scale, _ = student.observed_grid("min-max", [*batches, np.zeros((0, 4), "float32")])
    expect.close(scale, (everything.max() - everything.min()) / 255)


@test_case(name="moving average: every batch pulls the range towards its own", points=2)
def moving_average(student, rng):
    batches, momentum = _batches(rng), float(rng.uniform(0.2, 0.8))
    for batch in batches:
        batch[0, :2] = -0.1, 0.1  # 0 lies within every range
    low, high = batches[0].min(), batches[0].max()
    for batch in batches[1:]:
        low, high = low + momentum * (batch.min() - low), high + momentum * (batch.max() - high)
    expect.close(student.observed("moving average", batches, momentum), [low, high])
    expect.close(student.observed("moving average", batches[:1], momentum), [batches[0].min(), batches[0].max()])


@test_case(name="percentiles of everything that was seen", points=2)
def percentiles(student, rng):
    size = 10.0 ** rng.integers(-5, -1)
    batches = [((rng.gamma(2.0, 1.0, size=4001) - 1) * size).astype("float32") for _ in range(3)]
    _check_percentiles(student.observed("percentile", batches, 99.0), batches, 99.0)
    # A single batch: bins as narrow as its own greatest value allows.
    for percentile in (70.0, 80.0, 90.0, 95.0, 99.0):
        _check_percentiles(student.observed("percentile", batches[:1], percentile), batches[:1], percentile)


@test_case(
    name="percentiles when later batches are larger",
    points=2,
    hidden=True,
    failure_message=(
        "Where a batch goes beyond the reach, double the reach, merge neighbouring bins and go on: what was counted before "
        "keeps its place. Percentiles are those of all batches together, also when the first one was all zeros."
    ),
)
def growing(student, rng):
    for sizes in ((1, 1.5, 9), (0, 0.01, 3), (2, 100, 1)):
        batches = [(rng.normal(size=3001) * size + 0.2 * size).astype("float32") for size in sizes]
        for percentile in (80.0, 98.0):
            _check_percentiles(student.observed("percentile", batches, percentile), batches, percentile)
        counted, few = student.counts_kept(batches, 8192)
        expect.equal([counted, few], [9003, True])


@test_case(
    name="one outlier in 10,000 is cut off, a percentile of 100 cuts off nothing",
    points=2,
    hidden=True,
    failure_message=(
        "With 99.9 a single outlier does not move the range by more than a bin. With 100 the range is exactly that of "
        "MinMaxObserver, and no range is ever wider than that."
    ),
)
def outliers(student, rng):
    x = rng.uniform(-1, 1, size=10_000).astype("float32")
    spoiled = x.copy()
    spoiled[rng.integers(0, 10_000)] = 40.0
    low, high = student.observed("percentile", [x, spoiled], 99.9)
    expect.between(high, 0.95, 1.06, "the upper end")
    expect.between(low, -1.06, -0.95, "the lower end")
    expect.equal(student.observed("percentile", [x, spoiled], 100.0), [float(x.min()), 40.0])
    expect.equal(student.observed("percentile", [-x, -spoiled], 100.0), [-40.0, float(-x.min())])
