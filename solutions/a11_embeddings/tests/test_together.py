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


@test_case(
    name="positions are not scaled",
    points=1,
    hidden=True,
    failure_message="Only the tokens' rows are multiplied by the root of embed_dim: scale them, then add positions.",
)
def positions_as_they_are(student, rng):
    table, positions = _drawn(rng, dim=9)
    tokens = rng.integers(0, 7, size=(3, 5))
    expect.close(student.embedded(tokens, table, positions, scale=True), 3 * table[tokens] + positions[:5], atol=1e-5)


@test_case(
    name="tokens are scaled by the root of their length",
    points=2,
    hidden=True,
    failure_message=(
        "With scale_embeddings the table is drawn with std 1 / sqrt(embed_dim), and what is looked up is multiplied by "
        "sqrt(embed_dim), so that it has size 1."
    ),
)
def scaled(student, rng):
    table, _ = _drawn(rng, dim=4)
    expect.close(student.embedded([[1, 5]], table, None, scale=True, kind=None), 2 * table[[[1, 5]]], atol=1e-5)
    small, leaving, usual, plain = student.scaled_and_unscaled(500, 64, np.arange(1, 500))
    for drawn, size in ((small[1:], 1 / 8), (leaving, 1.0), (usual[1:], 1.0), (plain, 1.0)):
        expect.between(drawn.std() / size, 0.97, 1.03, "the standard deviation, compared with what it has to be")
    expect.equal([np.count_nonzero(small[0]), np.count_nonzero(usual[0])], [0, 0])


@test_case(
    name="gradients reach tokens and positions",
    points=2,
    hidden=True,
    failure_message=(
        "Both tables are trained: a token's row collects over its occurrences (times the scale), a position's over the "
        "batch. The padding token is not trained, but its position is."
    ),
)
def gradients(student, rng):
    table, positions = _drawn(rng)
    tokens, g = rng.integers(0, 7, size=(3, 5)), _array(rng, 3, 5, 4)
    tokens[0, 0] = 2
    to_tokens, to_positions = np.zeros((7, 4)), np.zeros((9, 4))
    np.add.at(to_tokens, tokens, g)
    to_tokens[2] = 0
    to_positions[:5] = g.sum(axis=0)
    for scale, factor in ((False, 1), (True, 2)):
        got = student.embedded_gradients(tokens, table, positions, g, padding_idx=2, scale=scale)
        expect.close(got[0], factor * to_tokens, atol=1e-5)
        expect.close(got[1], to_positions, atol=1e-5)


@test_case(
    name="dropout acts on the sum, in training only",
    points=2,
    hidden=True,
    failure_message=(
        "Dropout comes last: an element of token plus position is 0 or scaled by 1 / (1 - p). After eval() it is gone."
    ),
)
def dropout(student, rng):
    table, positions = _drawn(rng, dim=40)
    tokens, p = rng.integers(0, 7, size=(4, 9)), float(rng.uniform(0.3, 0.6))
    whole = table[tokens] + positions
    calm, noisy = student.embedded_with_dropout(tokens, table, positions, p)
    expect.close(calm, whole)
    expect.shape(noisy, whole.shape)
    kept = noisy != 0
    expect.close(noisy, np.where(kept, whole / (1 - p), 0), rtol=1e-4, atol=1e-5)
    expect.between(kept.mean(), 1 - p - 0.07, 1 - p + 0.07, "the share of elements that are kept")


@test_case(
    name="one text, an offset, and what is refused",
    points=3,
    hidden=True,
    failure_message=(
        "Tokens of shape (T,) give (T, dim); the first one stands at position `offset`. Too long a text, a token out "
        "of range and an unknown pos_encoding are refused."
    ),
)
def corners(student, rng):
    table, positions = _drawn(rng)
    tokens = rng.integers(0, 7, size=6)
    expect.close(student.embedded(tokens, table, positions), table[tokens] + positions[:6])
    for offset in (1, 3):
        expect.close(student.embedded(tokens, table, positions, offset), table[tokens] + positions[offset : offset + 6])
    expect.raises(ValueError, student.embedded, tokens, table, positions, 4, mentions=["10", "9"])
    expect.raises(IndexError, student.embedded, [[0, 7]], table, positions, mentions=["7", "0 to 6"])
    expect.raises(ValueError, student.embedding_layer_made, "rotary", mentions=["rotary", "learned", "sinusoidal"])
    expect.true("None" not in student.embedding_layer_made("learned"), "the layer shows its parts")
