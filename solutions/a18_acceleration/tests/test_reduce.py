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


@test_case(
    name="lengths that do not divide, more ranks than elements, one rank",
    points=2,
    hidden=True,
    failure_message=(
        "Cut with chunk_bounds: the first chunks are one element longer, and some may be empty. Empty chunks travel"
        " like the others. One rank alone has its sum already."
    ),
)
def lengths(student, rng):
    for ranks, length in ((3, 10), (4, 7), (5, 3), (4, 1), (6, 29), (2, 0), (1, 5)):
        arrays = _arrays(rng, ranks, length)
        _expect_sum(student.reduced(arrays), arrays)


@test_case(
    name="matrices, doubles and large differences of size",
    points=1,
    hidden=True,
    failure_message=(
        "The array keeps its shape and dtype; work on its flat view. All ranks must end with the same bits: the chunk"
        " that one rank has completed is copied to the others, not computed again in another order."
    ),
)
def kinds(student, rng):
    arrays = _arrays(rng, 3, 4, 5, dtype="float64")
    _expect_sum(student.reduced(arrays), arrays, 1e-12)
    arrays = [a * np.float32(10.0 ** (3 * rank)) for rank, a in enumerate(_arrays(rng, 4, 2, 3, 5))]
    answers = student.reduced(arrays)
    want = np.sum([a.astype("f8") for a in arrays], axis=0)
    for got, *_ in answers:
        expect.close(got, want, rtol=1e-5, atol=1e-6 * float(np.abs(arrays[-1]).max()))
        expect.equal(got, answers[0][0])


@test_case(
    name="bytes that a rank sends: 2 (n - 1) / n of its array",
    points=1,
    hidden=True,
    failure_message=(
        "Each of the 2 (n - 1) messages carries one chunk, a part of 1 / n. Sending the whole array around the ring"
        " takes n / 2 times as long for n ranks."
    ),
)
def traffic(student, rng):
    for ranks in (2, 3, 4, 6):
        arrays = _arrays(rng, ranks, ranks * int(rng.integers(5, 20)))
        answers = student.reduced(arrays)
        _expect_sum(answers, arrays)
        for _, sent, messages in answers:
            expect.equal([sent, messages], [2 * (ranks - 1) * arrays[0].nbytes // ranks, 2 * (ranks - 1)])


@test_case(
    name="an array that does not lie in one piece is refused",
    points=1,
    hidden=True,
    failure_message="reshape(-1) of such an array is a copy, and the sum would be written into the copy: a ValueError.",
)
def pieces(student, rng):
    expect.raises(ValueError, student.reduced_in_pieces, rng.normal(size=(4, 6)), mentions=["one piece"])


@test_case(name="the same between processes, with long messages", points=1)
def processes(student, rng):
    # A chunk is larger than a pipe holds: a send waits until it is received.
    arrays = _arrays(rng, 3, 150_000)
    _expect_sum(student.reduced_by_processes(arrays), arrays)
