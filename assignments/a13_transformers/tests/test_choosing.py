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
