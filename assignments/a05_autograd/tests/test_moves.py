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
