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
