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


@test_case(
    name="a causal mask with more keys, fewer keys, and queries that start later",
    points=2,
    hidden=True,
    failure_message="Query i stands at start + i among the keys, and sees the keys up to there and no others.",
)
def other_triangles(student, rng):
    n, start = int(rng.integers(2, 6)), int(rng.integers(1, 5))
    for queries, keys, first in ((n, n + 3, 0), (n + 3, n, 0), (n, n + start, start), (1, 9, start), (n, n, start)):
        _, _, mask = student.triangle(queries, keys=keys, start=first)
        expect.equal(mask, np.array([[j <= first + i for j in range(keys)] for i in range(queries)]))


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


@test_case(
    name="a mask of other numbers is refused",
    points=2,
    hidden=True,
    failure_message=(
        "A mask of 0 and -inf, to be added to scores, means the opposite of ours where it holds 0: raise a ValueError"
        " that shows the number instead of guessing."
    ),
)
def masks_of_other_numbers(student, rng):
    q, k, v = _arrays(rng, (3, 4), (4, 4), (4, 4))
    added = np.where(np.tri(3, 4, dtype=bool), 0.0, -np.inf)
    for form in ("formula", "attention", "tiled"):
        expect.shape(student.output_of(form, q, k, v, mask=np.tri(3, 4)), (3, 4))
        expect.raises(ValueError, student.output_of, form, q, k, v, mask=added, mentions=["-inf"])
        shares = np.tri(3, 4)
        shares[2, int(rng.integers(4))] = 0.25
        expect.raises(ValueError, student.output_of, form, q, k, v, mask=shares, mentions=["0.25"])
