"""Task 7: two scenarios, an accuracy that has to be reached, and a report."""

import math

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "mlperf"
title = "In the form of MLPerf"
points = None


def _seed(rng):
    return int(rng.integers(1 << 30))


def _data(rng, n):
    inputs = rng.normal(size=(n, 4)).astype("float32")
    labels = np.where(rng.random(n) < 0.8, inputs.argmax(1), (inputs.argmax(1) + 1) % 4)
    return inputs, labels


@test_case(name="single stream: a latency for each query of one sample", points=1)
def stream(student, rng):
    inputs, seconds = rng.normal(size=(9, 4)).astype("float32"), float(rng.uniform(0.01, 0.05))
    latencies, asked, sizes, recorded = student.stream(seconds, inputs, 20, _seed(rng), 5.0)
    expect.close(latencies, [seconds] * 20, rtol=1e-6)
    expect.equal([sizes, recorded], [[1] * 20, False])
    expect.shape(asked, (20, 4))


@test_case(
    name="single stream: each query has its own latency, and one beforehand is not counted",
    points=2,
    hidden=True,
    failure_message="One call before the first look at the clock; then two looks around each query, in their order.",
)
def queries(student, rng):
    seconds = rng.uniform(0.01, 0.5, 12)
    latencies, asked = student.stream_by_sample(seconds.tolist(), 30, _seed(rng))
    expect.equal(len(asked), 31)
    expect.close(latencies, [seconds[i] for i in asked[1:]], rtol=1e-6)
    expect.between(len(set(asked)), 5, 12, "different samples asked in 30 queries")


@test_case(name="offline: samples a second, the last batch included", points=2)
def offline(student, rng):
    inputs, seconds = rng.normal(size=(29, 4)).astype("float32"), float(rng.uniform(0.001, 0.01))
    rate, sizes, seen = student.batches(seconds, inputs, 8, 7.0)
    expect.close(rate, 1 / seconds, rtol=1e-6)
    expect.equal(sizes, [8, 8, 8, 5])
    expect.equal(seen, inputs)


@test_case(
    name="a run is valid if its accuracy reaches the target",
    points=2,
    hidden=True,
    failure_message="At least the target counts. No speed makes up for a wrong answer; all workloads have to be valid.",
)
def targets(student, rng):
    inputs, labels = _data(rng, 40)
    right = float((inputs.argmax(1) == labels).mean())
    loads = {"met": [inputs, labels, right], "missed": [inputs, labels, right + 0.01], "easy": [inputs, labels, 0.1]}
    results, text, written = student.mlperf(0.01, np.eye(4), loads, 20)
    expect.close([results[n]["accuracy"] for n in loads], [right] * 3, rtol=1e-9)
    expect.equal([results[n]["valid"] for n in loads], [True, False, True])
    expect.equal(written["valid"], False)
    expect.true(
        "missed" in text and "not valid" in text, "the text names the workload and says that the run is not valid"
    )
    loads.pop("missed")
    _, _, written = student.mlperf(0.01, np.eye(4), loads, 5)
    expect.equal(written["valid"], True)
    expect.equal(student.mlperf(0.01, np.eye(4), {}, 5)[2]["valid"], False)


@test_case(
    name="percentiles of the report, in milliseconds, and what was asked wrongly",
    points=2,
    hidden=True,
    failure_message="Latencies of single_stream with the seed of MLPerf, in milliseconds; the rate of offline.",
)
def report(student, rng):
    inputs, labels = _data(rng, 21)
    seconds = float(rng.uniform(0.001, 0.009))
    results, _, written = student.mlperf(seconds, np.eye(4), {"one": [inputs, labels, 0.5]}, 37, 6)
    found = results["one"]
    expect.close([found["single_stream"][f"p{q}_ms"] for q in (50, 90, 99)], [1e3 * seconds] * 3, rtol=1e-6)
    expect.close(found["offline"]["samples_per_second"], 1 / seconds, rtol=1e-6)
    expect.equal([found["single_stream"]["queries"], found["offline"]["samples"]], [37, 21])
    expect.equal([written["seed"], written["results"]["one"]["benchmark_name"]], [7, "one"])
    expect.true(math.isfinite(written["results"]["one"]["accuracy"]), "the accuracy in the file is a number")
    expect.raises(KeyError, student.mlperf_refused, "other", 5, mentions=["other", "only"])
    expect.raises(ValueError, student.mlperf_refused, "only", 0)
