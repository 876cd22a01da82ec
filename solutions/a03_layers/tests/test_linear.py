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


@test_case(
    name="batches of any rank",
    points=3,
    hidden=True,
    failure_message=(
        "Only the last dimension matters: (in,), (batch, in), (batch, time, in) all work, with the bias, and so do "
        "sizes of 0 and tensors that are not contiguous."
    ),
)
def any_rank(student, rng):
    k, m = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    weight, bias = _array(rng, k, m), _array(rng, m)
    inputs = [_array(rng, *leading, k) for leading in ((), (3,), (2, 4), (2, 1, 3), (0,), (2, 0), (0, 3))]
    outputs = student.linear_many(inputs, weight, bias)
    for x, y in zip(inputs, outputs, strict=True):
        expect.close(y, _product(x, weight, bias), atol=1e-5)
    expect.shape(student.linear(np.zeros((2, 3, 0), "float32"), np.zeros((0, m), "float32"), bias), (2, 3, m))
    turned = _array(rng, 5, k, 3)
    expect.close(
        student.linear_of_transposed(turned, weight, bias), _product(turned.swapaxes(1, 2), weight, bias), atol=1e-5
    )


@test_case(
    name="float32 in, float32 out",
    points=2,
    hidden=True,
    failure_message="Integers take the weight's dtype before they are multiplied; float64 stays float64.",
)
def dtypes(student, rng):
    k, m = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    x, weight, bias = rng.integers(-3, 4, size=(4, k)), _array(rng, k, m), _array(rng, m)
    for given in (x, x.astype("uint8"), x > 0):
        got = student.linear(given, weight, bias)
        expect.dtype(got, "float32")
        expect.close(got, _product(given, weight, bias), atol=1e-5)
    wide = student.linear(x.astype("float64"), weight.astype("float64"), bias.astype("float64"))
    expect.dtype(wide, "float64")
    expect.close(wide, _product(x, weight, bias), rtol=1e-12, atol=1e-12)


@test_case(
    name="nothing is written to input, weight or bias",
    points=2,
    hidden=True,
    failure_message=(
        "The bias may be added in place, but into the product, which is a new array, and into nothing else."
    ),
)
def inputs_stay(student, rng):
    for leading in ((3,), (2, 3)):
        x, weight, bias = _array(rng, *leading, 4), _array(rng, 4, 2), _array(rng, 2)
        after = student.operands_after_linear(x, weight, bias)
        for now, before in zip(after, (x, weight, bias), strict=False):
            expect.equal(now, before)
        expect.close(after[3], _product(x, weight, bias), atol=1e-5)


@test_case(
    name="the whole map is one op",
    points=2,
    hidden=True,
    failure_message=(
        "linear runs the op LINEAR once, with three inputs, or two where there is no bias. Several ops cost several "
        "passes over memory and several steps back."
    ),
)
def one_op(student, rng):
    x, weight = _array(rng, 2, 3), _array(rng, 3, int(rng.integers(2, 6)))
    expect.equal(student.ops_of_linear(x, weight), [[["linear", 3]], [["linear", 2]]])


@test_case(
    name="an input of the wrong size is refused",
    points=1,
    hidden=True,
    failure_message=(
        "Where the last dimension of the input is not `in`, a ValueError names the input's and the weight's shape."
    ),
)
def refused(student, rng):
    k = int(rng.integers(4, 9))
    weight, bias = np.ones((k, 2), "float32"), np.ones(2, "float32")
    for shape in ((2, k + 1), (3, 2, 3), (k - 1,), ()):
        expect.raises(ValueError, student.linear, np.ones(shape), weight, bias, mentions=[str(shape), f"({k}, 2)"])


@test_case(
    name="a layer tells its sizes",
    points=1,
    hidden=True,
    failure_message="Linear keeps in_features and out_features, its parameters are float32 and require gradients.",
)
def described(student, rng):
    n, m = int(rng.integers(2, 50)), int(rng.integers(50, 99))
    for bias in (True, False):
        text = f"Linear(in_features={n}, out_features={m}, bias={bias})"
        expect.equal(student.layer_described(n, m, bias), [text, n, m, "float32", [True] * (1 + bias)])
