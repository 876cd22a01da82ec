"""Task 6 and Task 7: layers one after the other, parts of a network, and Flatten."""

from itertools import pairwise

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "sequential"
title = "Sequential and Flatten"
points = None


@test_case(name="layers run in order", points=2)
def in_order(student, rng):
    sizes = [int(n) for n in rng.integers(2, 7, size=4)]
    weights = [rng.normal(size=s).astype("float32") for s in pairwise(sizes)]
    x = rng.normal(size=(5, sizes[0])).astype("float32")
    expected = x.astype("float64")
    for w in weights:
        expected = np.tanh(expected @ w)
    expect.close(student.chained(x, weights, False), expected, rtol=1e-4, atol=1e-5)
    expect.close(student.chained(x, weights, True), expected, rtol=1e-4, atol=1e-5)


@test_case(name="Flatten keeps the batch", points=1)
def flatten(student, rng):
    n, c, h, w = (int(i) for i in rng.integers(2, 6, size=4))
    x = rng.normal(size=(n, c, h, w)).astype("float32")
    expect.equal(student.flattened(x), x.reshape(n, c * h * w))
    expect.equal(student.flattened(x[0, 0]), x[0, 0])


@test_case(
    name="indices and slices of a network",
    points=1,
    hidden=True,
    failure_message=(
        "model[i] is a layer, model[i:j] a network of the same kind with the same layers in it, not copies."
    ),
)
def parts(student, rng):
    sizes = [int(n) for n in rng.integers(1, 99, size=6)]
    first, last = int(rng.integers(0, 3)), int(rng.integers(3, 6))
    expected = [6, sizes, sizes[-1], sizes[first:last], ["Sequential", "ModuleList"]]
    expect.equal(student.parts(sizes, first, last), expected)
    expect.equal(student.parts(sizes, 2, 3)[3], sizes[2:3])
    expect.equal(student.slices_share(3, float(sizes[0])), np.full(3, sizes[0], "float32"))


@test_case(
    name="layers of a Sequential are named by number",
    points=1,
    hidden=True,
    failure_message="Parameters of a Sequential are 0.gain, 1.gain, ..., also after append.",
)
def numbered(student, rng):
    *sizes, extra = (int(n) for n in rng.choice(np.arange(1, 99), size=4, replace=False))
    expect.equal(student.grown(sizes, extra), [[f"{i}.gain", (n,)] for i, n in enumerate([*sizes, extra])])


@test_case(
    name="training= reaches the dropouts inside",
    points=1,
    hidden=True,
    failure_message=(
        "Given, `training` is handed to every Dropout and every Sequential inside, and to no other layer; not "
        "given, each goes by its own mode."
    ),
)
def training_is_handed_on(student, rng):
    x = 1 + rng.random((60, 50)).astype("float32")
    for training, mode in ((True, True), (True, False), (None, True)):
        got = student.through_dropout(x, 0.5, training, mode)
        expect.shape(got, x.shape)
        expect.between(np.mean(got == 0), 0.68, 0.82, "share of zeros after two dropouts of 0.5")
        expect.close(got, np.where(got == 0, 0, 4 * x))
    for training, mode in ((False, True), (False, False), (None, False)):
        expect.equal(student.through_dropout(x, 0.5, training, mode), x)


@test_case(
    name="Flatten from any dim to any dim",
    points=1,
    hidden=True,
    failure_message=(
        "start_dim and end_dim may count from the end, sizes may be 0, and dims that are not there are an IndexError."
    ),
)
def flatten_edges(student, rng):
    a, b, c = (int(i) for i in rng.integers(2, 6, size=3))
    x = rng.normal(size=(a, b, c)).astype("float32")
    expect.equal(student.flattened(x, 0, 1), x.reshape(a * b, c))
    expect.equal(student.flattened(x, 0), x.reshape(-1))
    expect.equal(student.flattened(x, -2, -1), x.reshape(a, b * c))
    expect.equal(student.flattened(x, 1, -2), x)
    expect.shape(student.flattened(np.zeros((0, b, c)), 1), (0, b * c))
    expect.shape(student.flattened(np.zeros((a, 0, c)), 1), (a, 0))
    for dims in ((3, -1), (0, 3), (2, 1), (-4, -1)):
        expect.raises(IndexError, student.flattened, x, *dims, mentions=[str(x.shape)])
    expect.raises(IndexError, student.flattened, x[0, 0], mentions=[f"({c},)"])
