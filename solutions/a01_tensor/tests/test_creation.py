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


@test_case(
    name="a tensor does not follow its source",
    points=3,
    hidden=True,
    failure_message=(
        "After t = Tensor(array), writing into the array must leave t alone. Which NumPy functions copy always?"
    ),
)
def source_is_copied(student, rng):
    x = rng.normal(size=(3, 4)).astype("float32")
    expect.equal(student.after_the_source_changed(x, 7.0), x)


@test_case(
    name="another dtype on request, in row-major order",
    points=2,
    hidden=True,
    failure_message=(
        "dtype decides the dtype of the elements, and a new tensor lies in memory row by row, whatever its source "
        "does."
    ),
)
def dtype_and_order(student, rng):
    x = rng.normal(size=(2, 3))
    expect.equal(student.made(x, "float64"), x)
    expect.dtype(student.made(x, "float64"), "float64")
    expect.equal(student.made([[3, 2**40 + 1]], "int64"), np.array([[3, 2**40 + 1]]))
    rows, columns, depth = (int(n) for n in rng.integers(2, 7, size=3))
    y = rng.normal(size=(rows, columns, depth)).astype("float32")
    expect.equal(student.strides_of_a_fortran_copy(y), [columns * depth, depth, 1])


@test_case(
    name="data that are not numbers are refused",
    points=1,
    hidden=True,
    failure_message="None and text raise TypeError: np.asarray(None, dtype='float32') would be nan, without a word.",
)
def not_numbers(student):
    for data in (None, "text", [1.0, None], ["1", "2"]):
        expect.raises(TypeError, student.made, data)
    expect.raises(ValueError, student.made, [[1.0], [1.0, 2.0]])


@test_case(name="item and memory_footprint", points=1)
def item_and_bytes(student, rng):
    number = float(np.float32(rng.normal()))
    expect.equal(student.item(number), number)
    expect.equal(student.item([[number]]), number)
    count = int(rng.integers(2, 50))
    expect.equal(student.footprints([0.0] * count, ["float32", "float64", "int8"]), [4 * count, 8 * count, count])


@test_case(
    name="item refuses several elements",
    points=1,
    hidden=True,
    failure_message="item() of a tensor with several elements, or none, is a ValueError that names the shape.",
)
def item_of_several(student, rng):
    rows = int(rng.integers(2, 6))
    expect.raises(ValueError, student.item, np.ones((rows, 3)), mentions=[f"({rows}, 3)"])
    expect.raises(ValueError, student.item, np.ones((0, rows)), mentions=[f"(0, {rows})"])


@test_case(
    name="detach shares the memory and drops the gradient",
    points=2,
    hidden=True,
    failure_message="detach() gives a tensor on the same memory, so writing into one shows in the other.",
)
def detach_shares(student, rng):
    value = float(np.float32(rng.normal()))
    base, base_tracked, detached_tracked = student.written_through_detach(np.zeros((2, 3)), value)
    expect.equal(base, np.full((2, 3), value))
    expect.equal([base_tracked, detached_tracked], [True, False])
