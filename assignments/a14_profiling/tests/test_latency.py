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
