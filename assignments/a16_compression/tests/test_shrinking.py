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


@test_case(name="the small model can be trained on", points=1)
def trains_on(student, rng):
    x, y = rng.normal(size=(12, 1, 8, 8)).astype("float32"), rng.integers(0, 3, size=12)
    first, last, tensors = student.images_trained_on(int(rng.integers(999)), x, y)
    expect.between(last, 0, 0.999 * first, "the loss after twenty short steps")
    expect.equal(tensors, 10)
