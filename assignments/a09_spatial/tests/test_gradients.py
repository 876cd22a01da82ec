"""Task 5, backward: what arrives at images, kernels and bias."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "gradients"
title = "Gradients of a convolution"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@test_case(name="the bias gets the sum of all gradients of its channel", points=2)
def bias(student, rng):
    x, weight, start, g = _arrays(rng, (3, 2, 4, 5), (4, 2, 2, 2), (4,), (3, 4, 3, 4))
    got = student.convolution_gradients(x, weight, start, g)[2]
    expect.close(got, g.astype("float64").sum(axis=(0, 2, 3)), atol=1e-5)


@test_case(name="a kernel gets the window that a gradient came from", points=2)
def kernel(student, rng):
    x, weight, g = _arrays(rng, (2, 3, 5, 6), (2, 3, 2, 3), (2, 2, 4, 4))
    value, g[...] = g[1, 1, 2, 3], 0
    g[1, 1, 2, 3] = value
    expected = np.zeros(weight.shape)
    expected[1] = value * x[1, :, 2:4, 3:6]
    expect.close(student.convolution_gradients(x, weight, None, g)[1], expected, atol=1e-5)


@test_case(name="a window gets the kernel that looked at it", points=2)
def window(student, rng):
    x, weight, g = _arrays(rng, (2, 3, 5, 6), (2, 3, 2, 3), (2, 2, 4, 4))
    value, g[...] = g[1, 1, 2, 3], 0
    g[1, 1, 2, 3] = value
    expected = np.zeros(x.shape)
    expected[1, :, 2:4, 3:6] = value * weight[1]
    expect.close(student.convolution_gradients(x, weight, None, g)[0], expected, atol=1e-5)
