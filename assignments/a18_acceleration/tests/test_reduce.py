"""Task 10: an all-reduce in a ring. Most cases simulate the ranks, with sends that wait until they are received."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "reduce"
title = "A sum on every rank"
points = None


def _arrays(rng, ranks, *shape, dtype="float32"):
    return [rng.normal(size=shape).astype(dtype) for _ in range(ranks)]


def _expect_sum(answers, arrays, tolerance=1e-5):
    """The sum of all arrays on every rank, the same bits everywhere."""
    expect.equal(len(answers), len(arrays))
    want = np.sum([a.astype("f8") for a in arrays], axis=0)
    for got, *_ in answers:
        expect.close(got, want, rtol=tolerance, atol=tolerance)
        expect.equal(got, answers[0][0])


@test_case(name="chunks of equal size, up to one", points=1)
def bounds(student, rng):
    expect.equal(student.bounds(10, 4), [0, 3, 6, 8, 10])
    for length, parts in ((12, 4), (2, 5), (0, 3), (int(rng.integers(20, 90)), 7)):
        sizes = [length // parts + (i < length % parts) for i in range(parts)]
        expect.equal(student.bounds(length, parts), [sum(sizes[:i]) for i in range(parts + 1)])


@test_case(name="every rank sends and nobody waits for ever", points=2)
def passing(student, rng):
    for ranks in (2, 4, 3, 5):
        arrays = [rng.normal(size=int(rng.integers(1, 9))) for _ in range(ranks)]
        for rank, (received, own) in enumerate(student.passed_on(arrays)):
            expect.equal(received, arrays[rank - 1])
            expect.equal(own, arrays[rank])


@test_case(name="the sum is on every rank", points=3)
def sums(student, rng):
    for ranks in (2, 3, 4):
        arrays = _arrays(rng, ranks, ranks * 6)
        _expect_sum(student.reduced(arrays), arrays)


@test_case(name="the same between processes, with long messages", points=1)
def processes(student, rng):
    # A chunk is larger than a pipe holds: a send waits until it is received.
    arrays = _arrays(rng, 3, 150_000)
    _expect_sum(student.reduced_by_processes(arrays), arrays)
