"""Task 10: no_grad and enable_grad, opened, nested, left by an exception, and as decorators."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "switches"
title = "Recording off and on"
points = None


@test_case(name="nothing is recorded under no_grad, and afterwards it is again", points=2)
def off(student, rng):
    x = rng.normal(size=3)
    expect.equal(student.recorded_under(x, ["no_grad"]), [[True, True], [False, False], [True, True]])
