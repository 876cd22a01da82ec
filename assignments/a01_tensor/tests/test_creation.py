"""Task 1 and Task 6: what a tensor makes of the data it is given, and what it hands out again."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "creation"
title = "Numbers in and out"
points = None


@test_case(name="a nested list becomes a float32 tensor", points=2)
def nested_list(student, rng):
    rows, columns = (int(n) for n in rng.integers(2, 6, size=2))
    x = rng.normal(size=(rows, columns)).astype("float32")
    got = student.made(x.tolist())
    expect.dtype(got, "float32")
    expect.equal(got, x)
    size = rows * columns
    expect.equal(student.described(x.tolist()), [(rows, columns), 2, size, size, "float32", 4 * size])


@test_case(name="integers, bools and float64 become float32", points=2)
def everything_becomes_float32(student, rng):
    whole, truth, wide = rng.integers(-9, 9, size=(2, 3)), rng.random(5) > 0.5, rng.normal(size=(2, 2))
    for source in (whole, truth, wide, int(whole[0, 0])):
        got = student.made(source)
        expect.dtype(got, "float32")
        expect.equal(got, np.asarray(source).astype("float32"))


@test_case(name="item and memory_footprint", points=1)
def item_and_bytes(student, rng):
    number = float(np.float32(rng.normal()))
    expect.equal(student.item(number), number)
    expect.equal(student.item([[number]]), number)
    count = int(rng.integers(2, 50))
    expect.equal(student.footprints([0.0] * count, ["float32", "float64", "int8"]), [4 * count, 8 * count, count])
