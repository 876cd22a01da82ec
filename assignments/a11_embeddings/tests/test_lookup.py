"""Tasks 1 and 2: numbers that name rows, whatever they come in, and the rows that they name."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "lookup"
title = "Tokens and rows"
points = None


def _table(rng, rows, dim):
    return rng.normal(size=(rows, dim)).astype("float32")


@test_case(name="the row of every token", points=3)
def rows_of_tokens(student, rng):
    rows, dim = int(rng.integers(5, 12)), int(rng.integers(2, 6))
    weight, tokens = _table(rng, rows, dim), rng.integers(0, rows, size=(3, 4))
    expect.equal(student.looked_up(tokens, weight), weight[tokens])


@test_case(name="one_hot has its 1 in the place of the token", points=2)
def ones_in_place(student, rng):
    rows = int(rng.integers(5, 9))
    tokens = rng.integers(0, rows, size=(2, 5))
    got = student.ones_placed(tokens, rows)
    expect.dtype(got, "float32")
    expect.equal(got, np.eye(rows, dtype="float32")[tokens])
    expect.equal(student.ones_placed(rows - 1, rows), np.eye(rows, dtype="float32")[-1])


@test_case(name="a token beyond the last row is refused", points=2)
def beyond_the_table(student, rng):
    rows = int(rng.integers(5, 12))
    weight = _table(rng, rows, 2)
    expect.equal(student.looked_up([rows - 1, 0], weight), weight[[rows - 1, 0]])
    for bad in (rows, rows + int(rng.integers(1, 50))):
        expect.raises(IndexError, student.looked_up, [0, bad, 1], weight, mentions=[str(bad), f"0 to {rows - 1}"])
