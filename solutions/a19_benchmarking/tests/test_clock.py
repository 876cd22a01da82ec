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


@test_case(
    name="a timer is used again, raises what was raised, and counts its own looks as little as it can",
    points=1,
    hidden=True,
    failure_message=(
        "Entering looks at the clock last, leaving looks first, and every time anew. __exit__ returns nothing, so that an"
        " exception goes on; the time is known all the same."
    ),
)
def again(student, rng):
    seconds, cost = rng.uniform(1, 9, 3).tolist(), float(rng.uniform(0.1, 0.2))
    expect.close(student.timed_twice(seconds, cost), [s + cost for s in seconds], rtol=1e-9)
    failed = float(rng.uniform(1, 9))
    elapsed, passed_on = student.timed_failure(failed)
    expect.close(elapsed, failed, rtol=1e-9)
    expect.equal(passed_on, True)


@test_case(name="the step of a coarse clock", points=2)
def coarse(student, rng):
    for _ in range(4):
        grain = float(rng.uniform(0.001, 0.02))
        expect.close(student.step_of(grain, grain / float(rng.uniform(5, 60))), grain, rtol=1e-6)


@test_case(
    name="looks that show the same time are no step, and the smallest step counts",
    points=2,
    hidden=True,
    failure_message=(
        "Compare each look with the last time that was different; steps of 0 are not counted. Of the steps seen take the"
        " smallest. A clock that never moves gets 0."
    ),
)
def smallest(student, rng):
    steps = rng.uniform(2, 9, 12)
    steps[rng.integers(1, 11)] = 0.5
    times, now = [1.0], 1.0
    for step in steps:
        now += float(step)
        times += [now] * int(rng.integers(1, 4))
    expect.close(student.step_of_times(times), 0.5, rtol=1e-9)
    expect.equal(student.step_of_times([3.0]), 0.0)
    fine = float(rng.uniform(1e-7, 1e-6))
    expect.close(student.step_of(0.0, fine), fine, rtol=1e-3)
