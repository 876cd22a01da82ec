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


@test_case(
    name="tokens of any shape, which are only read",
    points=3,
    hidden=True,
    failure_message=(
        "A single number, a batch, no tokens at all, rows of length 1, all tokens equal: each time the gradient has "
        "the shape and dtype of the table. Tokens, table and the gradient that arrives are not written to."
    ),
)
def any_shape(student, rng):
    for shape in ((), (1,), (3, 4), (2, 3, 2), (0,), (3, 0)):
        for rows, dim in ((6, 3), (1, 2), (6, 1)):
            tokens, g = rng.integers(0, rows, size=shape), _array(rng, *shape, dim)
            got = student.gradient_of_lookup(tokens, _array(rng, rows, dim), g)
            expect.dtype(got, "float32")
            expect.close(got, _sums(tokens, g, rows), atol=1e-5)
    wide = student.gradient_of_lookup([1, 1], rng.normal(size=(3, 2)), np.full((2, 2), 0.1))
    expect.dtype(wide, "float64")
    expect.close(wide, [[0, 0], [0.2, 0.2], [0, 0]], rtol=1e-12, atol=1e-12)
    tokens, weight, g = rng.integers(0, 4, size=(2, 6)), _array(rng, 4, 2), _array(rng, 2, 6, 2)
    after = student.operands_after_way_back(tokens, weight, g)
    for now, before in zip(after, (tokens, weight, g), strict=False):
        expect.equal(now, before)


@test_case(
    name="padding gets no gradient",
    points=3,
    hidden=True,
    failure_message=(
        "With padding_idx the gradient of that row is 0, however often it occurs, and all others are as before. A "
        "negative padding_idx counts from the end; one that is out of range is refused."
    ),
)
def padding(student, rng):
    rows = int(rng.integers(4, 8))
    tokens, g = rng.integers(0, rows, size=(5, 6)), _array(rng, 5, 6, 3)
    tokens[0] = np.arange(6) % rows
    weight = _array(rng, rows, 3)
    for padding_idx in (0, int(rng.integers(1, rows)), -1, -rows):
        expected = _sums(tokens, g, rows)
        expected[padding_idx] = 0
        expect.close(student.gradient_of_lookup(tokens, weight, g, padding_idx), expected, atol=1e-5)
    for bad in (rows, -rows - 1):
        expect.raises(IndexError, student.gradient_of_lookup, tokens, weight, g, bad, mentions=[str(bad), str(rows)])


@test_case(
    name="thousands of tokens, without a loop over them",
    points=3,
    hidden=True,
    failure_message=(
        "Sort the tokens, sum each run of equal ones with np.add.reduceat, and add the sums. A run may go on from one "
        "stretch to the next. A Python loop over tokens, or over rows, takes too many steps."
    ),
)
def many_tokens(student, rng):
    for rows, count in ((3, 2000), (700, 3000), (5000, 512), (40, 1025)):
        indices, added = rng.integers(0, rows, size=count), rng.normal(size=(count, 2))
        out, lines = student.rows_added_and_lines(indices, added, rows)
        expect.close(out, _sums(indices, added, rows), rtol=1e-9, atol=1e-9)
        expect.between(lines, 1, 250, "lines of Python run for " + str(count) + " tokens")
