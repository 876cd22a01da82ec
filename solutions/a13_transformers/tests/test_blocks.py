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


def _attention(x, state, heads, allowed):
    """Multi-head attention of x (B, T, D) where allowed (B, 1, T, T) or less is true, in float64."""
    batch, length, size = x.shape
    q, k, v = (
        (x @ state[f"attention.{p}.weight"] + state[f"attention.{p}.bias"])
        .reshape(batch, length, heads, size // heads)
        .swapaxes(1, 2)
        for p in ("q_proj", "k_proj", "v_proj")
    )
    scores = np.where(allowed, q @ k.swapaxes(2, 3) / np.sqrt(size // heads), -1e30)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = (weights / weights.sum(-1, keepdims=True)) @ v
    mixed = mixed.swapaxes(1, 2).reshape(batch, length, size)
    return mixed @ state["attention.out_proj.weight"] + state["attention.out_proj.bias"]


def _block(x, state, heads, allowed=True):
    state = {key: array.astype("float64") for key, array in state.items()}
    x = x.astype("float64")
    x = x + _attention(_norm(x, state["ln1.weight"], state["ln1.bias"]), state, heads, allowed)
    return x + _mlp(_norm(x, state["ln2.weight"], state["ln2.bias"]), state, "mlp.")


def _mlp_state(rng, size, hidden):
    return {
        "linear1.weight": _array(rng, size, hidden),
        "linear1.bias": _array(rng, hidden),
        "linear2.weight": _array(rng, hidden, size),
        "linear2.bias": _array(rng, size),
    }


def _block_state(rng, size):
    state = {f"ln{i}.{what}": _array(rng, size) for i in (1, 2) for what in ("weight", "bias")}
    for p in ("q_proj", "k_proj", "v_proj", "out_proj"):
        state |= {f"attention.{p}.weight": _array(rng, size, size), f"attention.{p}.bias": _array(rng, size)}
    return state | {f"mlp.{key}": array for key, array in _mlp_state(rng, size, 4 * size).items()}


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


@test_case(
    name="a mask and is_causal reach attention",
    points=3,
    hidden=True,
    failure_message="Without either every position sees all others. mask and is_causal are handed on by their names.",
)
def masks(student, rng):
    size, heads, length = 4, 2, int(rng.integers(3, 6))
    x, state = _array(rng, 2, length, size), _block_state(rng, size)
    triangle = np.tril(np.ones((1, length, length), "float32"))
    some = rng.random((2, length, length)) < 0.5
    some |= np.eye(length, dtype=bool)
    expect.equal(student.causal_mask(length), triangle)
    expect.close(student.block(x, state, heads), _block(x, state, heads), rtol=1e-3, atol=1e-3)
    causal = _block(x, state, heads, triangle > 0)
    expect.close(student.block(x, state, heads, is_causal=True), causal, rtol=1e-3, atol=1e-3)
    expect.close(student.block(x, state, heads, triangle), causal, rtol=1e-3, atol=1e-3)
    right = _block(x, state, heads, some[:, None])
    expect.close(student.block(x, state, heads, mask=some), right, rtol=1e-3, atol=1e-3)


@test_case(
    name="the widths that were asked for",
    points=2,
    hidden=True,
    failure_message="The MLP is 4 times as wide as the stream, unless hidden_dim, mlp_ratio or ff_dim says otherwise.",
)
def widths(student, rng):
    size, wide = 2 * int(rng.integers(2, 6)), int(rng.integers(20, 30))

    def shapes(hidden):
        weights = {"linear1.weight": (size, hidden), "linear1.bias": (hidden,), "linear2.weight": (hidden, size)}
        return weights | {"linear2.bias": (size,)}

    expect.equal(student.mlp_shapes(size), shapes(4 * size))
    expect.equal(student.mlp_shapes(size, wide), shapes(wide))
    for options, hidden in (({}, 4 * size), ({"mlp_ratio": 2}, 2 * size), ({"ff_dim": wide}, wide)):
        got = student.block_shapes(size, 2, **options)
        expect.equal({key: got.get(f"mlp.{key}") for key in shapes(hidden)}, shapes(hidden))
        expect.equal(len(got), 16)


@test_case(
    name="dropout acts on what is added, in training mode only",
    points=2,
    hidden=True,
    failure_message="With p = 1 nothing is left of what attention and MLP add: the block returns x. eval() ends that.",
)
def dropped(student, rng):
    x = _array(rng, 2, 3, 4)
    training, evaluation = student.dropped_block(x, 1.0)
    expect.equal(training, x)
    expect.true(np.abs(evaluation - x).max() > 1e-3, "in evaluation mode the block adds to the stream")
    p = round(float(rng.uniform(0.1, 0.9)), 2)
    for how in ({"dropout": p}, {"dropout_prob": p}):
        expect.equal(student.dropouts("TransformerBlock", 4, 2, **how), {"dropout": p, "mlp.dropout": p})
    expect.equal(student.dropouts("MLP", 4, dropout_prob=p), {"dropout": p})
