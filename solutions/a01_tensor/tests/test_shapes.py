"""Task 5 and Task 8: other shapes for the same numbers, and whether they share the memory."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "shapes"
title = "Shapes and views"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def _touched(x, value):
    """A copy with the first and the last element replaced: what `seen_through` does to a tensor's memory."""
    y = x.copy()
    y[(0,) * x.ndim] = y[(-1,) * x.ndim] = value
    return y


@test_case(name="reshape, written both ways, with one -1", points=1)
def reshape(student, rng):
    x = _array(rng, 4, 6)
    for shape in ((3, 8), (2, 3, 4), (24,)):
        expect.equal(student.reshape(x, *shape), x.reshape(shape))
        expect.equal(student.reshape(x, shape), x.reshape(shape))
    expect.equal(student.reshape(x, -1, 3), x.reshape(8, 3))
    expect.equal(student.reshape(x, (2, -1)), x.reshape(2, 12))


@test_case(name="reshape to another number of elements names both shapes", points=1)
def reshape_refused(student, rng):
    n = int(rng.integers(5, 9))
    expect.raises(ValueError, student.reshape, np.ones((2, n)), 3, n, mentions=[f"(2, {n})", f"(3, {n})"])
    expect.raises(ValueError, student.reshape, np.ones((2, n)), -1, 2 * n + 1, mentions=[f"(2, {n})"])


@test_case(name="transpose() exchanges the last two dimensions", points=2)
def transpose_last_two(student, rng):
    x = _array(rng, 2, 3, 4)
    expect.equal(student.transpose(x), np.swapaxes(x, -1, -2))
    expect.equal(student.transpose(x[0]), x[0].T)
    expect.equal(student.transpose(x[0, 0]), x[0, 0])


@test_case(
    name="transpose and permute with dims",
    points=2,
    hidden=True,
    failure_message=(
        "transpose(0, -1) exchanges two dims; permute(2, 0, 1) puts the old dim 2 first. Negative dims count from "
        "the end."
    ),
)
def transpose_and_permute(student, rng):
    x = _array(rng, 2, 3, 4, 5)
    for dims in ((0, 1), (1, 3), (0, -1), (-4, -2), (2, 2)):
        expect.equal(student.transpose(x, *dims), np.swapaxes(x, *dims))
    for _ in range(4):
        order = [int(d) for d in rng.permutation(4)]
        expect.equal(student.permute(x, *order), x.transpose(order))
        expect.equal(student.permute(x, tuple(d - 4 for d in order)), x.transpose(order))
    expect.equal(student.transposed_by_T(x), x.T)


@test_case(
    name="dims that are not there are refused",
    points=1,
    hidden=True,
    failure_message="permute names each dimension once, transpose takes two dims or none; the message names the shape.",
)
def dims_refused(student, rng):
    n = int(rng.integers(2, 9))
    x = np.ones((n, 3))
    expect.raises(ValueError, student.permute, x, 0, 0, mentions=[f"({n}, 3)"])
    expect.raises(ValueError, student.permute, x, 0, mentions=[f"({n}, 3)"])
    expect.raises(IndexError, student.transpose, x, 0, 2, mentions=[f"({n}, 3)"])
    expect.raises(ValueError, student.transpose, x, 0)


@test_case(
    name="reshape is a view",
    points=2,
    hidden=True,
    failure_message=(
        "reshape of a tensor in row-major order copies nothing: what is written into the tensor shows in the "
        "reshaped one."
    ),
)
def reshape_is_a_view(student, rng):
    x, value = _array(rng, 4, 6), float(rng.integers(10, 99))
    expect.equal(student.seen_through("reshape", x, value, 2, 12), _touched(x, value).reshape(2, 12))
    expect.equal(student.seen_through("view", x, value, -1), _touched(x, value).reshape(-1))


@test_case(
    name="transpose, permute and slices are views",
    points=2,
    hidden=True,
    failure_message="Transposing changes the strides, not the memory; so does a slice. A mask has to copy.",
)
def others_are_views(student, rng):
    x, value = _array(rng, 3, 4, 2), float(rng.integers(10, 99))
    after = _touched(x, value)
    expect.equal(student.seen_through("transpose", x, value), np.swapaxes(after, -1, -2))
    expect.equal(student.seen_through("permute", x, value, 2, 0, 1), after.transpose(2, 0, 1))
    expect.equal(student.seen_through("slice", x, value), after[::2, 1:])
    expect.equal(student.seen_through("mask", x, value), x.reshape(-1))


@test_case(
    name="reshape after transpose reads row by row",
    points=1,
    hidden=True,
    failure_message="reshape keeps the order in which you read the tensor, not the order in which it lies in memory.",
)
def reshape_after_transpose(student, rng):
    x = _array(rng, 3, 4)
    expect.equal(student.reshape_transposed(x, 2, 6), x.T.reshape(2, 6))
    expect.equal(student.reshape_transposed(x, -1), x.T.reshape(-1))


@test_case(
    name="view refuses to copy",
    points=1,
    hidden=True,
    failure_message="t.transpose().view(-1) cannot share memory: ValueError, naming the shape. An empty tensor can.",
)
def view_refuses(student, rng):
    rows = int(rng.integers(2, 6))
    x = _array(rng, rows, 4)
    expect.raises(ValueError, student.view_of_transposed, x, -1, mentions=[f"(4, {rows})"])
    expect.equal(student.view_of_transposed(np.zeros((0, rows)), -1), np.zeros(0))
    expect.equal(student.contiguous_view(x, -1), x.T.reshape(-1))


@test_case(
    name="contiguous copies only where it must",
    points=1,
    hidden=True,
    failure_message="contiguous() is the tensor itself if it lies row by row already, else a copy that does.",
)
def contiguous(student, rng):
    rows, value = int(rng.integers(2, 6)), float(rng.integers(10, 99))
    x = _array(rng, rows, 4)
    expect.equal(student.seen_through("contiguous", x, value), _touched(x, value))
    expect.equal(student.strides_when_contiguous(x), [[1, 4], [rows, 1]])
