"""Task 1: a timer around work, and the smallest step of a clock."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "clock"
title = "A clock and its step"
points = None


@test_case(name="a timer says what lies inside it, and nothing else", points=2)
def inside(student, rng):
    inside, before, after = rng.uniform(1, 9, 3).tolist()
    elapsed, looks = student.timed(inside, before, after)
    expect.close(elapsed, inside, rtol=1e-9)
    expect.equal(looks, 2)


@test_case(name="the step of a coarse clock", points=2)
def coarse(student, rng):
    for _ in range(4):
        grain = float(rng.uniform(0.001, 0.02))
        expect.close(student.step_of(grain, grain / float(rng.uniform(5, 60))), grain, rtol=1e-6)
