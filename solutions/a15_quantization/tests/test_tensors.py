"""Task 3: whole tensors on the grid that their own range allows."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "tensors"
title = "Quantised tensors"
points = None


def _array(rng, *shape):
    return (rng.normal(size=shape) * rng.uniform(0.1, 10)).astype("float32")


def _check(parts, x, scale):
    """Values, scale, zero point: the scale is the right one, and every element is at most half a step off."""
    values, got_scale, zero_point = parts
    expect.dtype(values, "int8")
    expect.close(got_scale, scale.reshape(np.shape(got_scale)))
    expect.shape(values, x.shape)
    steps = (values.astype("float64") - np.asarray(zero_point, "float64").reshape(scale.shape)) * scale
    off = np.abs(steps - x) / scale
    expect.between(float(off.max(initial=0)), 0, 0.501, "the error in steps of the grid")


@test_case(name="per tensor: no element is more than half a step off", points=2)
def per_tensor(student, rng):
    x = _array(rng, 6, 7)
    # Ends that leave the zero point a quarter of a step above a whole number; the lower one is farther away.
    zero = int(rng.integers(20, 100))
    step = 1.5 * float(np.abs(x).max()) / (127 - zero)
    x[0, :2] = (-128 - zero - 0.25) * step, (127 - zero - 0.25) * step
    _check(student.quantized(x), x, np.array(np.abs(x).max() / 127))
    _check(student.quantized(x, symmetric=False), x, np.array((x.max() - x.min()) / 255))


@test_case(name="per channel: every index along the axis has its own scale", points=3)
def per_channel(student, rng):
    x = _array(rng, 3, 4, 5) * np.array([1, 30, 0.02, 400], "float32")[:, None]
    for axis, others in ((1, (0, 2)), (-2, (0, 2)), (0, (1, 2)), (-1, (0, 1))):
        reach = np.abs(x).max(axis=others, keepdims=True) / 127
        _check(student.quantized(x, axis=axis), x, reach)
        width = np.maximum(x.max(axis=others, keepdims=True), 0) - np.minimum(x.min(axis=others, keepdims=True), 0)
        _check(student.quantized(x, axis=axis, symmetric=False), x, width / 255)


@test_case(name="bytes: one a value, and the grid", points=1)
def bytes_counted(student, rng):
    x = _array(rng, int(rng.integers(3, 9)), int(rng.integers(10, 15)))
    rows, columns = x.shape
    expect.equal(student.bytes_kept(x), x.size + 5)
    expect.equal(student.bytes_kept(x, axis=0), x.size + 5 * rows)
    expect.equal(student.bytes_kept(x, axis=1, symmetric=False), x.size + 5 * columns)


@test_case(
    name="zeros, constants, single numbers, nothing at all",
    points=2,
    hidden=True,
    failure_message=(
        "Zeros come back as zeros, and a constant as itself: it is an end of its own grid. A tensor without elements and "
        "one without dimensions have a grid too."
    ),
)
def odd_tensors(student, rng):
    constant = 127 * 255 * 2.0 ** -rng.integers(8, 16)  # in steps of both grids exactly 127 and 255
    for symmetric in (True, False):
        for x in (np.zeros((2, 3)), np.full(4, constant), np.full(4, -constant), np.array(constant), np.zeros((0, 3))):
            got = student.there_and_back(x.astype("float32"), symmetric=symmetric)
            expect.close(got, x, rtol=1e-5)
            expect.dtype(got, "float32")
    mixed = np.stack([np.zeros(4), np.full(4, constant)], axis=1).astype("float32")
    expect.close(student.there_and_back(mixed, axis=1), mixed)
    expect.shape(student.quantized(np.zeros((0, 3), "float32"), axis=1)[1], (3,))


@test_case(
    name="0 stays exactly 0",
    points=3,
    hidden=True,
    failure_message=(
        "Among the numbers that a grid holds there must be 0 itself, in asymmetric mode too: the zero point is a whole "
        "number, and a range that does not contain 0 is widened."
    ),
)
def zero_is_exact(student, rng):
    for shift in (0.0, 0.7, -0.7):
        x = (rng.uniform(-0.5, 0.5, size=(5, 6)) + shift).astype("float32")
        where = rng.integers(0, 5), rng.integers(0, 6)
        x[where] = 0
        for symmetric in (True, False):
            for axis in (None, 0, 1):
                got = student.there_and_back(x, symmetric=symmetric, axis=axis)
                expect.shape(got, x.shape)
                expect.equal(got[where], 0.0)
    low, high = student.range_of(np.array([2.0, 5.0, 3.0]))
    expect.equal([float(low), float(high)], [0.0, 5.0])
    low, high = student.range_of(np.array([[-2.0, -5.0], [3.0, 4.0]]), 0)
    expect.equal([low, high], [np.array([-5.0, 0.0]), np.array([0.0, 4.0])])


@test_case(
    name="any container, dtype, layout and axis; what is given is only read",
    points=2,
    hidden=True,
    failure_message=(
        "Tensor or ndarray, float32 or float64, transposed or not: the same values. What is given is not written to. The "
        "three parts can be taken apart and put together again. An axis that is not there is an IndexError with the shape."
    ),
)
def containers(student, rng):
    x = _array(rng, 4, 6)
    values = student.quantized(x)[0]
    expect.equal(student.quantized_tensor(x)[0], values)
    expect.equal(student.quantized(np.asfortranarray(x))[0], values)
    expect.close(student.quantized(x.astype("float64"))[0], values, atol=1)
    kept, again = student.input_after_quantizing(x)
    expect.equal(kept, x)
    expect.equal(again, values)
    parts = student.taken_apart(x - x.max())
    expect.close(parts[3], (parts[0].astype("float64") - parts[2]) * parts[1], rtol=1e-5, atol=1e-5)
    expect.close(student.quantized(x, axis=-2)[1], np.abs(x).max(axis=1) / 127)
    for axis in (2, -3):
        expect.raises(IndexError, student.quantized, x, axis=axis, mentions=["(4, 6)", str(axis)])
