"""Task 7: the loss of a token, the perplexity of a text, and a model that learns."""

from math import log

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "measuring"
title = "Loss, perplexity, learning"
points = None

SMALL = {"vocab_size": 9, "embed_dim": 8, "num_layers": 1, "num_heads": 2, "max_seq_len": 6}


def _losses(logits, targets):
    """-log softmax of the targets, in float64: (B, T, V), (B, T) -> (B, T)."""
    z = logits.astype("float64")
    z = z - z.max(-1, keepdims=True)
    z = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return -np.take_along_axis(z, targets[..., None], -1)[..., 0]


@test_case(name="the loss of each position and their mean", points=2)
def losses(student, rng):
    logits, targets = rng.normal(size=(2, 3, 5)).astype("float32"), rng.integers(0, 5, size=(2, 3))
    mean, total, each = student.losses(logits, targets)
    right = _losses(logits, targets)
    expect.close(each, right, atol=1e-5)
    expect.close([mean, total], [right.mean(), right.sum()], atol=1e-5)


@test_case(name="who knows nothing hesitates between all tokens", points=1)
def nothing_known(student, rng):
    settings = SMALL | {"vocab_size": int(rng.integers(5, 40))}
    expect.close(student.perplexity_of_zeros(settings, rng.integers(0, 5, size=20)), settings["vocab_size"], rtol=1e-4)


@test_case(name="a small model learns a rhythm", points=2)
def learns(student, rng):
    rhythm = rng.permutation(9)[:5]
    settings = SMALL | {"embed_dim": 32, "max_seq_len": 16}
    batches = [rhythm[(rng.integers(0, 5, size=(8, 1)) + np.arange(17)) % 5] for _ in range(120)]
    losses, text = student.trained(settings, int(rng.integers(1 << 30)), batches, 0.003)
    expect.between(losses[0], log(9) - 0.4, log(9) + 0.4, "the first loss")
    expect.between(np.mean(losses[-5:]), 0, 0.3, "the last losses")
    begin = int(np.flatnonzero(rhythm == batches[-1][0, 0])[0])
    expect.equal(text, rhythm[(begin + np.arange(15)) % 5])
