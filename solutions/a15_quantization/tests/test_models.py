"""Task 8: whole models with quantised layers in place of their own."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "models"
title = "Quantised models"
points = None

QUANTIZED = {"Linear": "QuantizedLinear", "Conv2d": "QuantizedConv2d"}


def _images(rng, n=4, width=4):
    return rng.normal(size=(n, 1, width, width)).astype("float32")


@test_case(name="every Linear and Conv2d, wherever it is held", points=3)
def everywhere(student, rng):
    before, after = student.kinds_of(int(rng.integers(3, 6)), int(rng.integers(0, 99)))
    expect.equal(after, {path: QUANTIZED.get(kind, kind) for path, kind in before.items()})


@test_case(name="the quantised model computes nearly the same", points=2)
def nearly_the_same(student, rng):
    x, seed = _images(rng, 20), int(rng.integers(0, 99))
    before, after = student.tree_outputs(x, seed)
    expect.shape(after, before.shape)
    off = float(np.abs(after - before).mean() / np.abs(before).mean())
    expect.between(off, 1e-6, 0.15, "the mean error, relative to outputs")


@test_case(name="the model itself is left as it is", points=2)
def left_alone(student, rng):
    before, after, modes, same, small = student.original_afterwards(_images(rng), int(rng.integers(0, 99)), False)
    expect.equal(after, before)
    expect.equal(all(modes) and all(same), True)
    expect.equal(small[0], False)


@test_case(
    name="the model itself is left as it is by calibration, too",
    points=2,
    hidden=True,
    failure_message=(
        "Calibration runs a copy in evaluation mode: the running statistics of the model, its modes, its weights and its "
        "layers stay what they are, and nothing that can be written to is shared with the result."
    ),
)
def left_alone_by_calibration(student, rng):
    before, after, modes, same, small = student.original_afterwards(_images(rng), int(rng.integers(0, 99)), True)
    expect.equal(after, before)
    expect.equal(all(modes) and all(same), True)
    expect.equal(small[0], False)


@test_case(
    name="a layer held twice is one layer still",
    points=2,
    hidden=True,
    failure_message="A layer under two names must get one stand-in, held under both names; else its bytes are kept twice.",
)
def shared(student, rng):
    expect.equal(student.shared_layers(int(rng.integers(3, 6)), int(rng.integers(0, 99))), [1, 1, 6])


@test_case(
    name="subclasses, single layers, paths to skip, layers that calibration does not reach",
    points=2,
    hidden=True,
    failure_message=(
        "A subclass of Linear may compute something else: leave it. A model may be a single layer. A path in skip leaves "
        "out the layer and all below it, no other whose name begins alike. A path that is not there is a ValueError, and so "
        "is a layer that got no input during calibration: name it."
    ),
)
def special(student, rng):
    kinds, before, after = student.subclass_kept(_images(rng, 6, 3).reshape(6, 9), int(rng.integers(0, 99)))
    expect.equal(kinds, ["_Doubled", "ReLU", "QuantizedLinear"])
    expect.close(after, before, rtol=0, atol=0.05 * np.abs(before).max())
    weight = rng.normal(size=(3, 2)).astype("float32")
    weight[1, 1] = -2 * np.abs(weight).max()
    for bits in (8, 4):
        kind, state = student.alone(weight, None, bits=bits)
        expect.equal(kind, "QuantizedLinear")
        expect.close(state["scale"], np.abs(weight).max() / (2 ** (bits - 1) - 1))
    before, after = student.kinds_of(4, 0, skip=["body", "arms.left", "stem"])
    untouched = ("body", "arms.left", "stem")
    expected = {
        path: kind if path in untouched or path.startswith("body.") else QUANTIZED.get(kind, kind)
        for path, kind in before.items()
    }
    expect.equal(after, expected)
    expect.raises(ValueError, student.kinds_of, 4, 0, skip=["bod"], mentions=["bod"])
    expect.equal(student.calibrated_idle(["idle"]), {"used": "QuantizedLinear", "idle": "Linear"})
    expect.raises(ValueError, student.calibrated_idle, [], mentions=["idle"])


@test_case(
    name="calibration: each layer's own inputs, in evaluation mode",
    points=4,
    hidden=True,
    failure_message=(
        "Each layer has an observer of its own, which sees what that layer gets: not the model's input. All batches count, "
        "dropout is off, and the weights are those of float32."
    ),
)
def own_inputs(student, rng):
    weights = [rng.normal(size=shape).astype("float32") for shape in ((5, 6), (6, 4), (4, 3))]
    batches = [(rng.normal(size=(8, 5)) * size).astype("float32") for size in (1, 4, 2)]
    for bits in (8, 6):
        got = student.input_grids_of(weights, batches, "min-max", bits)
        expect.equal(len(got), 3)
        x = np.concatenate(batches).astype("float64")
        for (scale, zero_point), weight in zip(got, weights, strict=True):
            low, high = min(x.min(), 0), max(x.max(), 0)
            step = (high - low) / (2**bits - 1)
            expect.close(scale, step, rtol=1e-4)
            expect.close(zero_point, np.rint(-(2 ** (bits - 1)) - low / step), atol=1)
            x = np.maximum(x @ weight, 0)
    first = student.input_grids_of(weights, batches, "moving average", 8)[0][0]
    low, high = batches[0].min(), batches[0].max()
    for batch in batches[1:]:
        low, high = low + 0.1 * (batch.min() - low), high + 0.1 * (batch.max() - high)
    expect.close(first, (high - low) / 255, rtol=1e-4)


@test_case(name="the state is bytes, and another model can load it", points=3)
def state_moves(student, rng):
    for calibrated in (False, True):
        out, after, dtypes = student.moved_to_a_fresh_model(_images(rng), int(rng.integers(0, 99)), calibrated)
        expect.equal(dtypes["stem.weight"], "int8")
        expect.equal(dtypes["plain.0.weight"], "int8")
        expect.equal(dtypes["norm.weight"], "float32")
        expect.equal("head.input_scale" in dtypes, calibrated)
        expect.equal(after, out)
        expect.equal(list(out.shape), [4, 3])


@test_case(
    name="a classifier loses at most one point in a hundred",
    points=2,
    hidden=True,
    failure_message=(
        "Weights in bytes, and inputs in bytes after calibration, must not change more than a few guesses out of 2,000."
    ),
)
def accuracy(student, rng):
    # 2,000 points of ten overlapping clouds; random features and a readout by ridge regression, solved here.
    centres = rng.normal(size=(10, 24))
    labels = rng.integers(0, 10, size=2000)
    x = (centres[labels] + rng.normal(size=(2000, 24)) * 0.8).astype("float32")
    first, bias = rng.normal(size=(24, 80)) / 5, rng.normal(size=80) / 10
    hidden = np.maximum(x @ first + bias, 0)
    readout = np.linalg.solve(hidden.T @ hidden + 20 * np.eye(80), hidden.T @ np.eye(10)[labels])
    weights = [first.astype("float32"), readout.astype("float32")]
    biases = [bias.astype("float32"), np.zeros(10, "float32")]
    for calibration in (None, x[:500]):
        plain, small = student.guesses(x, weights, biases, calibration)
        expect.shape(small, (2000,))
        right = (plain == labels).mean(), (small == labels).mean()
        expect.between(float(right[1]), float(right[0]) - 0.01, 1.0, "the share that is right after quantising")


@test_case(
    name="and back to float32",
    points=2,
    hidden=True,
    failure_message=(
        "dequantize_model puts a Linear or Conv2d in the place of every quantised layer, with the numbers that the bytes "
        "stand for, and leaves the quantised model as it is."
    ),
)
def back_again(student, rng):
    kinds, again, outputs, counts, small = student.restored_model(_images(rng), int(rng.integers(0, 99)))
    expect.equal(again, kinds)
    expect.close(outputs[1], outputs[0], rtol=1e-4, atol=1e-5)
    expect.equal(counts[1], counts[0])
    expect.equal(small, {path: QUANTIZED.get(kind, kind) for path, kind in kinds.items()})
