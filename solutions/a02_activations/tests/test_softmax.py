"""Softmax: positive numbers with sum 1 along one dim, whatever the size of the logits and whichever the dim."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "softmax"
title = "Softmax"
points = None


def _softmax(x, dim):
    e = np.exp(x.astype("float64") - x.max(axis=dim, keepdims=True))
    return e / e.sum(axis=dim, keepdims=True)


@test_case(name="softmax turns logits into proportions", points=3)
def softmax_values(student, rng):
    x = rng.normal(size=(4, 5)).astype("float32")
    expect.close(student.softmax([0.0, np.log(3.0)]), [0.25, 0.75])
    expect.close(student.softmax(x), _softmax(x, -1))


@test_case(name="rows sum to one along the dim that is asked for", points=2)
def sums_to_one(student, rng):
    x = (4 * rng.normal(size=(3, 5))).astype("float32")
    for dim in (0, 1):
        result = student.softmax(x, dim)
        expect.close(result, _softmax(x, dim))
        expect.close(np.sum(result, axis=dim), np.ones(x.shape[1 - dim]))


@test_case(name="softmax survives large logits", points=4)
def large_logits(student, rng):
    base = float(rng.integers(800, 1200))
    for sign in (1.0, -1.0):
        result = student.quietly("softmax", [sign * base, sign * base + 1, 0.0 if sign > 0 else -2 * base])
        expect.close(result, [0.2689414, 0.7310586, 0.0])


@test_case(
    name="a shift of all logits changes nothing",
    points=3,
    hidden=True,
    failure_message="softmax(x + c) is softmax(x). Does your program form exp(x + c) for some large c?",
)
def shift_changes_nothing(student, rng):
    x = (rng.integers(-12, 13, size=(4, 6)) / 4).astype("float32")  # quarters: shifting them loses no digit
    # Two rows far above zero and two far below, under any draw.
    shift = (rng.integers(200, 30001, size=(4, 1)) * rng.permutation([1, 1, -1, -1])[:, None]).astype("float32")
    expect.close(student.quietly("softmax", x + shift), _softmax(x, -1))


@test_case(
    name="every dim of tensors of any rank",
    points=4,
    hidden=True,
    failure_message="softmax along dim works for each of a tensor's dims, counted from the front or from the back.",
)
def any_dim(student, rng):
    for rank in (1, 2, 3, 4):
        x = (3 * rng.normal(size=rng.integers(2, 5, size=rank))).astype("float32")
        for dim in range(-rank, rank):
            expect.close(student.softmax(x, dim), _softmax(x, dim))


@test_case(
    name="axis is another name for dim",
    points=2,
    hidden=True,
    failure_message="softmax(x, axis=1) is softmax(x, dim=1), in log_softmax too; _one_dim makes one of the two.",
)
def axis_is_dim(student, rng):
    x = rng.normal(size=(2, 3, 4)).astype("float32")
    expect.close(student.softmax(x, axis=1), _softmax(x, 1))
    expect.close(student.log_softmax(x, axis=0), np.log(_softmax(x, 0)))


@test_case(
    name="a logit of minus infinity gets probability zero",
    points=2,
    hidden=True,
    failure_message="exp(-inf) is 0 and needs no special care, as long as only finite numbers are subtracted.",
)
def masked_logits(student, rng):
    x = rng.normal(size=(3, 6)).astype("float32")
    x[np.arange(3), rng.integers(0, 6, size=3)] = -np.inf
    expect.close(student.quietly("softmax", x), _softmax(x, -1))


@test_case(
    name="a dim that is not there is named",
    points=2,
    hidden=True,
    failure_message="Along a dim that is not there both raise an IndexError that says the shape and the dim.",
)
def missing_dim(student, rng):
    rows, dim = int(rng.integers(2, 9)), int(rng.integers(4, 10))
    x = rng.normal(size=(rows, 3)).astype("float32")
    for probe, wrong in ((student.softmax, dim), (student.log_softmax, -dim)):
        expect.raises(IndexError, probe, x, wrong, mentions=[f"({rows}, 3)", str(wrong)])
