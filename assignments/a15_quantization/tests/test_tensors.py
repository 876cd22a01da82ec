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
