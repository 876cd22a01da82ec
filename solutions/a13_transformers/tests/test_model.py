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


@test_case(
    name="the head is the token embedding",
    points=3,
    hidden=True,
    failure_message="lm_head computes with token_embedding.weight itself, (V, D): one parameter under two names.",
)
def tied(student, rng):
    rows = rng.normal(size=(7, 4)).astype("float32")
    held, logits = student.head_after_embedding(SMALL, rows)
    expect.equal(held, rows)
    expect.close(logits, rows.T, atol=1e-6)
    expect.equal(student.state_shapes(SMALL), _shapes(**SMALL) | {"lm_head.weight": (7, 4)})
    count = sum(int(np.prod(shape)) for shape in _shapes(**SMALL).values())
    expect.equal(student.parameter_count(SMALL), count)
    expect.equal(student.parameter_count(SMALL | {"tie_weights": False}), count + 28)
    expect.equal(student.state_shapes(SMALL | {"tie_weights": False}).get("lm_head.weight"), (4, 7))


@test_case(
    name="the gradient of every parameter",
    points=4,
    hidden=True,
    failure_message="Every parameter of the model gets its gradient; the token embedding gets two parts, as rows and as head.",
)
def gradients(student, rng):
    state, ids, targets = _state(rng, **SMALL), _ids(rng, 2, 5), _ids(rng, 2, 5)
    loss, got = student.gradients(SMALL, state, ids, targets)
    expect.close(loss, _loss(_gpt(state, ids, 2, 2), targets), rtol=1e-6)
    expect.equal(sorted(got), sorted(_shapes(**SMALL)))
    for key, shape in _shapes(**SMALL).items():
        expect.shape(got[key], shape)
        way = rng.normal(size=shape)
        sides = [_loss(_gpt(state | {key: state[key] + step * way}, ids, 2, 2), targets) for step in (1e-5, -1e-5)]
        expect.close((got[key] * way).sum(), (sides[0] - sides[1]) / 2e-5, rtol=1e-4, atol=1e-7)


@test_case(
    name="the weights that a model begins with",
    points=3,
    hidden=True,
    failure_message=(
        "Standard deviation 0.02 for linear layers and embeddings, 0.02 / sqrt(2 L) for the two that write into the "
        "stream; biases 0."
    ),
)
def initial_weights(student, rng):
    layers, std = int(rng.integers(2, 5)), float(rng.uniform(0.05, 0.5))
    settings = {"vocab_size": 90, "embed_dim": 40, "num_layers": layers, "num_heads": 4, "max_seq_len": 80}
    for got, base in zip(student.fresh_weights(settings, int(rng.integers(1 << 30)), std), (0.02, std), strict=True):
        expect.equal(sorted(got), sorted([*_shapes(**settings), "lm_head.weight"]))
        for key, array in got.items():
            if array.ndim == 2:
                size = base / sqrt(2 * layers) if key.endswith(("out_proj.weight", "linear2.weight")) else base
                expect.between(
                    array.std() / size, 0.88, 1.12, f"the deviation of {key}, in units of what it should be,"
                )
                expect.between(abs(array.mean()) / size, 0, 0.12, f"the mean of {key}, in the same units,")
            else:
                expect.equal(array, np.full(array.shape, float("ln" in key and "weight" in key), "float32"))


@test_case(
    name="positions begin where they are told to, and end with the window",
    points=3,
    hidden=True,
    failure_message=(
        "embed(ids, start) adds the rows start, start + 1, ... of the positions. max_seq_len of them fit; one more is a "
        "ValueError that names the number of tokens and max_seq_len."
    ),
)
def positions(student, rng):
    settings = SMALL | {"max_seq_len": int(rng.integers(4, 9))}
    full, state, ids = settings["max_seq_len"], _state(rng, **settings), _ids(rng, 3, 2)
    for start in (0, 1, full - 2):
        rows = state["position_embedding.position_embeddings"][start : start + 2]
        right = state["token_embedding.weight"][ids] + rows
        expect.close(student.embedded(settings, state, ids, start), right, atol=1e-5)
    expect.raises(
        ValueError, student.embedded, settings, state, ids, full - 1, mentions=[str(full + 1), f"max_seq_len={full}"]
    )
    expect.shape(student.logits_of(settings, 1, _ids(rng, 2, full)), (2, full, 7))
    for more in (1, 5):
        mentions = [str(full + more), f"max_seq_len={full}"]
        expect.raises(ValueError, student.logits_of, settings, 1, _ids(rng, 2, full + more), mentions=mentions)
    expect.raises(ValueError, student.logits_of, settings, 1, np.zeros((2, 0), int), mentions=["(2, 0)"])


@test_case(
    name="dropout in training mode only, in its three places",
    points=2,
    hidden=True,
    failure_message="The rate goes to the embeddings, to every attention and to every MLP; eval() switches all of them off.",
)
def dropout(student, rng):
    p = round(float(rng.uniform(0.2, 0.6)), 2)
    ids = _ids(rng, 2, 5)
    once, again, evaluation = student.dropped_logits(SMALL | {"dropout": p}, 3, ids)
    expect.close(evaluation, student.logits_of(SMALL, 3, ids), atol=1e-5)
    expect.true(np.abs(once - again).max() > 1e-3, "two passes in training mode differ")
    places = ["dropout", *(f"blocks.{i}.{where}" for i in (0, 1) for where in ("dropout", "mlp.dropout"))]
    expect.equal(student.dropouts("GPT", 7, 4, 2, 2, 6, p), dict.fromkeys(places, p))
