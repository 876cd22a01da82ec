"""Task 2: convolution in loops, the definition that everything else is compared with."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "loops"
title = "Convolution in loops"
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


@test_case(name="in loops: a window is a sum of products plus the bias", points=2)
def one_window(student, rng):
    x, weight, bias = _arrays(rng, (2, 3, 2, 4), (2, 3, 2, 4), (2,))
    got = student.convolved_in_loops(x, weight, bias)
    expect.shape(got, (2, 2, 1, 1))
    for n, o in np.ndindex(2, 2):
        expect.close(got[n, o, 0, 0], (x[n].astype("float64") * weight[o]).sum() + bias[o], atol=1e-5)
    expect.close(student.convolved_in_loops(x, weight, None), got - bias[:, None, None], atol=1e-5)
    expect.dtype(got, "float32")


@test_case(name="in loops: a kernel with a single 1 moves the image, padding surrounds it", points=2)
def single_one(student, rng):
    (x,) = _arrays(rng, (1, 1, 5, 6))
    weight = np.zeros((1, 1, 3, 2), "float32")
    weight[0, 0, 2, 0] = 1
    expect.close(student.convolved_in_loops(x, weight, None), x[:, :, 2:, :5])
    one = np.ones((1, 1, 1, 1), "float32")
    around = np.zeros((1, 1, 7, 10), "float32")
    around[:, :, 1:6, 2:8] = x
    expect.close(student.convolved_in_loops(x, one, None, padding=[1, 2]), around)


@test_case(
    name="in loops: stride, padding and dilation, each both ways",
    points=3,
    hidden=True,
    failure_message=(
        "Window (i, j) starts at row i * stride of the padded image; its taps are `dilation` rows apart. Vertical and"
        " horizontal settings may differ."
    ),
)
def settings(student, rng):
    for stride, padding, dilation in (
        ((2, 1), (0, 0), (1, 1)),
        ((1, 3), (0, 0), (1, 1)),
        ((1, 1), (2, 1), (1, 1)),
        ((1, 1), (0, 0), (2, 3)),
        ((2, 3), (1, 2), (3, 2)),
    ):
        x, weight, bias = _arrays(rng, (2, 2, 8, 9), (3, 2, 2, 3), (3,))
        got = student.convolved_in_loops(x, weight, bias, stride=stride, padding=padding, dilation=dilation)
        expect.close(got, _convolution(x, weight, bias, stride, padding, dilation), rtol=1e-4, atol=1e-5)


@test_case(
    name="in loops: groups do not see each other",
    points=2,
    hidden=True,
    failure_message="The first O / groups output channels look at the first C / groups input channels, and so on.",
)
def groups(student, rng):
    for channels, out_channels, groups in ((4, 6, 2), (3, 3, 3), (2, 6, 2)):
        x, weight = _arrays(rng, (1, channels, 4, 4), (out_channels, channels // groups, 2, 2))
        got = student.convolved_in_loops(x, weight, None, groups=groups, stride=2)
        expect.close(got, _convolution(x, weight, None, (2, 2), groups=groups), rtol=1e-4, atol=1e-5)
