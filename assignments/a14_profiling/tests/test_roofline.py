"""Task 11: what the machine can do, and what each op makes of it."""

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
