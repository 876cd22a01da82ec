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


@test_case(
    name="several tokens more, none more, some less",
    points=3,
    hidden=True,
    failure_message=(
        "Each new position sees the cached ones, itself and new ones before it: causal_mask(queries, keys, start). The"
        " same text again needs its last position once more, for its logits."
    ),
)
def several(student, rng):
    seed, ids = _seed(rng), _drawn(rng, 2, 10)
    texts = [ids[:, :n] for n in (2, 6, 6, 10, 10, 7, 3, 4, 1)]
    _expect_logits(student.decoded(SMALL, seed, texts), student.weights(SMALL, seed), texts)


@test_case(name="another prompt", points=2)
def another(student, rng):
    seed, ids = _seed(rng), _drawn(rng, 1, 7)
    other = (ids + 1) % 11
    late = ids.copy()
    late[0, 4] = (late[0, 4] + 1) % 11
    texts = [ids, other, ids, late, other[:, :3], ids[:, :1]]
    _expect_logits(student.decoded(SMALL, seed, texts), student.weights(SMALL, seed), texts)


@test_case(
    name="a difference in one row, far back, is seen",
    points=2,
    hidden=True,
    failure_message="Compare all tokens of all rows with what the cache holds, not lengths, and not the last token alone.",
)
def one_row(student, rng):
    seed, ids = _seed(rng), _drawn(rng, 3, 8)
    texts = [ids[:, :7]]
    for row in (2, 0):
        changed = texts[-1].copy()
        changed[row, 1] = (changed[row, 1] + 1) % 11
        # One token more, but not of the same text.
        texts += [np.concatenate([changed, ids[:, 7:]], axis=1), changed]
    _expect_logits(student.decoded(SMALL, seed, texts), student.weights(SMALL, seed), texts)


@test_case(
    name="beyond the window every position is another one",
    points=3,
    hidden=True,
    failure_message=(
        "The model sees the last max_seq_len tokens, the first of them at position 0. When the window moves, each token"
        " has another position than before: compare the window, not the text, with what the cache holds."
    ),
)
def beyond_the_window(student, rng):
    # Steps around a circle of 11 tokens: windows that lie apart differ in every place.
    seed, start, step = _seed(rng), rng.integers(0, 11, size=(2, 1)), int(rng.integers(1, 11))
    ids = (start + step * np.arange(14)) % 11
    texts = [ids[:, :n] for n in (8, 9, 10, 11, 12, 14, 13, 10)]
    weights = student.weights(SMALL, seed)
    _expect_logits(student.decoded(SMALL, seed, texts), weights, texts)
    alike = np.full((1, 14), int(rng.integers(11)))
    texts = [alike[:, :n] for n in (9, 10, 11, 12)]
    _expect_logits(student.decoded(SMALL, seed, texts), weights, texts)


@test_case(
    name="batches of another size in between",
    points=2,
    hidden=True,
    failure_message="Another number of rows needs other arrays, and nothing of the old ones is of use.",
)
def sizes(student, rng):
    seed, ids = _seed(rng), _drawn(rng, 4, 8)
    texts = [ids[:1, :5], ids[:3, :6], ids[:1, :6], ids[:1, :7], ids[:4, :8], np.repeat(ids[:1, :7], 2, axis=0)]
    texts += [ids[:1, :1], ids[:3, :2], ids[:3, :3], ids[1:2, :4]]
    _expect_logits(student.decoded(SMALL, seed, texts), student.weights(SMALL, seed), texts)


@test_case(
    name="two texts by turns, from one model and from two",
    points=2,
    hidden=True,
    failure_message="A text that took its turn has left its own keys in the cache: what is shared counts, no more.",
)
def turns(student, rng):
    seed, seeds = _seed(rng), [_seed(rng), _seed(rng)]
    prompts = [_drawn(rng, 1, 3), _drawn(rng, 1, 4)]
    prompts[1][0, 0] = (prompts[0][0, 0] + 1) % 11
    got, logits = student.interleaved(SMALL, seed, prompts, 6)
    right, expected = student.interleaved(SMALL, seed, prompts, 6, cached=False)
    expect.close(logits, np.stack(expected), rtol=1e-5, atol=1e-5)
    expect.equal(got, right)
    for one, (got, logits) in zip(seeds, student.two_models(SMALL, seeds, prompts[0], 6), strict=True):
        right, expected = student.interleaved(SMALL, one, prompts[:1], 6, cached=False)
        expect.close(logits, np.stack(expected), rtol=1e-5, atol=1e-5)
        expect.equal(got, right[0])


@test_case(name="weights that were trained meanwhile", points=3)
def trained(student, rng):
    seed, ids = _seed(rng), _drawn(rng, 2, 7)
    first, second, weights = student.decoded_around(SMALL, seed, ids[:, :6], "train", ids)
    expect.close(first, _logits(student.weights(SMALL, seed), ids[:, :6]), rtol=1e-5, atol=1e-5)
    expect.close(second, _logits(weights, ids), rtol=1e-5, atol=1e-5)


@test_case(
    name="weights that were loaded or replaced, for the same text and for a longer one",
    points=2,
    hidden=True,
    failure_message="Ask the snapshot whenever you would reuse something, and take a new one when it is out of date.",
)
def replaced(student, rng):
    for change in ("load", "rebind", "copy", "train"):
        for longer in (0, 1, 3):
            seed, ids = _seed(rng), _drawn(rng, 2, 9)
            _, second, weights = student.decoded_around(SMALL, seed, ids[:, :6], change, ids[:, : 6 + longer])
            expect.close(second, _logits(weights, ids[:, : 6 + longer]), rtol=1e-5, atol=1e-5)


@test_case(
    name="training mode, float64, a computation that broke off, a cache that was emptied",
    points=2,
    hidden=True,
    failure_message=(
        "Compute within evaluation(model); make arrays of the weights' dtype; let positions count at the very end, when"
        " all layers have them; trust cache.seq_pos."
    ),
)
def circumstances(student, rng):
    seed, ids = _seed(rng), _drawn(rng, 2, 8)
    weights = student.weights(SMALL, seed)
    prompt, whole = _logits(weights, ids[:, :-1]), _logits(weights, ids)
    *logits, mode, deep = student.decoded_in_training(SMALL | {"dropout": 0.5}, seed, ids)
    expect.close(logits, np.stack([prompt, whole]), rtol=1e-5, atol=1e-5)
    expect.equal([mode, deep], [True, True])
    double = student.decoded_as_double(SMALL, seed, ids)
    for got, expected in zip(double, (prompt, whole), strict=True):
        expect.dtype(got, "float64")
        expect.close(got, expected, rtol=1e-10, atol=1e-10)
    later = np.concatenate([ids[:, :4], (ids[:, 4:] + 1) % 11], axis=1)
    for got, text in zip(student.decoded_after_failure(SMALL, seed, ids, later), (later, ids), strict=True):
        expect.close(got, _logits(weights, text), rtol=1e-5, atol=1e-5)
    for got in student.decoded_after_user_reset(SMALL, seed, ids, "float64"):
        expect.close(got, whole, rtol=1e-5, atol=1e-5)
