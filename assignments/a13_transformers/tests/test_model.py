"""Task 5: the whole model with known weights against the same model in plain NumPy, and the weights it begins with."""

from math import log, pi, sqrt

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "model"
title = "The model"
points = None

SMALL = {"vocab_size": 7, "embed_dim": 4, "num_layers": 2, "num_heads": 2, "max_seq_len": 6}


def _shapes(vocab_size, embed_dim, num_layers, num_heads, max_seq_len):
    """The parameters of a model by name, without the head, which is the token embedding."""
    d = embed_dim
    shapes = {
        "token_embedding.weight": (vocab_size, d),
        "position_embedding.position_embeddings": (max_seq_len, d),
        "ln_f.weight": (d,),
        "ln_f.bias": (d,),
    }
    for i in range(num_layers):
        layers = {"mlp.linear1": (d, 4 * d), "mlp.linear2": (4 * d, d)}
        layers |= {f"attention.{p}": (d, d) for p in ("q_proj", "k_proj", "v_proj", "out_proj")}
        for path, shape in layers.items():
            shapes |= {f"blocks.{i}.{path}.weight": shape, f"blocks.{i}.{path}.bias": shape[1:]}
        shapes |= {f"blocks.{i}.{norm}.{what}": (d,) for norm in ("ln1", "ln2") for what in ("weight", "bias")}
    return shapes


def _state(rng, **settings):
    state = {key: rng.normal(0, 0.6, size=shape) for key, shape in _shapes(**settings).items()}
    return state | {"lm_head.weight": state["token_embedding.weight"]}


def _norm(x, state, path):
    d = x - x.mean(-1, keepdims=True)
    return d / np.sqrt((d * d).mean(-1, keepdims=True) + 1e-5) * state[f"{path}.weight"] + state[f"{path}.bias"]


def _linear(x, state, path):
    return x @ state[f"{path}.weight"] + state[f"{path}.bias"]


def _attention(x, state, path, heads):
    batch, length, size = x.shape
    parts = (_linear(x, state, f"{path}.{p}") for p in ("q_proj", "k_proj", "v_proj"))
    q, k, v = (part.reshape(batch, length, heads, size // heads).swapaxes(1, 2) for part in parts)
    scores = np.where(np.tri(length, dtype=bool), q @ k.swapaxes(2, 3) / sqrt(size // heads), -1e30)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = (weights / weights.sum(-1, keepdims=True)) @ v
    return _linear(mixed.swapaxes(1, 2).reshape(x.shape), state, f"{path}.out_proj")


def _gpt(state, ids, num_layers, num_heads):
    """The logits of a pre-norm Transformer with tied weights in float64: (B, T) -> (B, T, V)."""
    rows = state["token_embedding.weight"]
    x = rows[ids] + state["position_embedding.position_embeddings"][: ids.shape[1]]
    for i in range(num_layers):
        path = f"blocks.{i}"
        x = x + _attention(_norm(x, state, f"{path}.ln1"), state, f"{path}.attention", num_heads)
        h = _linear(_norm(x, state, f"{path}.ln2"), state, f"{path}.mlp.linear1")
        h = h * (1 + np.tanh(sqrt(2 / pi) * (h + 0.044715 * h**3))) / 2
        x = x + _linear(h, state, f"{path}.mlp.linear2")
    return _norm(x, state, "ln_f") @ rows.T


def _loss(logits, targets):
    logits = logits - logits.max(-1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -np.take_along_axis(log_p, targets[..., None], -1).mean()


def _ids(rng, *shape, vocab_size=7):
    return rng.integers(0, vocab_size, size=shape)


@test_case(name="ids (B, T) give logits (B, T, vocabulary), whatever holds the ids", points=2)
def shapes(student, rng):
    ids = _ids(rng, 2, 5)
    arrays, lists, tensor, row, listed_row = student.logits_of_kinds(SMALL, 1, ids)
    expect.shape(arrays, (2, 5, 7))
    expect.shape(row, (1, 5, 7))
    for got, right in ((lists, arrays), (tensor, arrays), (row, arrays[:1]), (listed_row, arrays[:1])):
        expect.close(got, right, atol=1e-5)
    expect.true(np.ptp(arrays) > 0.1, "the logits differ between tokens")


@test_case(name="no position sees a later one", points=3)
def causal(student, rng):
    ids = _ids(rng, 1, 6)
    t = int(rng.integers(2, 5))
    other = ids.copy()
    other[:, t:] = (ids[:, t:] + rng.integers(1, 7, size=(1, 6 - t))) % 7
    before, after = (student.logits_of(SMALL, 2, given) for given in (ids, other))
    expect.shape(before, (1, 6, 7))
    expect.close(after[:, :t], before[:, :t], atol=1e-5)
    expect.true(np.abs(after[:, t:] - before[:, t:]).max() > 1e-3, "later positions see the change")


@test_case(name="the logits of a small model with known weights", points=4)
def known_weights(student, rng):
    state, ids = _state(rng, **SMALL), _ids(rng, 2, 6)
    expect.close(student.logits(SMALL, state, ids), _gpt(state, ids, 2, 2), rtol=1e-3, atol=1e-3)


@test_case(name="a fresh model hesitates between all tokens", points=2)
def fresh(student, rng):
    settings = {"vocab_size": 50, "embed_dim": 32, "num_layers": 2, "num_heads": 4, "max_seq_len": 32}
    ids, targets = _ids(rng, 8, 32, vocab_size=50), _ids(rng, 8, 32, vocab_size=50)
    logits = student.fresh_logits(settings, ids)
    expect.shape(logits, (8, 32, 50))
    expect.between(_loss(logits.astype("float64"), targets), log(50) - 0.1, log(50) + 0.1, "the loss of a fresh model")
    expect.between(logits.std(), 0.02, 0.4, "the deviation of its logits")
