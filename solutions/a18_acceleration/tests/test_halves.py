"""Task 7: a linear map of float16 arrays whose sums are float32."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "halves"
title = "Products of halves"
points = None


def _half(rng, *shape):
    return rng.normal(size=shape).astype("float16")


def _linear(x, weight, bias=None):
    out = x.astype("f8") @ weight.astype("f8")
    return out if bias is None else out + bias.astype("f8")


@test_case(name="a linear map of halves gives halves", points=3)
def forward(student, rng):
    for leading in ((6,), (2, 3), ()):
        x, weight, bias = _half(rng, *leading, 5), _half(rng, 5, 4), _half(rng, 4)
        got = student.half_linear(x, weight, bias)
        expect.dtype(got, "float16")
        # One rounding, at the end: half a unit in the last place, and what float32 adds.
        expect.close(got, _linear(x, weight, bias), rtol=6e-4, atol=1e-5)
        expect.close(student.half_linear(x, weight, None), _linear(x, weight), rtol=6e-4, atol=1e-5)


@test_case(
    name="long sums do not stop growing",
    points=2,
    hidden=True,
    failure_message=(
        "From 2048 on the next float16 is 2 larger, and adding 1 changes nothing. Sums have to be float32: those of the"
        " product, with the bias, and those over the rows in the way back."
    ),
)
def long_sums(student, rng):
    n = int(rng.integers(2500, 4000)) // 2 * 2
    ones = np.ones((n, 1), "float16")
    expect.close(student.half_linear(ones.T, ones, None), [[n]], rtol=6e-4)
    # 2048 + 1 - 2048: a product rounded to float16 before the bias is added has lost the 1.
    x = np.array([[2048.0, 1.0]], "f2")
    expect.equal(student.half_linear(x, np.ones((2, 1), "f2"), np.array([-2048.0], "f2")), np.ones((1, 1), "f2"))
    _, _, gradients = student.half_gradients(ones, np.ones((1, 1), "f2"), np.zeros(1, "f2"), ones)
    for gradient in gradients[1:]:
        expect.close(gradient.reshape(-1), [n], rtol=6e-4)


@test_case(name="the gradients of a linear map of halves", points=3)
def backward(student, rng):
    for with_bias in (True, False):
        x, weight, g = _half(rng, 2, 7, 5), _half(rng, 5, 4), _half(rng, 2, 7, 4)
        bias = _half(rng, 4) if with_bias else None
        seen, out, gradients = student.half_gradients(x, weight, bias, g)
        expect.equal(seen, ["linear_half"])
        expect.close(out, _linear(x, weight, bias), rtol=6e-4, atol=1e-5)
        rows, g_rows = x.reshape(14, 5).astype("f8"), g.reshape(14, 4).astype("f8")
        want = [(g_rows @ weight.astype("f8").T).reshape(x.shape), rows.T @ g_rows, g_rows.sum(0)][: 2 + with_bias]
        expect.equal(len(gradients), len(want))
        for got, right in zip(gradients, want, strict=True):
            expect.dtype(got, "float16")
            expect.close(got, right, rtol=6e-4, atol=1e-5)


@test_case(name="numbers of four bytes are left to the op", points=1)
def other_dtypes(student, rng):
    x, weight, g = (rng.normal(size=shape).astype("f4") for shape in ((3, 5), (5, 4), (3, 4)))
    seen, out, gradients = student.half_gradients(x, weight, None, g)
    expect.equal(seen, ["linear"])
    expect.dtype(out, "float32")
    expect.close(out, _linear(x, weight), rtol=1e-5, atol=1e-5)
    expect.close(gradients[1], x.T.astype("f8") @ g, rtol=1e-5, atol=1e-5)


@test_case(
    name="it applies where all arrays are halves",
    points=1,
    hidden=True,
    failure_message="One float32 among the inputs would lose its digits: every array has to be float16.",
)
def applies(student, rng):
    half, single, double = "float16", "float32", "float64"
    table = [([half] * 3, True), ([half, half], True), ([single] * 3, False)]
    table += [([half, half, single], False), ([double, half], False), ([half, single, half], False)]
    for i in rng.permutation(len(table)):
        expect.equal(student.half_applies(table[i][0]), table[i][1])
