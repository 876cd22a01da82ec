"""Tasks 3 and 4: what of the past is still true: the same tokens at the beginning, the same weights."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "validity"
title = "What is still true"
points = None

SMALL = {"vocab_size": 11, "embed_dim": 8, "num_layers": 2, "num_heads": 2, "max_seq_len": 10}


def _seed(rng):
    return int(rng.integers(1 << 30))


@test_case(name="tokens that two texts begin with", points=3)
def beginning(student, rng):
    a = rng.integers(0, 50, size=(1, 8))
    b = a.copy()
    place = int(rng.integers(1, 7))
    b[0, place] += 1
    expect.equal(student.prefix(a, b), place)
    expect.equal(student.prefix(a, a), 8)
    expect.equal(student.prefix(a, a + 1), 0)


@test_case(
    name="all rows must agree, and what comes after a difference does not count",
    points=3,
    hidden=True,
    failure_message=(
        "One count for the whole batch: up to the first column in which any row differs. Equal tokens after a"
        " difference followed other tokens, so their keys are others."
    ),
)
def rows(student, rng):
    for _ in range(8):
        a = rng.integers(0, 50, size=(4, 9))
        b = a.copy()
        row, place = int(rng.integers(4)), int(rng.integers(9))
        b[row, place] += 1
        expect.equal(student.prefix(a, b), place)
        b[(row + 1) % 4, place // 2] += 1
        expect.equal(student.prefix(a, b), place // 2)


@test_case(
    name="texts of unequal length, and empty ones",
    points=1,
    hidden=True,
    failure_message="Only columns that both have can be compared; no column at all is a prefix of length 0.",
)
def lengths(student, rng):
    a = rng.integers(0, 50, size=(2, 9))
    n = int(rng.integers(2, 8))
    expect.equal([student.prefix(a, a[:, :n]), student.prefix(a[:, :n], a)], [n, n])
    expect.equal([student.prefix(a, a[:, :0]), student.prefix(a[:, :0], a)], [0, 0])
    expect.equal(student.prefix(a[:, :n], np.concatenate([a[:, : n - 1], a[:, n - 1 :] + 1], axis=1)), n - 1)


@test_case(name="a training step is seen", points=3)
def training(student, rng):
    ids = rng.integers(0, 11, size=(2, 6))
    changes = [str(c) for c in rng.permutation(["train", "nothing", "train", "nothing"])]
    answers = student.current_after(SMALL, _seed(rng), ids, changes)
    expect.equal(answers, [[change == "nothing"] * 2 for change in changes])


@test_case(
    name="loaded, rebound and copied weights, and exchanged layers",
    points=2,
    hidden=True,
    failure_message=(
        "Read p.data when you compare: it may be another array by then. The same numbers in another array are no"
        " change; another layer object is one."
    ),
)
def other_changes(student, rng):
    right = {
        "load": [False, False],
        "rebind": [False, False],
        "copy": [True, True],
        "exchange": [True, False],
        "nothing": [True, True],
    }
    names = [str(name) for name in rng.permutation(list(right))]
    answers = student.current_after(SMALL, _seed(rng), rng.integers(0, 11, size=(2, 6)), names)
    expect.equal(answers, [right[name] for name in names])


@test_case(
    name="the sample holds two numbers of every parameter",
    points=1,
    hidden=True,
    failure_message="At size // 3 and 2 * size // 3 in row order, parameter by parameter: one Python float each.",
)
def sample(student, rng):
    seed = _seed(rng)
    weights = student.weights(SMALL, seed)
    arrays = [np.asarray(a).reshape(-1) for a in weights.values()]
    numbers = [float(a[k * a.size // 3]) for a in arrays for k in (1, 2)]
    got = student.sampled(SMALL, seed)
    expect.close(np.sort(np.asarray(got, dtype="float64")) if isinstance(got, list) else got, np.sort(numbers))


@test_case(
    name="a snapshot for a prompt, none for a token",
    points=1,
    hidden=True,
    failure_message="For one token more of the same text ask is_current() of the snapshot that you have; it is much cheaper.",
)
def snapshots(student, rng):
    ids = rng.integers(0, 11, size=(1, 10))
    texts = [ids[:, :n] for n in (4, 5, 6, 8, 9, 10)] + [(ids + 1) % 11]
    logits, made = student.snapshots_made(SMALL, seed := _seed(rng), texts)
    expect.close(logits, np.stack(student.decoded(SMALL, seed, texts)), rtol=1e-5, atol=1e-5)
    expect.equal(made, [1, 0, 0, 1, 0, 0, 1])
