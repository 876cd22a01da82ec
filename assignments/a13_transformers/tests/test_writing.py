"""Task 6: text that is written token by token, against the logits of the same model."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "writing"
title = "Writing"
points = None

SMALL = {"vocab_size": 9, "embed_dim": 8, "num_layers": 2, "num_heads": 2, "max_seq_len": 6}


def _seed(rng):
    return int(rng.integers(1 << 30))


def _greedy(student, seed, ids, count, **more):
    """Greedy decoding by asking the model for the logits of each window."""
    for _ in range(count):
        logits = student.logits_of({**SMALL, **more}, seed, ids[:, -6:])
        expect.shape(logits, (len(ids), min(ids.shape[1], 6), 9))
        ids = np.concatenate([ids, logits[:, -1].argmax(-1)[:, None]], axis=1)
    return ids


@test_case(name="greedy writing follows the largest logit; the prompt comes first", points=3)
def greedy(student, rng):
    seed, prompt = _seed(rng), rng.integers(0, 9, size=(3, 2))
    right = _greedy(student, seed, prompt, 4)
    expect.equal(student.written(SMALL, seed, prompt, 4, temperature=0), right)
    expect.equal(student.written(SMALL, seed, prompt[1], 4, temperature=0), right[1])
    expect.equal(student.written(SMALL, seed, prompt[2].tolist(), 4, temperature=0), right[2])


@test_case(name="one seed writes one text", points=1)
def seeded(student, rng):
    seed, prompt = _seed(rng), rng.integers(0, 9, size=(2, 3))
    how = {"temperature": 3.0, "seed": _seed(rng)}
    once, again = student.written_twice(SMALL, seed, prompt, 20, **how)
    expect.shape(once, (2, 23))
    expect.equal(again, once)
    expect.equal(once[:, :3], prompt)
    other = student.written(SMALL, seed, prompt, 20, temperature=3.0, seed=how["seed"] + 1)
    expect.true((once != other).any(), "another seed writes another text")
