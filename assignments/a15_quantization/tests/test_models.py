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
