"""Tasks 2 and 3: the MLP, and the block that reads normalised copies of the stream and adds to it."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "blocks"
title = "MLP and block"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def _norm(x, weight, bias):
    d = x - x.mean(-1, keepdims=True)
    return d / np.sqrt((d * d).mean(-1, keepdims=True) + 1e-5) * weight + bias


def _mlp(x, state, path=""):
    h = x @ state[f"{path}linear1.weight"] + state[f"{path}linear1.bias"]
    h = h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3))) / 2
    return h @ state[f"{path}linear2.weight"] + state[f"{path}linear2.bias"]


def _mlp_state(rng, size, hidden):
    return {
        "linear1.weight": _array(rng, size, hidden),
        "linear1.bias": _array(rng, hidden),
        "linear2.weight": _array(rng, hidden, size),
        "linear2.bias": _array(rng, size),
    }


@test_case(name="linear, GELU, linear", points=2)
def mlp(student, rng):
    size, hidden = int(rng.integers(2, 5)), int(rng.integers(5, 9))
    x, state = _array(rng, 2, 3, size), _mlp_state(rng, size, hidden)
    right = _mlp(x.astype("float64"), {key: array.astype("float64") for key, array in state.items()})
    expect.close(student.mlp(x, state, hidden), right, rtol=1e-4, atol=1e-4)


def _stream(rng):
    """A stream, weight and bias of a norm, and a factor of each feature."""
    size = int(rng.integers(3, 7))
    return 3 * _array(rng, 2, 4, size), _array(rng, size), _array(rng, size), _array(rng, size)


@test_case(name="attention reads a normalised copy and adds to the stream", points=2)
def pre_norm_attention(student, rng):
    x, weight, bias, factor = _stream(rng)
    right = x + factor * _norm(x.astype("float64"), weight, bias)
    expect.close(student.attend(x, weight, bias, factor), right, rtol=1e-4, atol=1e-4)


@test_case(name="the MLP reads a normalised copy and adds to the stream", points=2)
def pre_norm_mlp(student, rng):
    x, weight, bias, factor = _stream(rng)
    right = x + factor * _norm(x.astype("float64"), weight, bias)
    expect.close(student.transform(x, weight, bias, factor), right, rtol=1e-4, atol=1e-4)
