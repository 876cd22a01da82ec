"""Task 4: from logits to the probabilities that a token is drawn from, and the draw."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "choosing"
title = "Choosing a token"
points = None


def _softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _scaled(kept):
    return kept / kept.sum(-1, keepdims=True)


def _logits(rng, *shape):
    """Logits whose order is clear: no two of a row are closer than 0.2."""
    ranks = rng.permuted(np.broadcast_to(np.arange(shape[-1]), shape), axis=-1)
    return 0.4 * ranks + rng.uniform(0, 0.2, size=shape)


@test_case(name="temperature divides the logits, and 0 leaves the largest", points=3)
def temperature(student, rng):
    z = _logits(rng, 2, 6)
    expect.close(student.probabilities(z), _softmax(z), rtol=1e-6)
    for t in (0.5, 2.0, float(rng.uniform(0.6, 1.6))):
        expect.close(student.probabilities(z, temperature=t), _softmax(z / t), rtol=1e-6)
    expect.equal(student.probabilities(z, temperature=0), np.eye(6)[z.argmax(-1)])


@test_case(name="top-k keeps the k likeliest, scaled to sum 1", points=2)
def top_k(student, rng):
    z = _logits(rng, 6)
    p = _softmax(z)
    for k in (1, 3, 5):
        kept = np.where(p >= np.sort(p)[-k], p, 0)
        expect.close(student.top_k(p, k), _scaled(kept), rtol=1e-6)
        expect.close(student.probabilities(z, top_k=k), _scaled(kept), rtol=1e-6)


@test_case(name="top-p keeps the token that reaches p", points=3)
def top_p(student, rng):
    order = rng.permutation(4)
    p = np.array([0.5, 0.25, 0.15, 0.1])[order]
    for least, count in ((0.3, 1), (0.6, 2), (0.8, 3), (0.95, 4)):
        kept = np.where(order < count, p, 0)
        expect.close(student.top_p(p, least), _scaled(kept), rtol=1e-6)
        expect.close(student.probabilities(np.log(p), top_p=least), _scaled(kept), rtol=1e-6)


@test_case(name="draws come as often as their probabilities say", points=2)
def frequencies(student, rng):
    p = rng.dirichlet(np.ones(5))
    got = student.drawn(np.tile(p, (20000, 1)), int(rng.integers(1 << 30)))
    expect.shape(got, (20000,))
    expect.close((got[:, None] == np.arange(5)).mean(0), p, atol=0.02)


@test_case(
    name="ties, a k above the vocabulary, a p that is reached exactly",
    points=1,
    hidden=True,
    failure_message="Never more than k tokens: of equal ones the smaller index stays. A token after p is reached goes.",
)
def ties(student, rng):
    p = np.full(64, 1 / 64)
    for k in (1, 3, 40, 63):
        right = _scaled((np.arange(64) < k) * p)
        expect.close(student.top_k(p, k), right)
        expect.close(student.top_p(p, k / 64), right)
    for k in (64, 65, 1000):
        expect.close(student.top_k(p, k), p)
    expect.close(student.top_p(p, 1.0), p)
    expect.equal(student.probabilities(np.array([1.0, 3.0, 3.0]), temperature=0), np.array([0.0, 1.0, 0.0]))


@test_case(
    name="each row for itself, temperature first, then top-k, then top-p of what is left",
    points=2,
    hidden=True,
    failure_message="Both cut-offs see probabilities after the temperature, and top-p those that top-k left, of sum 1.",
)
def combined(student, rng):
    z = _logits(rng, 5, 7)
    for k, least in ((4, 0.7), (2, 0.9), (5, 0.45)):
        right = np.zeros_like(z)
        for row, out in zip(z, right, strict=True):
            p = _softmax(row / 1.5)
            places = np.argsort(-p)[:k]
            kept = p[places] / p[places].sum()
            count = int((np.cumsum(kept) < least).sum()) + 1
            out[places[:count]] = kept[:count] / kept[:count].sum()
        for given, expected in ((z, right), (z[None], right[None])):
            got = student.probabilities(given, temperature=1.5, top_k=k, top_p=least)
            expect.close(got, expected, rtol=1e-6)


@test_case(
    name="logits of any size and dtype",
    points=1,
    hidden=True,
    failure_message="Subtract the largest logit of the row before you divide by the temperature; compute in float64.",
)
def extreme(student, rng):
    z = _logits(rng, 3, 6)
    for shift in (1e4, -1e4):
        expect.close(student.probabilities(z + shift, temperature=0.7), _softmax(z / 0.7), rtol=1e-5)
    expect.close(student.probabilities(z + 1e4, temperature=1e-306), np.eye(6)[z.argmax(-1)])
    got = student.probabilities(z.astype("float32"))
    expect.dtype(got, "float64")
    expect.close(got.sum(-1), np.ones(3), rtol=1e-12, atol=0)
    hidden = np.where(np.arange(6) < 2, -np.inf, z)
    expect.close(student.probabilities(hidden), _softmax(hidden), rtol=1e-6)
    expect.raises(ValueError, student.probabilities, np.array([0.0, np.nan]), mentions=["diverged"])


@test_case(
    name="rows are drawn independently, and never what has probability 0",
    points=1,
    hidden=True,
    failure_message="One uniform number a row, against the running sums of that row, which may end a little beside 1.",
)
def rows(student, rng):
    p = np.tile([0.0, 0.2, 0.0, 0.3, 0.0], (4000, 1))
    p[2000:] = [0.0, 0.0, 0.0, 0.0, 0.4]
    got = student.drawn(p, int(rng.integers(1 << 30)))
    expect.dtype(got, "int64")
    expect.equal(got[2000:], np.full(2000, 4))
    first = got[:2000]
    expect.true(set(first.tolist()) == {1, 3}, "only what has a probability is drawn, and all of it")
    expect.close((first == 1).mean(), 0.4, atol=0.06)
    expect.close((first[:-1] == first[1:]).mean(), 0.52, atol=0.08)
    expect.equal(student.drawn(np.eye(5)[[3, 0, 2]], 1), np.array([3, 0, 2]))
