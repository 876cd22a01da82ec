"""Task 7: gradients of what only moves elements: shapes, selections, joins."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "moves"
title = "Moving elements"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


@test_case(name="reshape and permute go back the way they came", points=2)
def shapes(student, rng):
    x = _array(rng, 2, 3, 4)
    places = np.arange(24, dtype="float32").reshape(2, 3, 4)
    for dims in ((2, 0, 1), (1, 2, 0), (0, 2, 1), (2, 1, 0)):
        w = places.transpose(dims).reshape(6, 4)
        expect.equal(student.of_permuted(x, list(dims), [6, 4], w), places)
    expect.equal(student.of_method("transpose", x, places.swapaxes(0, 1), 0, 1), places)


@test_case(name="the gradient of a selection", points=1)
def selections(student, rng):
    x, i = _array(rng, 5, 4), int(rng.integers(-5, 5))
    w = _array(rng, 4)
    expected = np.zeros((5, 4), "float32")
    expected[i] = w
    expect.equal(student.of_item(x, w, i), expected)
    w = _array(rng, 2)
    expected = np.zeros((5, 4), "float32")
    expected[0:4:2, -1] = w
    expect.equal(student.of_slice(x, w, 0, 4, 2), expected)


@test_case(
    name="an element selected twice gets both gradients",
    points=2,
    hidden=True,
    failure_message="t[[0, 2, 2]] uses row 2 twice. zeros[key] = g keeps only the last of its gradients.",
)
def repeated(student, rng):
    x, rows = _array(rng, 4, 3), [int(i) for i in rng.integers(-4, 4, size=7)]
    w = _array(rng, 7, 3)
    expected = np.zeros((4, 3))
    np.add.at(expected, rows, w)
    expect.close(student.of_item(x, w, rows), expected, atol=1e-5)
    expect.close(student.of_item(x, w, np.array(rows)), expected, atol=1e-5)
    columns, w = [int(i) for i in rng.integers(0, 3, size=7)], _array(rng, 7)
    expected = np.zeros((4, 3))
    np.add.at(expected, (rows, columns), w)
    expect.close(student.of_item(x, w, rows, columns), expected, atol=1e-5)
    mask = rng.random((4, 3)) > 0.5
    w = _array(rng, int(mask.sum()))
    expected = np.zeros((4, 3))
    expected[mask] = w
    expect.close(student.of_item(x, w, mask), expected)


@test_case(
    name="cat and stack, along any dim",
    points=2,
    hidden=True,
    failure_message=(
        "Each input gets its own part of g: a slice along the dim of cat, one index along the dim that stack made."
    ),
)
def joins(student, rng):
    sizes = [int(n) for n in rng.integers(0, 4, size=3)]
    for dim in (0, 1, -1, -2):
        arrays = [_array(rng, 2, n, 3).swapaxes(1, dim) for n in sizes]
        w = _array(rng, *np.concatenate(arrays, dim).shape)
        expected = np.split(w, np.cumsum(sizes)[:-1], axis=dim)
        for got, part in zip(student.of_joined("cat", arrays, w, dim), expected, strict=True):
            expect.equal(got, part)
    arrays = [_array(rng, 2, 3) for _ in range(4)]
    for dim in (0, 1, 2, -1, -2, -3):
        w = _array(rng, *np.stack(arrays, dim).shape)
        for i, got in enumerate(student.of_joined("stack", arrays, w, dim)):
            expect.equal(got, w.take(i, dim))


@test_case(
    name="where and masked_fill",
    points=2,
    hidden=True,
    failure_message=(
        "where splits g by the condition, and its inputs may have been stretched. What masked_fill overwrote gets 0, "
        "even of an infinite g."
    ),
)
def masks(student, rng):
    condition, w = rng.random((3, 4)) > 0.5, _array(rng, 3, 4)
    to_a, to_b = student.of_where(condition, _array(rng, 1, 4), _array(rng, 3, 1), w)
    expect.close(to_a, (w * condition).sum(0, keepdims=True), atol=1e-5)
    expect.close(to_b, (w * ~condition).sum(1, keepdims=True), atol=1e-5)
    for got, kept in zip(
        student.of_where_or_number(condition, _array(rng, 3, 4), 2.0, w), (condition, ~condition), strict=True
    ):
        expect.close(got, w * kept)
    mask = np.array([True, False, False, True])
    w[:, 3] = np.inf
    expect.close(student.of_method("masked_fill", _array(rng, 3, 4), w, mask, 0.0), np.where(mask, 0, w))
