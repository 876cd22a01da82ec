"""Tasks 5 and 6: the logits of a model with a cache are those of the model, whatever was asked before."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "decoding"
title = "The same logits"
points = None

SMALL = {"vocab_size": 11, "embed_dim": 8, "num_layers": 2, "num_heads": 2, "max_seq_len": 10}


def _seed(rng):
    return int(rng.integers(1 << 30))


def _drawn(rng, *shape):
    return rng.integers(0, 11, size=shape)


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


def _expect_logits(answers, weights, texts):
    expect.equal(len(answers), len(texts))
    for got, ids in zip(answers, texts, strict=True):
        expect.close(got, _logits(weights, ids), rtol=1e-5, atol=1e-5)


@test_case(name="a prompt, and one token more, and one more", points=4)
def one_more(student, rng):
    seed, ids = _seed(rng), _drawn(rng, 1, 9)
    texts = [ids[:, :n] for n in (4, 5, 6, 7, 8, 9)]
    _expect_logits(student.decoded(SMALL, seed, texts), student.weights(SMALL, seed), texts)


@test_case(name="the rows of a batch", points=2)
def batch(student, rng):
    seed, ids = _seed(rng), _drawn(rng, 3, 8)
    texts = [ids[:, :n] for n in (3, 4, 5, 6)]
    _expect_logits(student.decoded(SMALL, seed, texts), student.weights(SMALL, seed), texts)


@test_case(name="another prompt", points=2)
def another(student, rng):
    seed, ids = _seed(rng), _drawn(rng, 1, 7)
    other = (ids + 1) % 11
    late = ids.copy()
    late[0, 4] = (late[0, 4] + 1) % 11
    texts = [ids, other, ids, late, other[:, :3], ids[:, :1]]
    _expect_logits(student.decoded(SMALL, seed, texts), student.weights(SMALL, seed), texts)


@test_case(name="weights that were trained meanwhile", points=3)
def trained(student, rng):
    seed, ids = _seed(rng), _drawn(rng, 2, 7)
    first, second, weights = student.decoded_around(SMALL, seed, ids[:, :6], "train", ids)
    expect.close(first, _logits(student.weights(SMALL, seed), ids[:, :6]), rtol=1e-5, atol=1e-5)
    expect.close(second, _logits(weights, ids), rtol=1e-5, atol=1e-5)
