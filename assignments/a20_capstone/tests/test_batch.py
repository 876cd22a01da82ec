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


@test_case(name="a row that fails costs that row", points=1)
def one_bad(student, rng):
    bad = int(rng.integers(30))
    X = _rows(rng, 30, [bad])
    counts, results, _ = student.predicted(X, 8)
    _expect_all(results, X)
    expect.equal([counts, results[2]], [[30, 0], {str(bad): "ArithmeticError: 1 rows are negative"}])
