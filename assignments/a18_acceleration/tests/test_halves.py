"""Task 7: a linear map of float16 arrays whose sums are float32."""

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
