"""Task 1: the causal mask, and the kinds of masks that a user may give."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "masks"
title = "Masks"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@test_case(name="the causal mask is a triangle with its diagonal", points=2)
def the_triangle(student, rng):
    n = int(rng.integers(3, 8))
    kind, dtype, mask = student.triangle(n)
    expect.equal([kind, dtype], ["Tensor", "bool"])
    expect.equal(mask, np.array([[j <= i for j in range(n)] for i in range(n)]))


@test_case(name="a mask of bools, of 1 and 0, as array, list or tensor", points=2)
def kinds_of_masks(student, rng):
    q, k, v = _arrays(rng, (3, 4), (5, 4), (5, 4))
    mask = rng.random((3, 5)) < 0.5
    mask[:, int(rng.integers(5))] = True
    first, *others = student.under_kinds_of_mask(q, k, v, mask)
    expect.equal(first > 0, mask)
    expect.close(first.sum(-1), np.ones(3))
    for weights in others:
        expect.equal(weights, first)


@test_case(name="a mask that does not fit is refused with both shapes", points=1)
def masks_that_do_not_fit(student, rng):
    q, k, v = _arrays(rng, (2, 3, 4), (2, 5, 4), (2, 5, 4))
    wide = int(rng.integers(6, 9))
    expect.shape(student.formula(q, k, v, mask=np.ones((3, 1), bool))[1], (2, 3, 5))
    expect.raises(ValueError, student.formula, q, k, v, mask=np.ones((3, wide)), mentions=[f"(3, {wide})", "(2, 3, 5)"])
    expect.raises(ValueError, student.formula, q, k, v, mask=np.ones((4, 2, 3, 5), bool), mentions=["(4, 2, 3, 5)"])
