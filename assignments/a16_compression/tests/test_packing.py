"""Task 4: an array that is mostly zeros in fewer bytes."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "packing"
title = "Packed arrays"
points = None


def _sparse(rng, shape, share, dtype="float32"):
    """Numbers, of which about `share` are 0."""
    x = rng.uniform(1, 100, size=shape) * np.where(rng.random(shape) < 0.5, -1, 1)
    x[rng.random(shape) < share] = 0
    return x.astype(dtype)


def _gaps(flat):
    """(values, gaps) of a flat array, one element at a time."""
    values, gaps, zeros = [], [], 0
    for element in flat:
        if element == 0 and zeros < 255:
            zeros += 1
        elif element != 0:
            values.append(element)
            gaps.append(zeros)
            zeros = 0
        else:  # the 256th zero in a row: a filler takes its place
            values.append(element)
            gaps.append(255)
            zeros = 0
    while values and values[-1] == 0:  # nothing follows: zeros at the end need no fillers
        values.pop()
        gaps.pop()
    return np.array(values, flat.dtype), np.array(gaps, "uint8")


@test_case(name="dense: all elements, four bytes each", points=1)
def dense(student, rng):
    x = _sparse(rng, (3, 5), 0.4)
    kind, values, places, size, back = student.packed(x, "dense")
    expect.equal([kind, size, len(places)], ["dense", 60, 0])
    expect.equal(values, x.reshape(-1))
    expect.equal(back, x)
    expect.dtype(back, "float32")


@test_case(name="bitmap: a bit for each element, and what is not 0", points=3)
def bitmap(student, rng):
    for shape in ((4, 6), (3, 3), (2, 3, 2, 5)):
        x = _sparse(rng, shape, 0.6)
        kind, values, places, size, back = student.packed(x, "bitmap")
        expect.equal(kind, "bitmap")
        expect.equal(values, x[x != 0])
        expect.equal(places, np.packbits(x.reshape(-1) != 0))
        expect.equal(size, 4 * int((x != 0).sum()) + -(-x.size // 8))
        expect.equal(back, x)
        expect.dtype(back, "float32")


@test_case(name="gaps: how many zeros before each element", points=2)
def gaps(student, rng):
    _, values, places, size, back = student.packed(np.array([[0, 0, 5], [7, 0, -1]], "float32"), "gaps")
    expect.equal(values, np.array([5, 7, -1], "float32"))
    expect.equal(places, np.array([2, 0, 1], "uint8"))
    expect.equal(size, 15)
    x = _sparse(rng, (20, 30), 0.9)
    _, values, places, size, back = student.packed(x, "gaps")
    expect.equal([values, places], list(_gaps(x.reshape(-1))))
    expect.equal(size, 5 * int((x != 0).sum()))
    expect.equal(back, x)
