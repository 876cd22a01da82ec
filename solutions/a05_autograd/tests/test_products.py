"""Task 6: gradients of matrix products and of the linear layer, against the products that they are."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "products"
title = "Matrix products"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def _slopes(fn, arrays, weights):
    """Gradients of (fn(*arrays) * weights).sum(), which is linear in each array: exact differences, one an array."""
    arrays = [np.array(a, dtype="float64") for a in arrays]
    found = []
    for a in arrays:
        slopes = np.zeros(a.shape)
        for index in np.ndindex(a.shape):
            here, ends = a[index], []
            for there in (here + 1, here - 1):
                a[index] = there
                ends.append((fn(*arrays) * weights).sum())
            a[index] = here
            slopes[index] = (ends[0] - ends[1]) / 2
        found.append(slopes)
    return found


def _check_matmul(student, rng, shapes):
    pairs = [[_array(rng, *left), _array(rng, *right)] for left, right in shapes]
    weights = [_array(rng, *(a @ b).shape) for a, b in pairs]
    for gradients, pair, w in zip(student.of_operator("@", pairs, weights), pairs, weights, strict=True):
        for gradient, expected in zip(gradients, _slopes(np.matmul, pair, w), strict=True):
            expect.close(gradient, expected, rtol=1e-4, atol=1e-4)


@test_case(name="the product of two matrices", points=2)
def matrices(student, rng):
    a, b, w = _array(rng, 3, 4), _array(rng, 4, 2), _array(rng, 3, 2)
    ((to_a, to_b),) = student.of_operator("@", [[a, b]], [w])
    expect.close(to_a, w @ b.T, atol=1e-5)
    expect.close(to_b, a.T @ w, atol=1e-5)


@test_case(
    name="batches of matrices, and batches that broadcast",
    points=2,
    hidden=True,
    failure_message=(
        "(5, 2, 3) @ (3, 4) uses one matrix for all of the batch, so its gradient is summed over the batch. Leading "
        "dimensions of size 1 are stretched too. One of the operands may be a constant."
    ),
)
def batches(student, rng):
    shapes = [
        ((5, 2, 3), (5, 3, 4)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((4, 1, 2, 3), (2, 3, 2)),
        ((1, 2, 3), (4, 3, 1)),
    ]
    _check_matmul(student, rng, shapes)
    a, b = _array(rng, 2, 3), _array(rng, 3, 4)
    (left, none), (nothing, right) = student.of_matmul_parts(a, b)
    expect.equal([none, nothing], [None, None])
    expect.close(left, np.tile(b.sum(1), (2, 1)), atol=1e-5)
    expect.close(right, np.tile(a.sum(0)[:, None], (1, 4)), atol=1e-5)


@test_case(
    name="vectors as operands",
    points=2,
    hidden=True,
    failure_message=(
        "A vector is a row on the left and a column on the right. Give g the dimension that the product lost, and "
        "take it away in the end."
    ),
)
def vectors(student, rng):
    shapes = [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((3,), (4, 3, 2)),
        ((4, 2, 3), (3,)),
        ((0, 3), (3, 2)),
        ((2, 0), (0, 2)),
    ]
    _check_matmul(student, rng, shapes)


@test_case(name="the linear layer", points=2)
def linear(student, rng):
    x, w, b, g = _array(rng, 5, 3), _array(rng, 3, 2), _array(rng, 2), _array(rng, 5, 2)
    got = student.of_linear([x, w, b], g)
    for gradient, expected in zip(got, (g @ w.T, x.T @ g, g.sum(0)), strict=True):
        expect.close(gradient, expected, atol=1e-5)


@test_case(
    name="linear layers with leading dims, without bias, and in part constant",
    points=2,
    hidden=True,
    failure_message=(
        "x may be (..., in): all of its rows are one tall matrix (_rows). Without a bias there are two inputs. A "
        "gradient nobody wants is None."
    ),
)
def linear_forms(student, rng):
    for lead in ((2, 4), (), (0,), (3, 1, 2)):
        x, w, b = _array(rng, *lead, 3), _array(rng, 3, 2), _array(rng, 2)
        g = _array(rng, *lead, 2)
        rows, tall = x.reshape(-1, 3), g.reshape(-1, 2)
        expected = (g @ w.T, rows.T @ tall, tall.sum(0))
        for count in (3, 2):
            got = student.of_linear([x, w, b][:count], g)
            for gradient, right in zip(got, expected[:count], strict=True):
                expect.close(gradient, right, atol=1e-5)
    x, w, b = _array(rng, 4, 3), _array(rng, 3, 2), _array(rng, 2)
    first, second = student.of_linear_parts(x, w, b)
    expect.equal([first[0], first[2], second[1]], [None, None, None])
    expect.close(first[1], np.repeat(x.sum(0)[:, None], 2, 1), atol=1e-5)
    expect.close(second[0], np.tile(w.sum(1), (4, 1)), atol=1e-5)
    expect.close(second[2], np.full(2, 4.0))
