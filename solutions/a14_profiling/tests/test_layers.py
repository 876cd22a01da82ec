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


@test_case(
    name="a layer that is called again and again, in two places",
    points=2,
    hidden=True,
    failure_message=(
        "Calls of one layer from one place are one entry, with their number and the sum of their times. The layer is"
        " wrapped once, though two layers hold it."
    ),
)
def again(student, rng):
    first, second = rng.uniform(1, 5, size=4).tolist(), float(rng.uniform(1, 5))
    tree = student.called_again(np.ones((2, 3), "float32"), first, second)
    outer = ["layers.0", "Step", 2, first[0] + first[3], first[0] + first[3], []]
    inner = ["layers.0", "Step", 2, first[1] + first[2], first[1] + first[2], []]
    middle = ["layers.1", "Slow", 1, second + inner[3], second, [inner]]
    _close(tree, ["", "Slow", 1, 1 + sum(first) + second, 1.0, [outer, middle]])


@test_case(
    name="a function that calls a model twice",
    points=2,
    hidden=True,
    failure_message="With model=... all of its layers are wrapped, the model itself too; the function is the whole.",
)
def by_function(student, rng):
    seconds = rng.uniform(1, 5, size=3).tolist()
    tree = student.called_by_a_function(np.ones((2, 3), "float32"), seconds)
    inner = ["layers.0", "Slow", 2, 2 * seconds[1], 2 * seconds[1], []]
    model = ["", "Slow", 2, 2 * sum(seconds[:2]), 2 * seconds[0], [inner]]
    _close(tree, ["twice", "function", 1, model[3] + seconds[2], seconds[2], [model]])


@test_case(
    name="a call that ended in an error has ended",
    points=2,
    hidden=True,
    failure_message="A span closes in `finally`: else whatever comes later is put inside of the layer that raised.",
)
def caught(student, rng):
    seconds = rng.uniform(1, 5, size=3).tolist()
    tree = student.caught(np.ones((2, 3), "float32"), seconds)
    inner = ["bad.layers.0", "Slow", 1, seconds[0], seconds[0], []]
    bad = ["bad", "_Fails", 1, seconds[0], 0.0, [inner]]
    good = ["good", "Slow", 1, seconds[1], seconds[1], []]
    _close(tree, ["", "Careful", 1, sum(seconds), seconds[2], [bad, good]])


@test_case(
    name="what belongs to whom in a GPT",
    points=2,
    hidden=True,
    failure_message=(
        "A layer's work is that of its own ops and of the layers inside. A tied weight counts in embedding and head, and"
        " once in the model."
    ),
)
def gpt(student, rng):
    vocabulary, t, b = (int(k) for k in rng.integers(3, 9, size=3))
    d, heads, layers = 8, 2, 2
    ids = rng.integers(0, vocabulary, size=(b, t))
    rows = {row[0]: row[1:] for row in student.counts_of_gpt(ids, vocabulary, d, layers, heads, t)}
    expect.true({"lm_head", "blocks.1.attention", "blocks.0.mlp.linear1"} <= set(rows), "every layer has its path")
    products, others, moved, made, parameters = rows["blocks.1.attention"]
    expect.equal(products, 8 * b * t * d * d + 4 * b * t * t * d)
    expect.equal(others, 4 * b * t * d + 6 * b * heads * t * t)
    expect.equal(parameters, 4 * (d * d + d))
    # Four linear maps, attention, and the copy that merging the heads makes.
    expect.equal(made, 4 * 6 * b * t * d)
    expect.equal(moved, 4 * (4 * (2 * b * t * d + d * d + d) + 4 * b * t * d + 2 * b * t * d))
    expect.equal([rows["token_embedding"][4], rows["lm_head"][4]], [vocabulary * d] * 2)
    expect.equal(rows[""][4], (vocabulary + t) * d + layers * (12 * d * d + 13 * d) + 2 * d)
    expect.equal(rows["lm_head"][:2], [2 * b * t * d * vocabulary, 0])
