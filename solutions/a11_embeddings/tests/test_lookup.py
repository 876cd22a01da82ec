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


@test_case(
    name="tensors, arrays, lists and single numbers",
    points=2,
    hidden=True,
    failure_message=(
        "Tokens come as a Tensor (float32 unless told otherwise), as an ndarray of any integers, as nested lists, as "
        "one number, and sometimes there are none: the result has the shape of the tokens and one dimension more."
    ),
)
def any_container(student, rng):
    weight = _table(rng, 9, 3)
    for shape in ((), (4,), (2, 3), (2, 0), (0,), (2, 1, 3)):
        tokens = rng.integers(0, 9, size=shape)
        for kind in ("Tensor", "Tensor of integers", "list", "uint8", "int32", "float64"):
            expect.equal(student.looked_up_as(kind, tokens, weight), weight[tokens])
    ids, kind = student.ids_of(rng.integers(0, 9, size=(2, 2)).astype("float32"), 9)
    expect.shape(ids, (2, 2))
    expect.equal(kind, "i")


@test_case(
    name="negative tokens are refused, and the message says where",
    points=2,
    hidden=True,
    failure_message=(
        "NumPy counts -1 from the end, so a wrong token would pass for the last one. A TokenIndexError names the first "
        "token that has no row, its place as a list such as [1, 2], and the range."
    ),
)
def negative_tokens(student, rng):
    rows = int(rng.integers(5, 12))
    weight = _table(rng, rows, 2)
    tokens = rng.integers(0, rows, size=(3, 4))
    i, j = int(rng.integers(0, 3)), int(rng.integers(0, 4))
    for bad in (-1, -rows, rows):
        tokens[i, j] = bad
        for error in (IndexError, ValueError):
            expect.raises(
                error, student.looked_up, tokens, weight, mentions=[f"token {bad} at [{i}, {j}]", f"0 to {rows - 1}"]
            )
    expect.raises(IndexError, student.looked_up, -1, weight, mentions=["token -1"])
    expect.raises(IndexError, student.ones_placed, [0, rows], rows, mentions=["one_hot", str(rows)])


@test_case(
    name="what is no whole number is refused",
    points=2,
    hidden=True,
    failure_message=(
        "A number that is not whole (NaN and infinity included) is a ValueError that names it, and astype(int) as the "
        "remedy; bools and text are a TypeError that names the dtype. None of them is to be rounded silently."
    ),
)
def not_whole(student, rng):
    weight = _table(rng, 9, 2)
    half = int(rng.integers(1, 8)) + 0.5
    for bad in (half, float("nan"), float("inf")):
        expect.raises(
            ValueError, student.looked_up_as, "Tensor", [1.0, bad], weight, mentions=[str(bad), "astype(int)"]
        )
        expect.raises(ValueError, student.looked_up, [[1.0, bad]], weight, mentions=[str(bad)])
    expect.raises(TypeError, student.looked_up, [True, False], weight, mentions=["bool"])
    expect.raises(TypeError, student.looked_up, ["a", "b"], weight)
    expect.raises(TypeError, student.looked_up_in_array, [0], weight, mentions=["Tensor"])


@test_case(
    name="rows are copies, looked up by one op",
    points=2,
    hidden=True,
    failure_message=(
        "The op EMBEDDING runs once, on the weight itself, and the looked up rows share no memory with the table: not "
        "even the row of a single number. Their dtype is the table's."
    ),
)
def copies(student, rng):
    weight = _table(rng, 6, 3)
    for tokens in (int(rng.integers(0, 6)), [2, 2], list(range(6))):
        table, rows = student.table_after_writing_into_rows(tokens, weight, 99.0)
        expect.equal(table, weight)
        expect.equal(rows, np.full((*np.shape(tokens), 3), 99.0))
        op, inputs, read, ids = student.record_of_lookup(tokens, weight)
        expect.equal([op, inputs], ["embedding", 1])
        expect.equal(read, weight)
        expect.equal(ids, np.asarray(tokens))
    wide = rng.normal(size=(4, 2))
    got = student.looked_up([3, 0], wide)
    expect.dtype(got, "float64")
    expect.equal(got, wide[[3, 0]])
