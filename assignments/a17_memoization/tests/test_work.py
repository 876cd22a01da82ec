"""Tasks 5 and 6: how many positions go through the layers. Work is counted, not timed."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "work"
title = "Nothing twice"
points = None

SMALL = {"vocab_size": 11, "embed_dim": 8, "num_layers": 2, "num_heads": 2, "max_seq_len": 16}


def _seed(rng):
    return int(rng.integers(1 << 30))


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


def _expect_work(student, rng, texts, new, last_only=False):
    """Right logits for each text, so many new positions of each row through the layers (and the last one only through
    the head), and the figures that the decoder tells."""
    seed = _seed(rng)
    weights = student.weights(SMALL, seed)
    answers, computed, reused, rate = student.counted(SMALL, seed, texts)
    expect.equal(len(answers), len(texts))
    for (logits, seen), ids, count in zip(answers, texts, new, strict=True):
        expect.close(logits, _logits(weights, ids, window=16), rtol=1e-5, atol=1e-5)
        # Two layers of four maps in attention and two in the MLP; the head makes 11 features.
        inside = sorted({row for row, _, out in seen if out != 11})
        expect.equal(inside, [count * len(ids)])
        expect.equal(sum(out != 11 for _, _, out in seen), 12)
        if last_only:
            expect.equal([row for row, _, out in seen if out == 11], [len(ids)])
    total = sum(min(ids.shape[1], 16) for ids in texts)
    expect.equal([computed, reused], [sum(new), total - sum(new)])
    expect.close(rate, 1 - sum(new) / total)


@test_case(name="one token more is one position", points=4)
def one(student, rng):
    ids = rng.integers(0, 11, size=(1, 12))
    _expect_work(student, rng, [ids[:, :n] for n in range(6, 13)], [6] + [1] * 6)
