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


@test_case(
    name="the gradient is turned back",
    points=3,
    hidden=True,
    failure_message=(
        "A rotation by an angle is undone by the rotation by minus the angle, and that is its transpose too: the same "
        "cos, the negative sin."
    ),
)
def turned_back(student, rng):
    for shape, offset in (((5, 4), 0), ((2, 3, 6), 2), ((2, 2, 4, 2), 1)):
        x, g = rng.normal(size=shape), rng.normal(size=shape)
        # The map is linear: each element of x contributes its share of sum(turned * g).
        shares = _turned(np.eye(shape[-1])[:, None].repeat(shape[-2], axis=1), offset)  # (D, T, D)
        expected = np.einsum("dte,...te->...td", shares, g)
        expect.close(student.rotation_gradient(x, g, 9, offset), expected, rtol=1e-9, atol=1e-9)


@test_case(
    name="an offset goes on where the cache ended",
    points=2,
    hidden=True,
    failure_message=(
        "Row t stands at position offset + t, for queries and keys alike; offset + T may be max_seq_len, not more."
    ),
)
def with_offset(student, rng):
    most, offset = int(rng.integers(8, 12)), int(rng.integers(1, 5))
    x = _array(rng, 2, most - offset, 4)
    expect.close(student.rotated(x, most, offset), _turned(x, offset), atol=1e-5)
    q, k = _array(rng, 1, 4), _array(rng, 3, 4)
    turned_q, turned_k = student.rotated_both(q, k, most, offset)
    expect.close(turned_q, _turned(q, offset), atol=1e-5)
    expect.close(turned_k, _turned(k, offset), atol=1e-5)
    expect.raises(ValueError, student.rotary_refused, (2, 4), 4, most, most - 1, mentions=[str(most + 1), str(most)])


@test_case(
    name="heads, tables of your own, dtypes",
    points=3,
    hidden=True,
    failure_message=(
        "Only the last two dimensions matter; x may be a transposed view, and stays as it is. cos and sin only have "
        "to broadcast. The result has the dtype of x: float16, float32 and float64 stay, integers become float32."
    ),
)
def heads(student, rng):
    x = _array(rng, 2, 5, 3, 4)
    expect.close(student.rotated_heads(x, 5), _turned(x.swapaxes(1, 2)), atol=1e-5)
    out, after = student.rotated_and_input(x, 9)
    expect.equal(after, x)
    expect.close(out, _turned(x), atol=1e-5)
    angles = rng.uniform(0, 6, size=(2, 1, 1, 2))
    got = student.turned_by_tables(x, np.cos(angles), np.sin(angles))
    product = (x[..., :2] + 1j * x[..., 2:]) * np.exp(1j * angles)
    expect.close(got, np.concatenate([product.real, product.imag], axis=-1), atol=1e-5)
    for dtype, tolerance in (("float16", 1e-2), ("float32", 1e-5), ("float64", 1e-12)):
        given = x.astype(dtype)
        got = student.rotated(given, 9)
        expect.dtype(got, dtype)
        expect.close(got, _turned(given), rtol=tolerance, atol=tolerance)
    whole = rng.integers(-5, 6, size=(3, 4))
    got = student.rotated_integers(whole, 9)
    expect.dtype(got, "float32")
    expect.close(got, _turned(whole), atol=1e-4)


@test_case(
    name="sizes and bases",
    points=1,
    hidden=True,
    failure_message=(
        "dim is even, the base an argument; the tables are neither parameters nor saved. What does not fit is a "
        "ValueError that names the shape."
    ),
)
def sizes(student, rng):
    x = _array(rng, 6, 6)
    base = float(rng.uniform(10, 500))
    expect.close(student.rotated(x, 6, base=base), _turned(x, base=base), atol=1e-5)
    expect.equal(student.rotary_made(4, 9), [0, 0])
    expect.raises(ValueError, student.rotary_made, 5, 9, mentions=["5"])
    for shape in ((3, 6), (4,)):
        expect.raises(ValueError, student.rotary_refused, shape, 4, 9, mentions=[str(shape)])
    expect.raises(ValueError, student.rotary_refused, (2, 4), 4, 9, -1, mentions=["-1"])
