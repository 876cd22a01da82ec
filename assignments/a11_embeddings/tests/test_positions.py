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
