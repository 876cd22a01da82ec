"""Task 7: one token more, computed with NumPy on rows: each function, the step, and when it must stand back."""

import math

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "rows"
title = "One token more"
points = None

SMALL = {"vocab_size": 11, "embed_dim": 12, "num_layers": 3, "num_heads": 3, "max_seq_len": 10}


def _seed(rng):
    return int(rng.integers(1 << 30))


def _floats(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def _normalised(x, w, b):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * w + b


def _gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _logits(weights, ids, heads=2, window=10, gelu=_gelu):
    """Logits after the last token of ids (B, T) in float64, computed from scratch."""
    w = {name: np.asarray(a, dtype="float64") for name, a in weights.items()}
    ids = ids[:, -window:]
    batch, length = ids.shape
    x = w["token_embedding.weight"][ids] + w["position_embedding.position_embeddings"][:length]
    size = x.shape[-1] // heads
    for i in range(sum(name.endswith("ln1.weight") for name in w)):
        p = {name.split(".", 2)[2]: a for name, a in w.items() if name.startswith(f"blocks.{i}.")}
        h = _normalised(x, p["ln1.weight"], p["ln1.bias"])
        q, k, v = (
            (h @ p[f"attention.{n}_proj.weight"] + p[f"attention.{n}_proj.bias"])
            .reshape(batch, length, heads, size)
            .swapaxes(1, 2)
            for n in "qkv"
        )
        scores = np.where(np.tri(length, dtype=bool), q @ k.swapaxes(2, 3) / np.sqrt(size), -np.inf)
        e = np.exp(scores - scores.max(-1, keepdims=True))
        found = (e / e.sum(-1, keepdims=True) @ v).swapaxes(1, 2).reshape(batch, length, -1)
        x = x + found @ p["attention.out_proj.weight"] + p["attention.out_proj.bias"]
        h = _normalised(x, p["ln2.weight"], p["ln2.bias"]) @ p["mlp.linear1.weight"] + p["mlp.linear1.bias"]
        x = x + gelu(h) @ p["mlp.linear2.weight"] + p["mlp.linear2.bias"]
    return _normalised(x[:, -1], w["ln_f.weight"], w["ln_f.bias"]) @ w["token_embedding.weight"].T


@test_case(name="normalising rows", points=2)
def norm(student, rng):
    x, weight, bias = 3 + 2 * _floats(rng, 3, 6), _floats(rng, 6), _floats(rng, 6)
    got, after = student.rows_normalised(x, weight, bias, 1e-5)
    expect.close(got, _normalised(x.astype("float64"), weight, bias), rtol=1e-4, atol=1e-5)
    expect.dtype(got, "float32")
    expect.equal(after, x)


@test_case(
    name="eps inside the root, rows without any variance",
    points=1,
    hidden=True,
    failure_message="out / sqrt(mean(out²) + eps), where out is x without its mean.",
)
def norm_eps(student, rng):
    x, weight, bias = _floats(rng, 2, 6), _floats(rng, 6), _floats(rng, 6)
    for eps in (0.1, 2.0):
        centred = x - x.mean(-1, keepdims=True, dtype="float64")
        expected = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) * weight + bias
        expect.close(student.rows_normalised(x, weight, bias, eps)[0], expected, rtol=1e-4, atol=1e-5)
    expect.close(student.rows_normalised(np.full((2, 6), 7.0, "float32"), weight, bias, 1e-5)[0], np.stack([bias] * 2))


@test_case(name="linear maps and GELU of rows", points=2)
def maps(student, rng):
    x, weight, bias = _floats(rng, 3, 6), _floats(rng, 6, 4), _floats(rng, 4)
    for b in (bias, None):
        got, after = student.rows_through_linear(x, weight, b)
        expect.close(got, x.astype("float64") @ weight + (0 if b is None else b), rtol=1e-4, atol=1e-5)
        expect.equal(after, x)
    x = 3 * _floats(rng, 2, 9)
    got, after = student.rows_through_gelu(x)
    expect.close(got, _gelu(x.astype("float64")), rtol=1e-4, atol=1e-5)
    expect.equal(after, x)
    expect.dtype(got, "float32")


@test_case(
    name="one query a head over all positions",
    points=1,
    hidden=True,
    failure_message="Softmax over the positions, shifted by the largest score; the query comes scaled already.",
)
def attention(student, rng):
    for scale in (1, 200):
        q, keys, values = scale * _floats(rng, 2, 3, 1, 4), _floats(rng, 2, 3, 7, 4), _floats(rng, 2, 3, 7, 4)
        scores = q.astype("float64") @ keys.swapaxes(2, 3)
        e = np.exp(scores - scores.max(-1, keepdims=True))
        got, *after = student.rows_attended(q, keys, values)
        expect.close(got, e / e.sum(-1, keepdims=True) @ values, rtol=1e-3, atol=1e-4)
        for changed, given in zip(after, (q, keys, values), strict=True):
            expect.equal(changed, given)


@test_case(name="a step gives what the layers give, and fills the cache alike", points=3)
def step(student, rng):
    seed, ids = _seed(rng), rng.integers(0, 11, size=(2, 7))
    by_step, by_layers, places, held, right = student.both_ways(SMALL, seed, ids[:, :-1], ids[:, -1])
    expected = _logits(student.weights(SMALL, seed), ids, heads=3)
    expect.close(by_layers, expected, rtol=1e-5, atol=1e-5)
    expect.close(by_step, expected, rtol=1e-5, atol=1e-5)
    expect.equal(places, [7, 7])
    expect.close(held, right, rtol=1e-5, atol=1e-5)


@test_case(
    name="layers of another kind are asked",
    points=2,
    hidden=True,
    failure_message="step is for plain models. Any other goes through its layers, however many tokens are new.",
)
def other_layers(student, rng):
    for what in ("doubling", "gelu", "nothing"):
        seed, ids = _seed(rng), rng.integers(0, 11, size=(2, 6))
        *logits, weights = student.decoded_with(SMALL, seed, ids, what)
        weights = {name: np.asarray(a) * (2 if _doubled(what, name) else 1) for name, a in weights.items()}
        gelu = _exact if what == "gelu" else _gelu
        for got, text in zip(logits, (ids[:, :-1], ids), strict=True):
            expect.close(got, _logits(weights, text, heads=3, gelu=gelu), rtol=1e-5, atol=1e-5)


@test_case(
    name="a step for one token, the layers for more of them and for those who watch",
    points=1,
    hidden=True,
    failure_message="step is asked if one position is new, the model is plain and LINEAR.indirect is False.",
)
def when(student, rng):
    ids = rng.integers(0, 11, size=(2, 9))
    texts = [ids[:, :n] for n in (4, 5, 6, 8, 9)]
    logits, steps = student.steps_taken(SMALL, seed := _seed(rng), texts, False)
    expect.close(logits, np.stack([_logits(student.weights(SMALL, seed), text, heads=3) for text in texts]), 1e-5, 1e-5)
    expect.equal(steps, [0, 1, 1, 0, 1])
    expect.equal(student.steps_taken(SMALL, seed, texts, True)[1], [0] * 5)


def _doubled(what, name):
    return what == "doubling" and name.startswith("blocks.0.mlp.linear1.")


def _exact(x):
    return x * np.vectorize(lambda z: (1 + math.erf(z / math.sqrt(2))) / 2)(x)
