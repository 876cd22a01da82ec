"""Task 5 and Task 8: parts of a tensor by ints, slices, masks and index arrays; masked_fill and where."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "indexing"
title = "Selections"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


@test_case(name="ints and slices", points=2)
def ints_and_slices(student, rng):
    x = _array(rng, 5, 6)
    i, j = int(rng.integers(-5, 5)), int(rng.integers(6))
    expect.equal(student.chosen(x, i), x[i])
    expect.equal(student.chosen(x, i, j), np.asarray(x[i, j]))
    got = student.sliced(x, 1, 4, 2)
    for part, expected in zip(got, [x[1:4], x[:, ::2], x[..., -1], x[1, None]], strict=True):
        expect.equal(part, expected)


@test_case(name="elements where a comparison holds", points=1)
def masks(student, rng):
    x = _array(rng, 4, 3)
    expect.equal(student.chosen_where_above(x, 0.25), x[x > 0.25])


@test_case(
    name="index arrays, as lists and as tensors",
    points=2,
    hidden=True,
    failure_message=(
        "t[indices] with an integer tensor of shape (k,) picks k rows, also for k = 1: put the tensor's array into "
        "the key."
    ),
)
def index_arrays(student, rng):
    x = _array(rng, 5, 3)
    rows = [int(i) for i in rng.integers(-5, 5, size=4)]
    expect.equal(student.chosen(x, rows), x[rows])
    expect.equal(student.chosen(x, rows, [0, 2, 1, 1]), x[rows, [0, 2, 1, 1]])
    expect.equal(student.chosen_by_tensor(x, rows), x[rows])
    expect.equal(student.chosen_by_tensor(x, rows[:1]), x[rows[:1]])
    expect.equal(student.chosen_by_tensor(x, [rows, rows]), x[[rows, rows]])


@test_case(name="masked_fill with a mask that broadcasts", points=1)
def masked_fill(student, rng):
    x, mask = _array(rng, 2, 3, 4), rng.random((3, 4)) > 0.5
    expect.equal(student.masked_fill(x, mask, -1e9), np.where(mask, np.float32(-1e9), x))


@test_case(
    name="masked_fill keeps shape and dtype",
    points=2,
    hidden=True,
    failure_message=(
        "The mask broadcasts to the tensor, never the tensor to the mask; 0/1 numbers count as a mask; -inf is a "
        "value."
    ),
)
def masked_fill_edges(student, rng):
    n = int(rng.integers(4, 9))
    x, mask = _array(rng, 3, n), rng.integers(0, 2, size=n)
    got = student.masked_fill_by_array(x, mask, float("-inf"))
    expect.dtype(got, "float32")
    expect.equal(got, np.where(mask > 0, np.float32("-inf"), x))
    for shape in ((2, 3, n), (n + 1,)):
        expect.raises(ValueError, student.masked_fill, x, np.ones(shape), 0.0, mentions=[f"(3, {n})", str(shape)])


@test_case(
    name="where, with tensors and numbers",
    points=1,
    hidden=True,
    failure_message=(
        "where(condition, a, b): a where the condition is true. All three broadcast, and numbers leave float32 "
        "alone."
    ),
)
def where(student, rng):
    condition, a, b = _array(rng, 3, 1), _array(rng, 3, 4), _array(rng, 4)
    expect.equal(student.where(condition, a, b), np.where(condition > 0, a, b))
    got = student.where_or_number(condition, a, 0.1)
    expect.dtype(got, "float32")
    expect.close(got, np.where(condition > 0, a, 0.1))
    expect.raises(ValueError, student.where, condition, a, np.ones(7), mentions=["(3, 1)", "(3, 4)", "(7,)"])
