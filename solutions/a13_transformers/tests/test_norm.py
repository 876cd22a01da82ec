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


def _slopes(f, array):
    """The gradient of f(array), a number, by central differences."""
    found = np.empty_like(array)
    for index in np.ndindex(array.shape):
        here = array[index]
        array[index] = here + 1e-6
        up = f(array)
        array[index] = here - 1e-6
        found[index] = (up - f(array)) / 2e-6
        array[index] = here
    return found


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


@test_case(
    name="every row for itself, whatever stands around it",
    points=2,
    hidden=True,
    failure_message="Only the last axis is normalised: (D,), (B, D) and (B, T, D) give each row the same numbers.",
)
def any_rank(student, rng):
    size = int(rng.integers(4, 9))
    for leading in ((), (1,), (2, 3), (2, 1, 3), (0,), (2, 0)):
        x = _rows(rng, *leading, size)
        expect.close(student.normalised(x), _normalised(x), atol=1e-4)
    x = _rows(rng, size, 3)
    expect.close(student.normalised_transposed(x), _normalised(x.T), atol=1e-4)


@test_case(
    name="a large mean costs no digits",
    points=2,
    hidden=True,
    failure_message="E[x²] - E[x]² is the difference of two huge numbers. Subtract the mean first, then square.",
)
def large_mean(student, rng):
    x = (rng.normal(size=(4, 16)) + 20000).astype("float32")
    expect.close(student.normalised(x), _normalised(x), atol=5e-3)


@test_case(
    name="eps is added to the variance, inside the root",
    points=2,
    hidden=True,
    failure_message="sqrt(var + eps), not sqrt(var) + eps: rows of equal numbers give zeros, and eps is the argument.",
)
def eps_inside(student, rng):
    x = _rows(rng, 4, 6)
    for eps in (0.0, 0.01, 2.0):
        expect.close(student.normalised(x, eps), _normalised(x, eps), atol=1e-5)
    fresh, _ = student.layer(x, np.ones(6, "float32"), np.zeros(6, "float32"), 0.5)
    expect.close(fresh, _normalised(x, 0.5), atol=1e-5)
    tiny = (1e-3 * rng.normal(size=(3, 6))).astype("float32")
    tiny[0] = 0.25
    expect.close(student.normalised(tiny), _normalised(tiny), atol=1e-5)


@test_case(
    name="gradients of input, weight and bias",
    points=4,
    hidden=True,
    failure_message=(
        "Mean and rstd depend on every number of the row: rstd * (h - mean(h) - n * mean(h * n)) with h = g * weight. "
        "Weight and bias collect over all rows."
    ),
)
def gradients(student, rng):
    size = int(rng.integers(4, 7))
    for leading in ((3,), (2, 2), ()):
        x, g = (rng.normal(size=(*leading, size)) * 2 for _ in range(2))
        weight, bias = rng.normal(size=size), rng.normal(size=size)
        expected = [
            _slopes(lambda a, w=weight, g=g: (_normalised(a) * w * g).sum(), x),
            (_normalised(x) * g).reshape(-1, size).sum(0),
            g.reshape(-1, size).sum(0),
        ]
        for wanted in ((True, True, True), (True, False, False), (False, True, False), (False, False, True)):
            got = student.layer_norm_gradients(x, weight, bias, g, wanted)
            for given, right, wants in zip(got, expected, wanted, strict=False):
                if wants:
                    expect.close(given, right, rtol=1e-5, atol=1e-7)
                else:
                    expect.equal(given, None)


@test_case(
    name="one op, which remembers two numbers a row and writes to nothing it was given",
    points=2,
    hidden=True,
    failure_message=(
        "LAYER_NORM has three inputs and saves (mean, rstd), each (..., 1). Work in place on your own arrays only, on the "
        "way back too: g belongs to others."
    ),
)
def one_op(student, rng):
    shape = (2, int(rng.integers(2, 6)))
    x, g = _rows(rng, *shape, 4), _rows(rng, *shape, 4)
    weight, bias = _rows(rng, 4), _rows(rng, 4)
    expect.equal(student.ops_of_layer_norm(x), [[["layer_norm", 3]], [(*shape, 1), (*shape, 1)]])
    after = student.operands_after_layer_norm(x, weight, bias, g)
    for now, before in zip(after, (x, weight, bias, g), strict=False):
        expect.equal(now, before)
    expect.equal(after[5], after[4])
    expect.close(after[4], _normalised(x) * weight + bias, atol=1e-4)


@test_case(
    name="dtypes, names, and what is refused",
    points=1,
    hidden=True,
    failure_message=(
        "float32 and float64 stay, integers become float32; weight and bias are found under these names; where the last "
        "dimension is not that of the weight, a ValueError names both shapes."
    ),
)
def dtypes(student, rng):
    size = int(rng.integers(4, 9))
    whole = rng.integers(-5, 6, size=(3, size))
    whole[:, 0] = 7
    for given, dtype in (
        (whole, "float32"),
        (whole.astype("float32"), "float32"),
        (whole.astype("float64"), "float64"),
    ):
        got = student.normalised(given)
        expect.dtype(got, dtype)
        expect.close(got, _normalised(whole), atol=1e-4)
    names, gamma, beta, text = student.layer_described(size)
    expect.equal([names, text], [["weight", "bias"], f"LayerNorm(({size},), eps=1e-05)"])
    expect.equal([gamma, beta], [np.ones(size, "float32"), np.zeros(size, "float32")])
    for shape in ((2, size + 1), (size, 1), (3, size - 1), ()):
        x = np.ones(shape, "float32")
        expect.raises(ValueError, student.layer_norm, x, gamma, beta, mentions=[str(shape), f"({size},)"])
