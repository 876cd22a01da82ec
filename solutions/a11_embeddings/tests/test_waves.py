"""Task 5: positions as sines and cosines."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "waves"
title = "Sinusoidal positions"
points = None


def _table(length, dim, base=10000.0):
    """One number at a time, in float64, as the paper writes it."""
    table = np.zeros((length, dim))
    for position in range(length):
        for column in range(dim):
            angle = position / base ** ((column - column % 2) / dim)
            table[position, column] = np.cos(angle) if column % 2 else np.sin(angle)
    return table


@test_case(name="angles grow with the position and shrink with the wave", points=2)
def grow(student, rng):
    length, dim = int(rng.integers(3, 9)), 2 * int(rng.integers(2, 6))
    got = student.turned_by(length, dim)
    expect.shape(got, (length, dim // 2))
    expect.close(got[:, 0], np.arange(length))
    expect.close(got[-1], (length - 1) / 10000.0 ** (2 * np.arange(dim // 2) / dim))


@test_case(name="a single wave is a sine and a cosine", points=1)
def one_wave(student, rng):
    t = np.arange(int(rng.integers(5, 20)))
    expect.close(student.waves(len(t), 2), np.stack([np.sin(t), np.cos(t)], axis=1))


@test_case(name="sines in even columns, cosines in odd ones", points=2)
def interleaved(student, rng):
    length, dim = int(rng.integers(3, 20)), 2 * int(rng.integers(2, 12))
    expect.close(student.waves(length, dim), _table(length, dim))


@test_case(
    name="far positions are exact",
    points=3,
    hidden=True,
    failure_message="At position 50,000 a float32 angle is off by a thousandth. Compute in float64, round the table.",
)
def far(student, rng):
    length, dim = 50_000, 2 * int(rng.integers(2, 5))
    got = student.waves(length, dim)
    expect.shape(got, (length, dim))
    places = rng.integers(length - 1000, length, size=20)
    angles = places[:, None] / 10000.0 ** (2 * np.arange(dim // 2) / dim)
    expect.close(got[places, 0::2], np.sin(angles), atol=2e-7)
    expect.close(got[places, 1::2], np.cos(angles), atol=2e-7)
    expect.equal(student.waves_described(7, dim), [True, "float32", False, [7, dim]])


@test_case(
    name="odd sizes, other bases, no positions",
    points=2,
    hidden=True,
    failure_message=(
        "With an odd dim the last wave has a sine and no cosine. The base is an argument. A length of 0 gives (0, dim)."
    ),
)
def corners(student, rng):
    base = float(rng.uniform(20, 500))
    for length, dim in ((6, 5), (4, 1), (5, 2), (0, 4), (1, 6)):
        expect.close(student.waves(length, dim), _table(length, dim))
        expect.close(student.waves(length, dim, base=base), _table(length, dim, base))
    expect.shape(student.turned_by(3, 5), (3, 3))
