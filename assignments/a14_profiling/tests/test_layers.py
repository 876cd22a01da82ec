"""Tasks 8 and 9: calls of layers as a tree, with time, FLOPs, bytes and parameters for each."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "layers"
title = "Layer by layer"
points = None


def _close(tree, expected):
    """Compare [path, kind, calls, seconds, own seconds, [children]] with what it has to be."""
    expect.equal([len(tree), *tree[:3]], [6, *expected[:3]])
    expect.close(tree[3:5], expected[3:5], rtol=1e-6, atol=1e-6)
    expect.equal(len(tree[5]), len(expected[5]))
    for one, other in zip(tree[5], expected[5], strict=True):
        _close(one, other)


@test_case(name="seconds of each layer, with and without what is inside", points=3)
def times(student, rng):
    a, b, c, d = rng.uniform(1, 5, size=4).tolist()
    tree = student.tree_of_times([a, [[b, [[c, []]]], [d, []]]], np.ones((2, 3), "float32"))
    inner = ["layers.0.layers.0", "Slow", 1, c, c, []]
    first = ["layers.0", "Slow", 1, b + c, b, [inner]]
    _close(tree, ["", "Slow", 1, a + b + c + d, a, [first, ["layers.1", "Slow", 1, d, d, []]]])


@test_case(name="FLOPs, bytes and parameters of each layer", points=3)
def counts(student, rng):
    n, a, b = (int(k) for k in rng.integers(2, 20, size=3))
    layers = [["Linear", [a, b], {}], ["ReLU", [], {}], ["Flatten", [], {}]]
    got = student.counts_of_layers(layers, rng.normal(size=(n, a)).astype("float32"))
    first = [2 * n * a * b, n * b, 4 * (n * a + a * b + b + n * b), 4 * n * b, a * b + b]
    second = [0, n * b, 8 * n * b, 4 * n * b, 0]
    whole = [x + y for x, y in zip(first, second, strict=True)]
    expect.equal(got, [["", *whole], ["0", *first], ["1", *second], ["2", 0, 0, 0, 0, 0]])
