"""Task 7: queries and keys that are turned by their positions."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "rotary"
title = "Rotations"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def _turned(x, offset=0, base=10000.0):
    """Points as complex numbers: feature i is the real part, feature i + D/2 the imaginary one."""
    length, half = x.shape[-2], x.shape[-1] // 2
    angles = (np.arange(length) + offset)[:, None] / base ** (np.arange(half) / half)
    product = (x[..., :half] + 1j * x[..., half:].astype("float64")) * np.exp(1j * angles)
    return np.concatenate([product.real, product.imag], axis=-1)


@test_case(name="a single point goes round by one radian a position", points=1)
def one_point(student, rng):
    t, start = np.arange(int(rng.integers(5, 12))), float(rng.uniform(0, 6))
    x = np.tile([np.cos(start), np.sin(start)], (len(t), 1))
    expect.close(student.rotated(x, len(t)), np.stack([np.cos(start + t), np.sin(start + t)], axis=1))


@test_case(name="feature i and feature i + D/2 turn by the angle of their position", points=3)
def pairs_turn(student, rng):
    length, dim = int(rng.integers(3, 7)), 2 * int(rng.integers(2, 5))
    x = _array(rng, length, dim)
    expect.close(student.rotated(x, length + 2), _turned(x), atol=1e-5)


@test_case(name="position 0 is left as it is, and no row changes its length", points=1)
def lengths_stay(student, rng):
    x = _array(rng, 2, 6, 4)
    got = student.rotated(x, 6)
    expect.shape(got, x.shape)
    expect.equal(got[:, 0], x[:, 0])
    expect.close(np.linalg.norm(got, axis=-1), np.linalg.norm(x, axis=-1))
    expect.true(np.abs(got[:, 1:] - x[:, 1:]).max() > 0.1, "rows after position 0 change")


@test_case(name="the product of a query and a key depends on their distance alone", points=3)
def relative(student, rng):
    dim, length = 8, 12
    q, k = np.tile(_array(rng, dim), (length, 1)), np.tile(_array(rng, dim), (length, 1))
    turned_q, turned_k = student.rotated_both(q, k, length)
    expect.shape(turned_q, q.shape)
    expect.shape(turned_k, k.shape)
    products = turned_q @ turned_k.T
    expect.close(products, _turned(q) @ _turned(k).T, atol=1e-4)
    for distance in range(1 - length, length):
        diagonal = np.diagonal(products, distance)
        expect.close(diagonal, np.full(len(diagonal), diagonal[0]), atol=1e-4)
