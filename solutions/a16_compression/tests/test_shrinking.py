"""Task 7: neurons that are 0 are taken out, and matrices get smaller."""

from itertools import pairwise

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "shrinking"
title = "Smaller matrices"
points = None


def _layers(rng, *sizes):
    weights = [rng.normal(size=(a, b)).astype("float32") for a, b in pairwise(sizes)]
    return weights, [rng.normal(size=w.shape[1]).astype("float32") for w in weights]


def _silenced(weights, biases, gone):
    """Copies with some neurons of each hidden layer at 0."""
    weights, biases = [w.copy() for w in weights], [b.copy() for b in biases]
    for w, b, neurons in zip(weights, biases, gone, strict=False):
        w[:, neurons], b[neurons] = 0, 0
    return weights, biases


@test_case(name="a neuron is silent if weights and bias are 0", points=1)
def silent(student, rng):
    weights, biases = _silenced(*_layers(rng, 5, 7, 6, 2), [[1, 4], [0]])
    weights[0][:, 6] = 0  # the bias remains: this neuron is a constant
    biases[1][3] = 0
    found = student.silent_neurons(weights, biases)
    expect.equal(found, [np.isin(np.arange(7), [1, 4]), np.isin(np.arange(6), [0])])
    # Without a bias the weights alone decide.
    expect.equal(student.silent_without_bias(weights[0]), np.isin(np.arange(7), [1, 4, 6]))


@test_case(name="inputs and outputs of a layer are cut, and the layer stays whole", points=2)
def cut(student, rng):
    w, b = rng.normal(size=(5, 7)).astype("float32"), rng.normal(size=7).astype("float32")
    inputs, outputs = rng.permutation([True] * 3 + [False] * 2), rng.permutation([True] * 4 + [False] * 3)
    state, sizes, trainable, own = student.cut_layer("linear", {"weight": w, "bias": b}, inputs, outputs)
    expect.equal([state["weight"], state["bias"]], [w[inputs][:, outputs], b[outputs]])
    expect.equal([sizes, trainable], [[3, 4], True])
    expect.equal([own["weight"], own["bias"]], [w, b])
    state, sizes, _, own = student.cut_layer("linear", {"weight": w}, None, outputs)
    expect.equal([state["weight"], sizes], [w[:, outputs], [5, 4]])
    expect.equal(own["weight"], w)
    state, sizes, _, own = student.cut_layer("linear", {"weight": w, "bias": b}, inputs, None)
    expect.equal([state["weight"], state["bias"], sizes], [w[inputs], b, [3, 7]])
    expect.equal(own["bias"], b)


@test_case(
    name="convolutions and normalisations are cut, too",
    points=2,
    hidden=True,
    failure_message=(
        "Outputs are the first axis of a kernel, inputs the second; of a normalisation weight, bias and both running"
        " statistics. Sizes that a layer remembers change with them, frozen stays frozen, and nothing is shared."
    ),
)
def cut_images(student, rng):
    w, b = rng.normal(size=(6, 4, 3, 2)).astype("float32"), rng.normal(size=6).astype("float32")
    inputs, outputs = rng.permutation([True] * 3 + [False]), rng.permutation([True] * 2 + [False] * 4)
    state, sizes, trainable, own = student.cut_layer("conv", {"weight": w, "bias": b}, inputs, outputs)
    expect.equal([state["weight"], state["bias"]], [w[outputs][:, inputs], b[outputs]])
    expect.equal([sizes, trainable], [[3, 2], False])
    expect.equal([own["weight"], own["bias"]], [w, b])
    names = ("weight", "bias", "running_mean", "running_var")
    arrays = {key: rng.uniform(1, 2, size=6).astype("float32") for key in names}
    state, sizes, _, own = student.cut_layer("norm", arrays, None, outputs)
    expect.equal(state, {key: array[outputs] for key, array in arrays.items()})
    expect.equal([own, sizes], [arrays, [2]])


@test_case(name="the small model computes the same as the one with zeros", points=2)
def same(student, rng):
    weights, biases = _silenced(*_layers(rng, 6, 9, 8, 3), [[0, 3, 8], [1, 2, 5, 6]])
    x = rng.normal(size=(10, 6)).astype("float32")
    for between in ("relu", "tanh"):
        small, out, expected, own = student.shrunk(weights, biases, x, between)
        expect.equal([list(w.shape) for w in small], [[6, 6], [6, 4], [4, 3]])
        expect.close(out, expected, rtol=1e-4, atol=1e-5)
        expect.equal(own, weights)
    hidden = np.maximum(np.maximum(x @ weights[0] + biases[0], 0) @ weights[1] + biases[1], 0)
    got = student.shrunk(weights, biases, x)[1]
    expect.close(got, hidden @ weights[2] + biases[2], rtol=1e-4, atol=1e-4)


@test_case(
    name="constants stay, a sigmoid stays, one neuron stays",
    points=1,
    hidden=True,
    failure_message=(
        "A neuron without weights but with a bias is a constant that its readers need. Behind a sigmoid 0 is 1/2. Of a"
        " layer that is silent altogether one neuron is kept."
    ),
)
def kept(student, rng):
    weights, biases = _layers(rng, 4, 5, 3)
    x = rng.normal(size=(6, 4)).astype("float32")
    weights[0][:, 2] = 0
    small, out, expected, _ = student.shrunk(weights, biases, x)
    expect.equal([list(w.shape) for w in small], [[4, 5], [5, 3]])
    expect.close(out, expected)
    weights, biases = _silenced(weights, biases, [[0, 1]])
    small, out, expected, _ = student.shrunk(weights, biases, x, "sigmoid")
    expect.equal(list(small[0].shape), [4, 5])
    expect.close(out, expected)
    weights, biases = _silenced(weights, biases, [[0, 1, 2, 3, 4]])
    small, out, expected, _ = student.shrunk(weights, biases, x)
    expect.equal([list(w.shape) for w in small], [[4, 1], [1, 3]])
    expect.close(out, expected)


@test_case(
    name="through normalisation, pooling and Flatten",
    points=2,
    hidden=True,
    failure_message=(
        "With a channel go its place in the normalisation, the next kernel's input, and behind Flatten all of its pixels"
        " among the inputs of the linear layer. With remove=True the model that was given stays as it is."
    ),
)
def images(student, rng):
    x = rng.normal(size=(5, 1, 8, 8)).astype("float32")
    for norm in (True, False):
        shapes, out, expected, before, after, sizes = student.images_shrunk(int(rng.integers(999)), 0.5, x, norm)
        expect.equal(after, before)
        second, third, last = ("4", "9", "12") if norm else ("3", "7", "10")
        expect.equal([shapes["0.weight"], shapes[f"{second}.weight"]], [[2, 1, 3, 3], [3, 2, 3, 3]])
        expect.equal([shapes[f"{third}.weight"], shapes[f"{last}.weight"]], [[12, 5], [5, 3]])
        expect.close(out, expected, rtol=1e-4, atol=1e-5)
        expect.true(sizes[1] < 0.5 * sizes[0], "the small model has less than half of the bytes")
    shapes, out, expected, *_ = student.images_shrunk(int(rng.integers(999)), 0.5, x, skip=["4"])
    expect.equal([shapes["4.weight"], shapes["9.weight"]], [[6, 2, 3, 3], [24, 5]])
    expect.close(out, expected, rtol=1e-4, atol=1e-5)


@test_case(
    name="chains inside other models, and layers that must be left whole",
    points=2,
    hidden=True,
    failure_message=(
        "A layer is the reader of one group and the maker of the next: both sides are cut at once. neuron_groups says which"
        " layers can lose neurons; all others keep their shape."
    ),
)
def around(student, rng):
    shapes, out, expected, own = student.around_shrunk(
        int(rng.integers(999)), rng.normal(size=(4, 5)).astype("float32")
    )
    body = {"body.0.weight": [5, 3], "body.2.0.weight": [3, 3], "body.2.2.weight": [3, 6]}  # round(3.5) is 4: 7 - 4
    whole = {f"loop.{i}.weight": [6, 6] for i in (0, 2, 4, 6)} | {"mixing.0.weight": [6, 6], "mixing.2.weight": [6, 4]}
    expect.equal(shapes, body | whole)
    expect.close(out, expected, rtol=1e-4, atol=1e-5)
    expect.equal(own[1], own[0])
    widths, out, expected = student.gpt_shrunk(int(rng.integers(999)), rng.integers(0, 11, size=(2, 7)))
    expect.equal(widths, [24, 24])
    expect.close(out, expected, rtol=1e-4, atol=1e-5)


@test_case(name="the small model can be trained on", points=1)
def trains_on(student, rng):
    x, y = rng.normal(size=(12, 1, 8, 8)).astype("float32"), rng.integers(0, 3, size=12)
    first, last, tensors = student.images_trained_on(int(rng.integers(999)), x, y)
    expect.between(last, 0, 0.999 * first, "the loss after twenty short steps")
    expect.equal(tensors, 10)


@test_case(
    name="less time than with zeros",
    points=1,
    hidden=True,
    failure_message="Three quarters of the neurons are gone and the time is not: are the matrices smaller?",
)
def time(student, rng):
    # Measured: zeros take 6 to 9 times as long as smaller matrices.
    def draw():
        return (rng.normal(size=(256, 64)).astype("float32"),)

    expect.shape(student.small_forward(*draw()), (256, 10))
    expect.cpu_ratio(student.small_forward, student.zeroed_forward, draw, at_most=0.6, blocks=5)
