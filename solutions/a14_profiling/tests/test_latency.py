"""Task 6: the time of a call, by a clock that only moves when the call says so."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "latency"
title = "Latency"
points = None


@test_case(name="the median of the calls, in milliseconds", points=2)
def median(student, rng):
    times = rng.uniform(1, 5, size=9)
    times[4] = 400.0
    got, _, _, samples, calls = student.latency(times.tolist(), 0, 9)
    expect.close(samples, times, rtol=1e-9)
    expect.close(got, np.median(times), rtol=1e-9)
    expect.equal(calls, 9)
    expect.close(student.summary(times.tolist())[0], np.median(times), rtol=1e-9)
    even = rng.uniform(1, 5, size=6)
    expect.close(student.summary(even.tolist())[0], np.median(even), rtol=1e-9)


@test_case(name="calls beforehand are not measured", points=2)
def warmup(student, rng):
    times = [*rng.uniform(50, 90, size=3), *rng.uniform(1, 2, size=5)]
    _, _, _, samples, calls = student.latency(times, 3, 5)
    expect.close(samples, times[3:], rtol=1e-9)
    expect.equal(calls, 8)


@test_case(
    name="nine of ten calls lie within the interval, and what is far outside is reported",
    points=3,
    hidden=True,
    failure_message=(
        "The interval are quantiles 0.05 and 0.95. Outliers lie more than 1.5 times the distance of the quartiles"
        " outside of them, on either side; they stay among the samples."
    ),
)
def spread(student, rng):
    # Evenly spread, so that no draw has its quartiles close together and its own ends far out.
    times = rng.permutation(np.linspace(100, 120, 24) + rng.uniform(-0.4, 0.4, size=24))
    times[[3, 17]] = 200, 20
    times[8] = np.quantile(times, 0.75) + 1.2 * (np.quantile(times, 0.75) - np.quantile(times, 0.25))
    got, interval, outliers, samples, _ = student.latency(times.tolist(), 0, len(times))
    first, third = np.quantile(samples, [0.25, 0.75])
    expect.close(interval, np.quantile(samples, [0.05, 0.95]), rtol=1e-9)
    far = [s for s in samples if s < first - 1.5 * (third - first) or s > third + 1.5 * (third - first)]
    expect.close(outliers, far, rtol=1e-9)
    expect.close(sorted(outliers), [20, 200], rtol=1e-6)
    expect.equal(len(samples), 24)
    expect.close(got, np.median(times), rtol=1e-9)


@test_case(
    name="a latency is a number, and needs a sample",
    points=2,
    hidden=True,
    failure_message="Latency is a float with attributes: float.__new__(cls, median). Without samples it is a ValueError.",
)
def a_number(student, rng):
    times = rng.uniform(1, 9, size=5).tolist()
    got, _, outliers, one_more, best = student.summary(times)
    expect.close(one_more, np.median(times) + 1, rtol=1e-9)
    expect.close(got, np.median(times), rtol=1e-9)
    expect.equal([best, len(outliers)], [min(times), sum(_far(times))])
    expect.raises(ValueError, student.summary, [])
    expect.raises(ValueError, student.latency, times, 0, 0, mentions=["0"])


def _far(times):
    first, third = np.quantile(times, [0.25, 0.75])
    return [not first - 1.5 * (third - first) <= t <= third + 1.5 * (third - first) for t in times]


@test_case(
    name="what prepares the call is no part of it",
    points=3,
    hidden=True,
    failure_message=(
        "Only the call lies between two looks at the clock. Making the input and changing the mode happen once, before"
        " the first of them."
    ),
)
def preparation(student, rng):
    milliseconds = float(rng.uniform(2, 9))
    samples, modes, training = student.latency_of_a_model(milliseconds, (2, 3), 2, 4)
    expect.close(samples, [milliseconds] * 4, rtol=1e-6)
    expect.equal(modes, [False] * 6)
    expect.equal(training, True)
