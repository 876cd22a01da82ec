"""Task 5, forward, and Task 6: convolution as a matrix product, and the layer that holds the kernels."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "convolution"
title = "Convolution"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@test_case(name="kernels with a single 1 move the image", points=3)
def single_ones(student, rng):
    (x,) = _arrays(rng, (2, 2, 6, 5))
    weight = np.zeros((4, 2, 3, 2), "float32")
    taps = [(int(rng.integers(2)), p, q) for p, q in ((0, 0), (2, 0), (0, 1), (1, 1))]
    for o, tap in enumerate(taps):
        weight[(o, *tap)] = 1
    got = student.convolved(x, weight, None)
    for o, (c, p, q) in enumerate(taps):
        expect.close(got[:, o], x[:, c, p : p + 4, q : q + 4])
    expect.dtype(got, "float32")


@test_case(name="1x1 kernels mix the channels of each pixel", points=2)
def one_by_one(student, rng):
    x, weight, bias = _arrays(rng, (2, 3, 4, 5), (4, 3), (4,))
    got = student.convolved(x, weight[:, :, None, None], bias)
    pixel = weight.astype("float64") @ x[1, :, 2, 3] + bias
    expect.close(got[1, :, 2, 3], pixel, atol=1e-5)
    expect.close(got.mean(axis=(0, 2, 3)), weight @ x.mean(axis=(0, 2, 3)) + bias, atol=1e-5)


@test_case(name="a fresh layer is uniform within 1 / √fan_in", points=2)
def fresh_layer(student, rng):
    got = student.layer_parameters(int(rng.integers(1000)), 16, 100, 3)
    expect.equal(sorted(got), ["bias", "weight"])
    expect.shape(got["weight"], (100, 16, 3, 3))
    expect.shape(got["bias"], (100,))
    for array, low in ((got["weight"], 0.99), (got["bias"], 0.85)):
        expect.between(np.abs(array).max() * np.sqrt(16 * 9), low, 1.0001, "the largest weight or bias, times √fan_in")
        expect.between(array.std() * np.sqrt(3 * 16 * 9), 0.8, 1.2, "their standard deviation, times √(3 fan_in)")
        expect.dtype(array, "float32")
