"""Task 3: the gradient of a table, to which every occurrence of a token adds."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "gradient"
title = "The gradient of a table"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def _sums(tokens, g, rows):
    """one_hot(tokens).T @ g in float64: (..., D) -> (rows, D)"""
    hot = np.asarray(tokens).reshape(-1)[:, None] == np.arange(rows)
    return hot.T.astype("float64") @ g.astype("float64").reshape(len(hot), g.shape[-1])


@test_case(name="a token that occurs again collects every gradient", points=5)
def repeated(student, rng):
    rows, dim = int(rng.integers(4, 8)), int(rng.integers(2, 5))
    often = int(rng.integers(0, rows))
    tokens = np.concatenate([[often] * 3, rng.integers(0, rows, size=6)])
    g = _array(rng, 9, dim)
    expect.close(student.gradient_of_lookup(tokens, _array(rng, rows, dim), g), _sums(tokens, g, rows), atol=1e-5)


@test_case(name="rows of tokens that do not occur get zeros", points=2)
def absent(student, rng):
    tokens = rng.permutation(9)[:4]
    g = _array(rng, 4, 3)
    expected = np.zeros((9, 3))
    expected[tokens] = g
    expect.equal(student.gradient_of_lookup(tokens, _array(rng, 9, 3), g), expected.astype("float32"))


@test_case(name="add_rows adds to what is there", points=2)
def adds(student, rng):
    start, rows, indices = _array(rng, 5, 2), _array(rng, 7, 2), rng.integers(0, 4, size=7)
    expect.close(student.rows_added(start, indices, rows), start + _sums(indices, rows, 5), atol=1e-5)
