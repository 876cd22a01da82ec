"""Task 7: a linear layer and a convolution that keep their weights in bytes."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "layers"
title = "Quantised layers"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def _weight(rng, *shape):
    """Random numbers; in each output the one of the greatest absolute value is negative."""
    weight = _array(rng, *shape)
    first = weight[0] if len(shape) == 2 else weight[:, 0, 0, 0]
    first[...] = -1.5 * np.abs(weight).max()
    return weight


def _stored(weight, axis=None):
    """What a weight is after it was rounded to bytes, in float64."""
    others = None if axis is None else tuple(d for d in range(weight.ndim) if d != axis)
    scale = (np.abs(weight).max(axis=others, keepdims=axis is not None) / 127).astype("float32")
    return np.rint(weight / scale) * scale.astype("float64")


def _conv(x, weight, bias, stride=1, padding=0, groups=1):
    """A convolution in float64, one window at a time."""
    x = np.pad(x.astype("float64"), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    out_channels, depth, kh, kw = weight.shape
    ho, wo = ((size - k) // stride + 1 for size, k in zip(x.shape[2:], (kh, kw), strict=True))
    out = np.zeros((len(x), out_channels, ho, wo))
    for o in range(out_channels):
        first = o // (out_channels // groups) * depth
        for i in range(ho):
            for j in range(wo):
                window = x[:, first : first + depth, i * stride : i * stride + kh, j * stride : j * stride + kw]
                out[:, o, i, j] = (window * weight[o]).sum(axis=(1, 2, 3)) + (0 if bias is None else bias[o])
    return out


@test_case(name="linear: the product with the weights that the bytes stand for", points=2)
def linear(student, rng):
    n, inputs, outputs = (int(size) for size in rng.integers(3, 9, size=3))
    x, weight, bias = _array(rng, n, inputs), _weight(rng, inputs, outputs), _array(rng, outputs)
    expect.close(student.layer_output(x, weight, bias), x @ _stored(weight) + bias, rtol=1e-4, atol=1e-5)
    x = _array(rng, 2, n, inputs)
    expect.close(student.layer_output(x, weight, None), x @ _stored(weight), rtol=1e-4, atol=1e-5)


@test_case(name="convolution: the same, with all settings of the layer", points=3)
def convolution(student, rng):
    x, weight, bias = _array(rng, 2, 4, 7, 6), _weight(rng, 6, 2, 3, 3), _array(rng, 6)
    settings = {"stride": 2, "padding": 1, "groups": 2}
    got = student.layer_output(x, weight, bias, settings)
    expect.close(got, _conv(x, _stored(weight, 0), bias, **settings), rtol=1e-4, atol=1e-4)
    weight = _weight(rng, 3, 4, 3, 3)
    got = student.layer_output(x, weight, None, {"padding": "same"})
    expect.close(got, _conv(x, _stored(weight, 0), None, padding=1), rtol=1e-4, atol=1e-4)
    got = student.layer_output(x, weight[..., :2, :2], None, {"dilation": 2})
    spread = np.zeros((3, 4, 3, 3))
    spread[..., ::2, ::2] = _stored(weight[..., :2, :2], 0)
    expect.close(got, _conv(x, spread, None), rtol=1e-4, atol=1e-4)


@test_case(name="weights in bytes, the bias as it is, nothing shared, nothing to train", points=2)
def kept(student, rng):
    weight, bias = _weight(rng, 5, 4), _array(rng, 4) * 1000
    state = student.layer_state(weight, bias)
    expect.equal(sorted(state), ["bias", "scale", "weight"])
    expect.equal([str(state[key].dtype) for key in sorted(state)], ["float32", "float32", "int8"])
    expect.equal(state["bias"], bias)
    expect.close(state["weight"] * state["scale"].astype("float64"), _stored(weight))
    count, out, wants = student.layer_trainable(weight, bias)
    expect.equal([count, wants], [0, False])
    expect.close(out[0], _stored(weight).sum(axis=0) + bias, rtol=1e-4, atol=1e-4)
    x = _array(rng, 2, 5)
    before, after, kept_weight, kept_bias = student.layer_after_changes(x, weight, bias, 7.0)
    expect.close(before, x @ _stored(weight) + bias, rtol=1e-4, atol=1e-4)
    expect.equal(after, before)
    expect.equal([kept_weight, kept_bias], [weight, bias])
