"""Task 7: two scenarios, an accuracy that has to be reached, and a report."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "mlperf"
title = "In the form of MLPerf"
points = None


def _seed(rng):
    return int(rng.integers(1 << 30))


@test_case(name="single stream: a latency for each query of one sample", points=1)
def stream(student, rng):
    inputs, seconds = rng.normal(size=(9, 4)).astype("float32"), float(rng.uniform(0.01, 0.05))
    latencies, asked, sizes, recorded = student.stream(seconds, inputs, 20, _seed(rng), 5.0)
    expect.close(latencies, [seconds] * 20, rtol=1e-6)
    expect.equal([sizes, recorded], [[1] * 20, False])
    expect.shape(asked, (20, 4))


@test_case(name="offline: samples a second, the last batch included", points=2)
def offline(student, rng):
    inputs, seconds = rng.normal(size=(29, 4)).astype("float32"), float(rng.uniform(0.001, 0.01))
    rate, sizes, seen = student.batches(seconds, inputs, 8, 7.0)
    expect.close(rate, 1 / seconds, rtol=1e-6)
    expect.equal(sizes, [8, 8, 8, 5])
    expect.equal(seen, inputs)
