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


def _on_grid(x, scale, zero_point):
    """x rounded to an asymmetric grid of 8 bits, in float64."""
    scale, zero_point = float(scale), float(zero_point)
    return (np.clip(np.rint(x / np.float32(scale)) + zero_point, -128, 127) - zero_point) * scale


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


@test_case(
    name="per channel: a scale for every output",
    points=3,
    hidden=True,
    failure_message=(
        "The outputs of a linear weight (in, out) are its columns, those of a kernel (O, C, kh, kw) its first axis. Linear "
        "layers have one scale unless per_channel=True, convolutions one for each kernel unless per_channel=False."
    ),
)
def per_output(student, rng):
    sizes = np.array([1, 50, 0.03], "float32")
    weight = _weight(rng, 4, 3) * sizes
    expect.close(student.layer_state(weight, None, per_channel=True)["scale"], np.abs(weight).max(axis=0) / 127)
    expect.close(student.layer_state(weight, None)["scale"], np.abs(weight).max() / 127)
    x, bias = _array(rng, 5, 4), _array(rng, 3)
    got = student.layer_output(x, weight, bias, per_channel=True)
    expect.close(got, x @ _stored(weight, 1) + bias, rtol=1e-4, atol=1e-4)
    kernels = _weight(rng, 3, 2, 2, 2) * sizes[:, None, None, None]
    expect.close(student.layer_state(kernels, None)["scale"], np.abs(kernels).max(axis=(1, 2, 3)) / 127)
    expect.close(student.layer_state(kernels, None, per_channel=False)["scale"], np.abs(kernels).max() / 127)
    images = _array(rng, 2, 2, 4, 4)
    got = student.layer_output(images, kernels, None, per_channel=False)
    expect.close(got, _conv(images, _stored(kernels), None), rtol=1e-4, atol=1e-4)


@test_case(
    name="calibrated: inputs are rounded to their own grid",
    points=3,
    hidden=True,
    failure_message=(
        "After calibrate, x goes to its own grid: rounded, clipped at the ends that the examples had, zero point "
        "subtracted. Both scales come in once; the bias is added as it is. `bits` is for weights and inputs."
    ),
)
def rounded_inputs(student, rng):
    weight, bias = _weight(rng, 6, 3), _array(rng, 3) * 5
    for per_channel in (False, True):
        batch, x = np.abs(_array(rng, 20, 6)) - 0.3, 3 * _array(rng, 8, 6)
        scale, zero_point, got = student.layer_calibrated([batch], x, weight, bias, per_channel=per_channel)
        low, high = float(batch.min()), float(batch.max())
        expect.close(scale, (high - low) / 255)
        expect.close(zero_point, np.rint(-128 - low / ((high - low) / 255)), atol=1)
        expected = _on_grid(x, scale, zero_point) @ _stored(weight, 1 if per_channel else None) + bias
        expect.close(got, expected, rtol=1e-4, atol=1e-4)
    state = student.layer_state(weight, None, [batch], bits=3)
    expect.close(state["scale"], np.abs(weight).max() / 3)
    expect.equal(int(np.abs(state["weight"]).max()), 3)
    expect.close(state["input_scale"], (batch.max() - batch.min()) / 7)
    expect.dtype(state["input_zero_point"], "int8")


@test_case(
    name="calibrated convolution: padding is 0, not the zero point",
    points=3,
    hidden=True,
    failure_message=(
        "A convolution with padding puts zeros around what it is given. If those are whole numbers with the zero point still "
        "in them, 0 stands for something else there."
    ),
)
def padded_inputs(student, rng):
    weight, bias = _weight(rng, 3, 2, 3, 3), _array(rng, 3)
    images = np.abs(_array(rng, 2, 2, 5, 5)) + 0.5
    settings = {"padding": 1}
    scale, zero_point, got = student.layer_calibrated([images], images, weight, bias, settings)
    expect.close(scale, images.max() / 255)
    expect.equal(zero_point, np.array(-128))
    expected = _conv(_on_grid(images, scale, zero_point), _stored(weight, 0), bias, **settings)
    expect.close(got, expected, rtol=1e-4, atol=1e-4)


@test_case(
    name="calibration by a batch, many batches, or a loader, with any observer",
    points=3,
    hidden=True,
    failure_message=(
        "A Tensor or an array alone is one batch. Of anything else every item is a batch, and of a tuple the first part. "
        "The observer that is given decides; all batches count."
    ),
)
def calibrations(student, rng):
    batches = _array(rng, 3, 4, 5) * np.array([1, 6, 2], "float32")[:, None, None]
    for kind in ("Tensor", "array", "list", "loader"):
        seen = batches[0] if kind in ("Tensor", "array") else batches
        scale, _ = student.layer_calibrated_by(kind, batches)
        expect.close(scale, (seen.max() - seen.min()) / 255)
    weight, x = _weight(rng, 5, 2), _array(rng, 2, 5)
    scale, _, _ = student.layer_calibrated(list(batches), x, weight, None, observer="moving average")
    low, high = batches[0].min(), batches[0].max()
    for batch in batches[1:]:
        low, high = low + 0.1 * (batch.min() - low), high + 0.1 * (batch.max() - high)
    expect.close(scale, (high - low) / 255)
