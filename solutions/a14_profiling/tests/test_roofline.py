"""Task 11: what the machine can do, and what each op makes of it."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "roofline"
title = "The roofline"
points = None


@test_case(name="two ceilings that meet at the ridge", points=2)
def ceilings(student, rng):
    peak, bandwidth = float(rng.uniform(50, 100)), float(rng.uniform(2, 10))
    ridge = peak / bandwidth
    got, found = student.ceilings(peak, bandwidth, [0.1, ridge / 2, 3 * ridge, ridge * 100])
    expect.close(got, ridge)
    roof = [0.1 * bandwidth, peak / 2, peak, peak]
    expect.close([f[0] for f in found], roof)
    expect.equal([f[1] for f in found], ["memory", "memory", "compute", "compute"])
    expect.equal(student.ceilings(96.0, 8.0, [12.0])[1], [[96.0, "compute"]])  # at the ridge itself


@test_case(
    name="points: sums first, quotients last",
    points=3,
    hidden=True,
    failure_message=(
        "FLOPs, bytes and seconds of all calls of one op are summed up; intensity and rate are quotients of the sums."
        " Views have no place under the roof, and what took longest comes first."
    ),
)
def points_of_ops(student, rng):
    peak, bandwidth = 100.0, 10.0
    small, large = [10, 5, 30, 0.0, 1.0], [4000, 20, 90, 2.0, 5.0]
    many = int(rng.integers(200, 400))
    calls = [
        ["linear", *small],
        ["reshape", 0, 0, 0, 1.0, 1.5],
        ["linear", *large],
        ["relu", 0, many, 8 * many, 5.0, 15.0],
        ["embedding", 0, 0, 64, 15.0, 16.0],
    ]
    linear = ["linear", 2, 4035, 120, 4.0, 4035 / 120, 4035 / 4, peak, "compute"]
    relu = ["relu", 1, many, 8 * many, 10.0, 1 / 8, many / 10, bandwidth / 8, "memory"]
    got = student.points(calls, peak, bandwidth)
    expect.equal([p[0] for p in got], ["relu", "linear"])
    for point, expected in zip(got, [relu, linear], strict=True):
        expect.equal([point[:4], point[8]], [expected[:4], expected[8]])
        expect.close(point[4:8], expected[4:8], rtol=1e-9)


@test_case(
    name="ceilings as measured: the best of several, after one more",
    points=2,
    hidden=True,
    failure_message=(
        "A product of (n, n) matrices is 2 n³ FLOPs; a copy reads its bytes and writes them. The first call warms up and"
        " is not measured; of the others the quickest is what the machine can do."
    ),
)
def measured(student, rng):
    size, repeats = int(rng.integers(4, 9)), int(rng.integers(3, 6))
    products = rng.uniform(3, 9, size=repeats)
    copies = rng.uniform(3, 9, size=repeats)
    got = student.ceilings_measured([*products, *copies], size, 1, repeats)
    expected = [2 * size**3 / products.min() * 1000, 2 * 2**20 / copies.min() * 1000]
    expect.close(got[:2], expected, rtol=1e-6)
    expect.equal(got[2], got[:2])


@test_case(
    name="a report on a model",
    points=1,
    hidden=True,
    failure_message="profile_forward_pass puts together what you wrote: FLOPs, bytes, parameters, memory, milliseconds.",
)
def report(student, rng):
    n, a, b = (int(k) for k in rng.integers(20, 60, size=3))
    x = rng.normal(size=(n, a)).astype("float32")
    flops, moved = 2 * n * a * b + n * b, 4 * (n * a + a * b + b + n * b)
    for ridge, bound in ((flops / moved * 1.5, "memory"), (flops / moved / 1.5, "compute")):
        got = student.report([["Linear", [a, b], {}]], x, 1e15 * ridge, 1e15)
        expect.equal([got["flops"], got["parameters"], got["bottleneck"]], [flops, a * b + b, bound])
        expect.close(got["gflops_per_second"], flops / got["latency_ms"] / 1e6, rtol=1e-6)
        expect.close(got["memory_bandwidth_mbs"], moved / got["latency_ms"] * 1e3 / 2**20, rtol=1e-6)
        expect.close(got["computational_efficiency"], flops / got["latency_ms"] / 1e12 / ridge, rtol=1e-6)
        expect.equal(len(got), 13)
    expect.true(np.isfinite(got["latency_ms"]) and got["latency_ms"] > 0, "a call takes time")
