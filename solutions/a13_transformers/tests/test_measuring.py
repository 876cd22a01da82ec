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


@test_case(
    name="each token but the first counts once, in windows",
    points=3,
    hidden=True,
    failure_message=(
        "Windows of max_seq_len inputs that do not overlap, the last one shorter: sum all losses, divide once by how "
        "many they are, take exp last."
    ),
)
def each_once(student, rng):
    seed = int(rng.integers(1 << 30))
    for length in (2, 5, 7, 8, 12, 13, 21):
        text = rng.integers(0, 9, size=length)
        total = 0.0
        for begin in range(0, length - 1, 6):
            part = text[None, begin : begin + 7]
            total += _losses(student.logits_of(SMALL, seed, part[:, :-1]), part[:, 1:]).sum()
        expect.close(student.perplexity(SMALL, seed, text), np.exp(total / (length - 1)), rtol=1e-4)


@test_case(
    name="several texts, in batches, in evaluation mode",
    points=2,
    hidden=True,
    failure_message=(
        "Rows are texts of their own; up to batch_size windows go through the model at once, whole ones first; all of it "
        "happens inside `with evaluation(model):`."
    ),
)
def several_texts(student, rng):
    seed, texts = int(rng.integers(1 << 30)), rng.integers(0, 9, size=(3, 16))
    alone = [student.perplexity(SMALL, seed, text) for text in texts]
    expect.between(np.ptp(alone), 1e-3, 1e6, "the difference between the perplexities of the texts")
    together = np.exp(np.mean(np.log(alone)))
    for size in (1, 4, 100):
        expect.close(student.perplexity(SMALL, seed, texts, batch_size=size), together, rtol=1e-4)
    seen, *after = student.window_sizes(SMALL | {"dropout": 0.5}, texts, 4)
    expect.equal(seen, [[shape, False, False] for shape in ((4, 6), (2, 6), (3, 3))])
    expect.equal(after, [True, True])
    expect.raises(ValueError, student.perplexity, SMALL, seed, [3], mentions=["one token"])
    logits = rng.normal(size=(2, 3, 5)).astype("float32")
    for shape in ((3, 2), (6,), (2, 4)):
        expect.raises(ValueError, student.losses, logits, np.zeros(shape, int), mentions=[str(shape), "(2, 3, 5)"])
