"""Task 4: pairs counted once, and the counts kept true while pairs are merged."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "counting"
title = "Counting pairs"
points = None


def _ids(rng, count):
    return [int(i) for i in rng.permutation(200)[:count]]


@test_case(name="a pair counts as often as its words occur", points=2)
def weighted(student, rng):
    a, b, c = sorted(_ids(rng, 3))
    m, n = (int(i) for i in rng.integers(2, 9, size=2))
    rows = [[a, a, 2 * n], [a, b, m], [b, a, m], [b, c, n], [c, a, n]]
    expect.equal(student.counts([[a, b, a], [b, c, a, a, a], [c]], [m, n, 5]), rows)


@test_case(name="of equally frequent pairs the lowest is taken", points=3)
def ties(student, rng):
    a, b, c, d = sorted(_ids(rng, 4))
    n = int(rng.integers(2, 9))
    expect.equal(student.most_frequent([[c, d], [a, d], [b, c]], [n, n, n]), [a, d])
    expect.equal(student.most_frequent([[b, d], [b, c], [c, a]], [n, n, n]), [b, c])
    expect.equal(student.most_frequent([[c, d], [a, d], [b, c]], [n, n, n + 1]), [b, c])


@test_case(name="after a merge the neighbours count as pairs with the new id", points=3)
def neighbours(student, rng):
    a, b, c, d = sorted(_ids(rng, 4))
    n, m = (int(i) for i in rng.integers(2, 9, size=2))
    words, counts, _ = student.counts_after([[c, a, b, d], [a, b, a, b], [c, d]], [n, m, 1], [[a, b, 300]])
    expect.equal(words, [[c, 300, d], [300, 300], [c, d]])
    expect.equal(counts, [[c, d, 1], [c, 300, n], [300, d, n], [300, 300, m]])
