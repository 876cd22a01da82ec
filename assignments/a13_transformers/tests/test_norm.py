"""Task 1: layer normalisation, forward and backward, and the layer that holds its two parameters."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "norm"
title = "Layer normalisation"
points = None


def _rows(rng, *shape):
    """Rows of deviation 1 to 4 around a mean that is not 0, each in another way."""
    x = _normalised(rng.normal(size=shape), 0.0)
    x = rng.uniform(1, 4, size=(*shape[:-1], 1)) * x + rng.normal(0, 3, size=(*shape[:-1], 1))
    return x.astype("float32")


def _normalised(x, eps=1e-5):
    """(x - mean) / sqrt(biased variance + eps) over the last axis, in float64."""
    x = x.astype("float64")
    d = x - x.mean(-1, keepdims=True)
    return d / np.sqrt((d * d).mean(-1, keepdims=True) + eps)


@test_case(name="each row has mean 0 and variance 1", points=3)
def rows_normalised(student, rng):
    x = _rows(rng, 5, int(rng.integers(4, 9)))
    got = student.normalised(x)
    expect.close(got, _normalised(x), atol=1e-4)
    expect.close(got.mean(-1), np.zeros(5), atol=1e-5)


@test_case(name="weight and bias belong to the features", points=2)
def affine(student, rng):
    size = int(rng.integers(4, 9))
    x, weight, bias = _rows(rng, size, size), _rows(rng, size), _rows(rng, size)
    fresh, got = student.layer(x, weight, bias, 1e-5)
    expect.close(fresh, _normalised(x), atol=1e-4)
    expect.close(got, _normalised(x) * weight + bias, atol=1e-4)
