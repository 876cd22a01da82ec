"""Task 6: layers that add a row for each position, learned or computed."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "positions"
title = "Positions that are added"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def _waves(length, dim):
    angles = np.arange(length)[:, None] / 10000.0 ** (np.arange(0, dim, 2) / dim)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, dim)


@test_case(name="each position adds a row of its own", points=3)
def adds_rows(student, rng):
    length = int(rng.integers(3, 6))
    x, table = _array(rng, 2, length, 4), _array(rng, length + 3, 4)
    expect.close(student.placed("learned", x, table, length + 3), x + table[:length])
    expect.close(student.placed("sinusoidal", x, None, length + 3), x + _waves(length, 4))


@test_case(name="more rows than positions are refused", points=2)
def too_long(student, rng):
    most, more = int(rng.integers(3, 9)), int(rng.integers(1, 50))
    x, table = _array(rng, 2, most, 4), _array(rng, most, 4)
    for kind, rows in (("learned", table), ("sinusoidal", None)):
        expect.close(student.placed(kind, x, rows, most), x + (_waves(most, 4) if rows is None else rows))
        shape = (2, most + more, 4)
        expect.raises(
            ValueError, student.positions_refused, kind, shape, most, 4, mentions=[str(most + more), str(most)]
        )
        expect.raises(ValueError, student.positions_refused, kind, (2, 1 + more, 4), 1, 4, mentions=[str(1 + more)])


@test_case(
    name="learned rows get their gradients",
    points=3,
    hidden=True,
    failure_message=(
        "Index the tensor, not its data. The row of a position collects the gradients of all rows of the batch that "
        "stand there; positions that were not used get 0, and x gets its gradient as well."
    ),
)
def learned(student, rng):
    length, offset = int(rng.integers(3, 6)), int(rng.integers(1, 4))
    x, table, g = _array(rng, 5, length, 2), _array(rng, 9, 2), _array(rng, 5, length, 2)
    for start in (0, offset):
        expected = np.zeros((9, 2))
        expected[start : start + length] = g.sum(axis=0)
        to_table, to_x = student.position_gradients(x, table, g, start)
        expect.close(to_table, expected, atol=1e-5)
        expect.equal(to_x, g)


@test_case(
    name="an offset goes on where the last part ended",
    points=3,
    hidden=True,
    failure_message=(
        "Row 0 stands at position `offset`: text given in parts gets the same rows as text given at once, up to the "
        "last position. offset + T may be max_seq_len, but not more."
    ),
)
def in_parts(student, rng):
    length = int(rng.integers(7, 12))
    cuts = sorted(int(i) for i in rng.permutation(np.arange(1, length))[:2])
    x, table = _array(rng, 2, length, 4), _array(rng, length, 4)
    for kind, rows, expected in (("learned", table, x + table), ("sinusoidal", None, x + _waves(length, 4))):
        parts = student.placed_in_parts(kind, x, rows, length, cuts)
        edges = [0, *cuts, length]
        for part, a, b in zip(parts, edges[:-1], edges[1:], strict=True):
            expect.close(part, expected[:, a:b], atol=1e-5)
        expect.raises(
            ValueError, student.positions_refused, kind, (3, 4), length, 4, length - 2, mentions=[str(length + 1)]
        )


@test_case(
    name="what has no positions is refused",
    points=2,
    hidden=True,
    failure_message=(
        "The input is a Tensor of shape (..., T, dim). A last dimension of 1 would broadcast, and a negative offset "
        "would count from the end: say so instead, with the shape or the offset."
    ),
)
def refused(student, rng):
    dim = int(rng.integers(3, 6))
    for kind in ("learned", "sinusoidal"):
        for shape in ((3, 2, dim + 1), (2, 1), (dim,), ()):
            expect.raises(ValueError, student.positions_refused, kind, shape, 9, dim, mentions=[str(shape), f"{dim})"])
        expect.raises(ValueError, student.positions_refused, kind, (2, dim), 9, dim, -1, mentions=["-1"])
        expect.raises(TypeError, student.positions_of_array, kind, _array(rng, 2, dim), 9, mentions=["Tensor"])


@test_case(
    name="learned rows begin small, waves are not trained",
    points=2,
    hidden=True,
    failure_message=(
        "position_embeddings is a parameter of shape (max_seq_len, embed_dim), normal with std 0.02. The table of "
        "waves is a buffer that is not saved: it is no parameter and not part of state_dict."
    ),
)
def held(student, rng):
    length, dim = int(rng.integers(300, 400)), int(rng.integers(30, 40))
    drawn = student.positions_drawn(length, dim)
    expect.shape(drawn, (length, dim))
    expect.between(drawn.std(), 0.0185, 0.0215, "the standard deviation of the rows")
    expect.between((np.abs(drawn) > 0.04).mean(), 0.03, 0.062, "the share beyond two standard deviations")
    expect.equal(student.positions_held("learned", 7, dim), [[[7, dim]], [[7, dim]]])
    expect.equal(student.positions_held("sinusoidal", 7, dim), [[], []])
