"""Task 3: one pair merged in a line of ids, and all merges that apply, in the order in which they were learned."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "merging"
title = "Merges"
points = None


def _ids(rng, count):
    """So many different ids."""
    return [int(i) for i in rng.permutation(200)[:count]]


@test_case(name="every occurrence of the pair is replaced", points=3)
def everywhere(student, rng):
    a, b, c = _ids(rng, 3)
    new = int(rng.integers(256, 999))
    merged, _ = student.merged([a, b, c, a, c, b, a, a, b], [a, b], new)
    expect.equal(merged, [new, c, a, c, b, a, new])
    merged, _ = student.merged([c, a], [a, b], new)
    expect.equal(merged, [c, a])


@test_case(name="merges apply in the order in which they were learned", points=3)
def in_order(student, rng):
    a, b, c, d = _ids(rng, 4)
    expect.equal(student.merges_applied([a, b, c], [[b, c, 256], [a, b, 257]]), [a, 256])
    learned = [[c, d, 256], [a, b, 257], [257, c, 258]]
    expect.equal(student.merges_applied([a, b, c, d], learned), [257, 256])
    expect.equal(student.merges_applied([a, b, c, a], learned), [258, a])
