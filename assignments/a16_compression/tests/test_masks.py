"""Task 3: zeros that stay zeros while the rest is trained on."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "masks"
title = "Zeros that stay"
points = None


def _sparse(rng, *shapes):
    """Weights, about half of them 0, at least one of each kind in every column."""
    found = []
    for shape in shapes:
        w = rng.normal(size=shape).astype("float32") + 0.05
        w[rng.random(shape) < 0.5] = 0
        w[0], w[1] = 0, 0.7
        found.append(w)
    return found


def _batch(rng, n=12, features=5, classes=3):
    return rng.normal(size=(n, features)).astype("float32"), rng.integers(0, classes, size=n)


@test_case(name="masks know what was 0, and set it to 0 again", points=2)
def known(student, rng):
    stays = student.masks_of(int(rng.integers(99)))
    expect.equal(sorted(stays), ["conv.weight", "first.weight", "heads.0.weight", "heads.1.weight", "table.weight"])
    expect.equal(stays["first.weight"], np.repeat([[False], [False], [True], [True]], 4, axis=1))
    expect.equal(stays["table.weight"], np.arange(5)[:, None].repeat(4, axis=1) != 1)
    weights = _sparse(rng, (5, 8), (8, 3))
    expect.equal(
        student.masks_after(weights, "another array"),
        [np.where(w == 0, 0, w + 1).astype("float32") for w in weights],
    )


@test_case(name="a step of the optimizer moves what is left, and nothing else", points=3)
def one_step(student, rng):
    weights = _sparse(rng, (5, 8), (8, 3))
    x, y = _batch(rng)
    _, free, free_biases = student.trained_on(weights, x, y, "sgd", 1, used=False)
    before, after, biases = student.trained_on(weights, x, y, "sgd", 1)
    expect.equal(before, weights)
    for w, moved, got in zip(weights, free, after, strict=True):
        expect.close(got, np.where(w == 0, 0, moved))
    expect.close(biases[1], free_biases[1])
    expect.true(bool(np.abs(after[1] - weights[1]).max() > 1e-6), "weights that are left have moved")


@test_case(name="used like the optimizer inside it", points=1)
def wrapper(student, rng):
    weights = _sparse(rng, (5, 8), (8, 3))
    lr, inner, scheduled, closure, after = student.masked_optimizer(weights, *_batch(rng))
    expect.close([lr, inner, scheduled], [0.5, 0.25, 0.125])
    expect.equal(closure, 42)
    for w, got in zip(weights, after, strict=True):
        expect.equal(got[w == 0], np.zeros(int((w == 0).sum()), "float32"))
        expect.true(bool((got[w != 0] != w[w != 0]).any()), "weights that are left are trained")
