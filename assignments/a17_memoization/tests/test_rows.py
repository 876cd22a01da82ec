"""Task 7: one token more, computed with NumPy on rows: each function, the step, and when it must stand back."""

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


@test_case(name="a step gives what the layers give, and fills the cache alike", points=3)
def step(student, rng):
    seed, ids = _seed(rng), rng.integers(0, 11, size=(2, 7))
    by_step, by_layers, places, held, right = student.both_ways(SMALL, seed, ids[:, :-1], ids[:, -1])
    expected = _logits(student.weights(SMALL, seed), ids, heads=3)
    expect.close(by_layers, expected, rtol=1e-5, atol=1e-5)
    expect.close(by_step, expected, rtol=1e-5, atol=1e-5)
    expect.equal(places, [7, 7])
    expect.close(held, right, rtol=1e-5, atol=1e-5)
