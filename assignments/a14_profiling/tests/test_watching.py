"""Tasks 5 and 8: measuring changes nothing: no observer, no wrapper and no mode stays behind."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "watching"
title = "Watching without a trace"
points = None


@test_case(name="ops are reported inside, and only there", points=1)
def inside(student, rng):
    x = rng.normal(size=(3, int(rng.integers(2, 9)))).astype("float32")
    expect.equal(student.observed(x), ["mul", "sub", "sum"])
