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


def _convolution(x, weight, bias, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """In float64, tap by tap."""
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    x = np.pad(x.astype("float64"), ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    out_channels, depth, kh, kw = weight.shape
    ho, wo = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1, (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    out = np.zeros((len(x), out_channels, ho, wo)) + (0 if bias is None else bias[:, None, None])
    for o, p, q in np.ndindex(out_channels, kh, kw):
        first = o // (out_channels // groups) * depth
        part = x[:, first : first + depth, p * dh :: sh, q * dw :: sw][:, :, :ho, :wo]
        out[:, o] += np.einsum("nchw,c->nhw", part, weight[o, :, p, q])
    return out


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


@test_case(
    name="stride, padding and dilation, each both ways",
    points=4,
    hidden=True,
    failure_message="Compare conv2d with your conv2d_loops: they take the same settings and give the same numbers.",
)
def settings(student, rng):
    for shape, kernel, stride, padding, dilation in (
        ((1, 1, 5, 5), (5, 5), (1, 1), (0, 0), (1, 1)),
        ((3, 2, 7, 9), (3, 3), (2, 1), (1, 0), (1, 1)),
        ((2, 3, 8, 7), (2, 3), (3, 2), (1, 2), (1, 1)),
        ((1, 2, 9, 8), (3, 2), (1, 1), (0, 0), (2, 3)),
        ((2, 1, 9, 9), (3, 3), (2, 2), (2, 1), (3, 2)),
    ):
        x, weight, bias = _arrays(rng, shape, (4, shape[1], *kernel), (4,))
        got = student.convolved(x, weight, bias, stride=stride, padding=padding, dilation=dilation)
        expect.close(got, _convolution(x, weight, bias, stride, padding, dilation), rtol=1e-4, atol=1e-5)


@test_case(
    name="groups, down to one channel each",
    points=3,
    hidden=True,
    failure_message=(
        "Group g multiplies its own rows of the weight with the columns of its own channels, which lie side by side;"
        " its output channels lie side by side as well."
    ),
)
def groups(student, rng):
    for channels, out_channels, groups in ((4, 6, 2), (6, 6, 6), (3, 6, 3), (6, 4, 2)):
        x, weight, bias = _arrays(rng, (2, channels, 6, 5), (out_channels, channels // groups, 3, 3), (out_channels,))
        got = student.convolved(x, weight, bias, stride=[2, 1], padding=1, groups=groups)
        expect.close(got, _convolution(x, weight, bias, (2, 1), (1, 1), groups=groups), rtol=1e-4, atol=1e-5)


@test_case(
    name="channels last in memory, and integers",
    points=1,
    hidden=True,
    failure_message="Results do not depend on the order of memory. Images of integers give float32 with a float32 weight.",
)
def kinds_of_images(student, rng):
    x, weight = _arrays(rng, (2, 3, 5, 6), (4, 3, 2, 2))
    expect.close(student.convolved_in_another_order(x, weight), _convolution(x, weight, None), rtol=1e-4, atol=1e-5)
    whole = rng.integers(-5, 6, (1, 3, 4, 4))
    got = student.convolved_integers(whole, weight)
    expect.close(got, _convolution(whole, weight, None), rtol=1e-4, atol=1e-5)
    expect.dtype(got, "float32")


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


@test_case(
    name="with groups the fan is that of one group",
    points=2,
    hidden=True,
    failure_message="An output channel sees in_channels / groups channels; the weight's second size, and the fan, say so.",
)
def fan_of_groups(student, rng):
    got = student.layer_parameters(int(rng.integers(1000)), 32, 64, [3, 5], groups=8)
    expect.shape(got["weight"], (64, 4, 3, 5))
    for array, low in ((got["weight"], 0.99), (got["bias"], 0.75)):
        expect.between(np.abs(array).max() * np.sqrt(4 * 15), low, 1.0001, "the largest weight or bias, times √fan_in")
    expect.equal(list(student.layer_parameters(1, 2, 3, 1, bias=False)), ["weight"])


@test_case(
    name="the layer uses its settings, padding='same' among them",
    points=2,
    hidden=True,
    failure_message=(
        "forward hands every setting to conv2d. 'same' keeps height and width at stride 1 for odd extents (dilation"
        " counts), and is refused where no padding of both sides does."
    ),
)
def layer_settings(student, rng):
    x, weight, bias = _arrays(rng, (2, 4, 9, 8), (6, 2, 3, 2), (6,))
    options = {"stride": [1, 2], "padding": [2, 0], "dilation": [2, 1], "groups": 2}
    got = student.layer_output(x, weight, bias, 4, 6, [3, 2], **options)
    expect.close(got, _convolution(x, weight, bias, (1, 2), (2, 0), (2, 1), 2), rtol=1e-4, atol=1e-5)
    (weight,) = _arrays(rng, (6, 4, 3, 5))
    got = student.layer_output(x, weight, None, 4, 6, [3, 5], padding="same", dilation=[3, 1], bias=False)
    expect.close(got, _convolution(x, weight, None, padding=(3, 2), dilation=(3, 1)), rtol=1e-4, atol=1e-5)
    for kernel, stride in ([3, 4], 1), (3, 2):
        expect.raises(ValueError, student.layer_output, x, 0.0, 0.0, 4, 6, kernel, stride, "same", mentions=["same"])
