"""Task 1 and Task 6: the linear map as one op, and the layer that holds its weight and bias."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "linear"
title = "Linear"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def _product(x, weight, bias):
    return x.astype("float64") @ weight.astype("float64") + bias.astype("float64")


@test_case(name="x @ weight + bias", points=3)
def affine(student, rng):
    n, k, m = (int(i) for i in rng.integers(2, 7, size=3))
    x, weight, bias = _array(rng, n, k), _array(rng, k, m), _array(rng, m)
    expect.close(student.linear(x, weight, bias), _product(x, weight, bias), atol=1e-5)
    expect.close(student.linear(x, weight), _product(x, weight, np.zeros(m)), atol=1e-5)


@test_case(name="the weight has shape (in, out), the bias (out,)", points=2)
def shapes_of_parameters(student, rng):
    n, m = int(rng.integers(2, 6)), int(rng.integers(6, 10))
    expect.equal(student.layer_shapes(n, m, True), [(n, m), (m,), 2])
    expect.equal(student.layer_shapes(n, m, False), [(n, m), None, 1])


@test_case(name="a layer computes with its own weight and bias", points=2)
def layer_computes(student, rng):
    n, k, m = (int(i) for i in rng.integers(2, 7, size=3))
    x, weight, bias = _array(rng, n, k), _array(rng, k, m), _array(rng, m)
    expect.close(student.called(x, weight, bias), _product(x, weight, bias), atol=1e-5)
    expect.close(student.called(x, weight, None), _product(x, weight, np.zeros(m)), atol=1e-5)
