"""Task 8: tokens and positions in one layer."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "together"
title = "EmbeddingLayer"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def _drawn(rng, rows=7, dim=4, length=9):
    return _array(rng, rows, dim), _array(rng, length, dim)


@test_case(name="a token plus its position", points=3)
def sums(student, rng):
    table, positions = _drawn(rng)
    tokens = rng.integers(0, 7, size=(3, 5))
    expect.close(student.embedded(tokens, table, positions), table[tokens] + positions[:5])


@test_case(name="learned, sinusoidal or no positions", points=2)
def kinds(student, rng):
    table, _ = _drawn(rng)
    tokens = rng.integers(0, 7, size=(2, 6))
    expect.close(student.embedded(tokens, table, None, kind=None), table[tokens])
    angles = np.arange(6)[:, None] / np.array([1.0, 100.0])
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(6, 4)
    got = student.embedded(tokens, table, None, kind="sinusoidal", max_seq_len=9)
    expect.close(got, table[tokens] + waves)
    parts = student.embedding_layer_parts("learned", 7, 4, 9)
    expect.equal(parts, [["token_embedding", [7, 4]], ["position_encoding", [9, 4]]])
    expect.equal(student.embedding_layer_parts("sinusoidal", 7, 4, 9), [["token_embedding", [7, 4]]])
