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


def _gradients(x, weight, g, stride, padding, dilation, groups):
    """Of images, weight and bias, in float64, tap by tap."""
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    x = np.pad(x.astype("float64"), ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    out_channels, depth, kh, kw = weight.shape
    ho, wo = g.shape[2:]
    to_x, to_weight = np.zeros_like(x), np.zeros(weight.shape)
    for o, p, q in np.ndindex(out_channels, kh, kw):
        first = o // (out_channels // groups) * depth
        rows, columns = (slice(a, a + s * (n - 1) + 1, s) for a, s, n in ((p * dh, sh, ho), (q * dw, sw, wo)))
        part = (slice(None), slice(first, first + depth), rows, columns)
        to_weight[o, :, p, q] = np.einsum("nchw,nhw->c", x[part], g[:, o])
        to_x[part] += np.einsum("nhw,c->nchw", g[:, o], weight[o, :, p, q])
    h, w = x.shape[2] - 2 * ph, x.shape[3] - 2 * pw
    return to_x[:, :, ph : ph + h, pw : pw + w], to_weight, g.sum(axis=(0, 2, 3), dtype="float64")


def _compare(student, rng, shape, out_channels, kernel, stride, padding, dilation, groups):
    x, weight, bias = _arrays(rng, shape, (out_channels, shape[1] // groups, *kernel), (out_channels,))
    extents = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    plane = [(n + 2 * p - e) // s + 1 for n, p, e, s in zip(shape[2:], padding, extents, stride, strict=True)]
    (g,) = _arrays(rng, (shape[0], out_channels, *plane))
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    got = student.convolution_gradients(x, weight, bias, g, **settings)
    for actual, expected in zip(got, _gradients(x, weight, g, **settings), strict=True):
        expect.close(actual, expected, rtol=1e-4, atol=2e-5)
        expect.dtype(actual, "float32")


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


@test_case(
    name="windows that overlap add up, for every setting",
    points=4,
    hidden=True,
    failure_message=(
        "A pixel in nine windows gets nine gradients, and a kernel one from every window of every image. col2im needs"
        " the settings that im2col had. Pixels that no window touches get 0."
    ),
)
def every_setting(student, rng):
    for shape, kernel, stride, padding, dilation in (
        ((2, 2, 6, 6), (3, 3), (1, 1), (1, 1), (1, 1)),
        ((1, 1, 7, 8), (3, 2), (2, 3), (0, 1), (1, 1)),
        ((3, 2, 8, 9), (2, 3), (1, 2), (2, 0), (3, 2)),
        ((2, 3, 5, 5), (1, 1), (2, 2), (0, 0), (1, 1)),
        ((1, 3, 5, 4), (5, 4), (1, 1), (0, 0), (1, 1)),
    ):
        _compare(student, rng, shape, 4, kernel, stride, padding, dilation, 1)


@test_case(
    name="gradients of groups stay in their groups",
    points=2,
    hidden=True,
    failure_message="Reshape g as the product was shaped: (N, groups, O / groups, Ho * Wo), and multiply group by group.",
)
def groups(student, rng):
    for channels, out_channels, groups in ((4, 6, 2), (5, 5, 5), (2, 6, 2)):
        _compare(student, rng, (2, channels, 5, 6), out_channels, (3, 2), (1, 2), (1, 0), (1, 1), groups)


@test_case(
    name="what wants no gradient gets none",
    points=1,
    hidden=True,
    failure_message="Look at `wanted`: images from a data set want no gradient, frozen kernels neither; the other still does.",
)
def wanted(student, rng):
    x, weight, g = _arrays(rng, (2, 2, 4, 5), (3, 2, 3, 3), (2, 3, 4, 5))
    to_x, to_weight, _ = _gradients(x, weight, g, (1, 1), (1, 1), (1, 1), 1)
    without_x, without_weight = student.some_gradients(x, weight, g, 0), student.some_gradients(x, weight, g, 1)
    expect.equal([without_x[0], without_weight[1]], [None, None])
    expect.close(without_x[1], to_weight, rtol=1e-4, atol=2e-5)
    expect.close(without_weight[0], to_x, rtol=1e-4, atol=2e-5)
