"""Tasks 13 and 14: a job that is interrupted, another job in its folder, and rows that fail."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "batch"
title = "Batches"
points = None


def _rows(rng, count, bad=()):
    X = np.abs(rng.normal(size=(count, 3))) + 0.1
    X[:, 1] = np.arange(count)
    X[list(bad), 0] *= -1
    return X


def _expect_all(results, X):
    """Right predictions of all rows that are not negative, and an error for each of the others."""
    rows, predictions, errors = results
    good = np.flatnonzero(X[:, 0] > 0)
    expect.equal(rows, good)
    expect.close(predictions, 2 * X[good].sum(axis=1, keepdims=True))
    expect.equal(sorted(errors), sorted(str(i) for i in np.flatnonzero(X[:, 0] < 0)))


@test_case(name="all rows, chunk by chunk, and none again", points=1)
def whole(student, rng):
    for count, chunk in ((23, 8), (8, 8), (3, 100), (2, 1)):
        X = _rows(rng, count)
        counts, results, calls = student.predicted(X, chunk)
        _expect_all(results, X)
        expect.equal([counts, calls], [[count, 0], -(-count // chunk)])


@test_case(
    name="an interrupted job goes on where it was",
    points=2,
    hidden=True,
    failure_message="Finished chunks are kept, all others are done, no row twice and none left out.",
)
def resumed(student, rng):
    X = _rows(rng, 40)
    stop = int(rng.integers(2, 6))
    rest, seen, between, results = student.interrupted(X, 7, stop)
    _expect_all(results, X)
    _expect_all(between, X[: 7 * (stop - 1)])
    expect.equal([rest, sorted(seen)], [40 - 7 * (stop - 1), list(range(40))])


@test_case(
    name="an interrupted write leaves no half of a chunk",
    points=1,
    hidden=True,
    failure_message="A chunk is there in full or not at all (write_file), and leftovers are removed.",
)
def written(student, rng):
    X = _rows(rng, 15)
    for at in (1, 2, 4, 5, 8):
        results, leftovers = student.writing_interrupted(X, 5, at)
        _expect_all(results, X)
        expect.equal(leftovers, 0)


@test_case(
    name="another job is not continued",
    points=1,
    hidden=True,
    failure_message="Other rows, another dtype, shape, chunk size or model would be mixed with what is there. Refuse.",
)
def another(student, rng):
    X = _rows(rng, 12)
    other = X.copy()
    other[int(rng.integers(12)), 2] += 1
    changed = [(other, [5, "m 1"]), (X[:11], [5, "m 1"]), (X.astype("float32"), [5, "m 1"]), (X, [6, "m 1"])]
    for rows, settings in [*changed, (X, [5, "m 2"])]:
        expect.raises(ValueError, student.another_job, X, [5, "m 1"], rows, settings)
    expect.equal(student.another_job(X, [5, "m 1"], X.copy(), [5, "m 1"]), 0)


@test_case(name="a row that fails costs that row", points=1)
def one_bad(student, rng):
    bad = int(rng.integers(30))
    X = _rows(rng, 30, [bad])
    counts, results, _ = student.predicted(X, 8)
    _expect_all(results, X)
    expect.equal([counts, results[2]], [[30, 0], {str(bad): "ArithmeticError: 1 rows are negative"}])


@test_case(
    name="the guilty row is found by halving, and a model that miscounts is not searched",
    points=2,
    hidden=True,
    failure_message=(
        "Halve what failed until one row stands alone. A chunk without predictions is done all the same. A wrong number of predictions is the model's fault: a ValueError at once."
    ),
)
def halving(student, rng):
    for bad in ([int(rng.integers(128))], [0, 127], []):
        X = _rows(rng, 128, bad)
        _, results, calls = student.predicted(X, 128)
        _expect_all(results, X)
        expect.between(calls, 1, 1 + 14 * len(bad), "calls of the model for 128 rows")
    X = _rows(rng, 11, [4, 5, 6, 7, 9])
    counts, results, _ = student.predicted(X, 4)
    _expect_all(results, X)
    expect.equal(counts, [11, 0])
    for extra in (1, -1):
        expect.equal(student.miscounted(_rows(rng, 8), extra), ["ValueError", 1])
    expect.equal(student.miscounted(_rows(rng, 8), 0), ["no error", 1])  # one number a row is as good as a table
