"""Task 7: the memory that a call needs at its worst moment, and what is left of it."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "memory"
title = "Memory"
points = None

# What Python itself allocates during a call of a few lines: far below the arrays of a quarter of a megabyte and more.
SLACK = 20_000


def _bytes(rng, count):
    return [int(n) for n in rng.integers(250_000, 500_000, size=count)]


def _about(actual, expected, what):
    expect.between(actual, expected - 2_000, expected + SLACK, what)


@test_case(name="the peak is the worst moment, not the end", points=3)
def peak(student, rng):
    first, second = _bytes(rng, 2)
    for passing, staying in ((3 * first, second), (first, 3 * second)):
        at_most, kept = student.memory(passing, staying)
        _about(at_most, max(passing, staying), "bytes at the worst moment")
        _about(kept, staying, "bytes at the end")
