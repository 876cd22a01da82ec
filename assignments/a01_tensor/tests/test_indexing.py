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


@test_case(name="masked_fill with a mask that broadcasts", points=1)
def masked_fill(student, rng):
    x, mask = _array(rng, 2, 3, 4), rng.random((3, 4)) > 0.5
    expect.equal(student.masked_fill(x, mask, -1e9), np.where(mask, np.float32(-1e9), x))
