"""Task 4 and Task 7: matrix products of vectors, matrices and batches, and the errors that say what does not fit."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "matmul"
title = "Matrix product"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


@test_case(name="a matrix times a matrix", points=3)
def two_matrices(student, rng):
    n, k, m = (int(size) for size in rng.integers(2, 7, size=3))
    a, b = _array(rng, n, k), _array(rng, k, m)
    got = student.matmul(a, b)
    expect.dtype(got, "float32")
    expect.close(got, a.astype("float64") @ b, atol=1e-5)


@test_case(name="inner sizes that differ are named", points=2)
def inner_sizes(student, rng):
    n = int(rng.integers(4, 9))
    expect.raises(ValueError, student.matmul, np.ones((2, n)), np.ones((3, 2)), mentions=[f"(2, {n})", "(3, 2)"])
    expect.raises(ValueError, student.matmul, np.ones(n), np.ones((3, 2)), mentions=[f"({n},)", "(3, 2)"])


@test_case(
    name="batches of matrices, and vectors",
    points=3,
    hidden=True,
    failure_message=(
        "(5, 2, 3) @ (3, 4) multiplies each of five matrices: (5, 2, 4). np.dot does something else with three "
        "dimensions."
    ),
)
def batches(student, rng):
    shapes = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((5, 2, 3), (3, 4)), ((5, 2, 3), (5, 3, 2))]
    shapes += [((4, 1, 2, 3), (5, 3, 2)), ((3,), (5, 3, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 3))]
    pairs = [[_array(rng, *left), _array(rng, *right)] for left, right in shapes]
    for result, (a, b) in zip(student.matmul_many(pairs), pairs, strict=True):
        expect.close(result, a.astype("float64") @ b, atol=1e-5)


@test_case(
    name="single numbers have no matrix product",
    points=1,
    hidden=True,
    failure_message="A tensor of shape () beside @ is a ValueError: * is meant. The message names both shapes.",
)
def scalars(student, rng):
    n = int(rng.integers(2, 9))
    expect.raises(ValueError, student.matmul, 2.0, np.ones((3, n)), mentions=["()", f"(3, {n})"])
    expect.raises(ValueError, student.matmul, np.ones(n), 2.0, mentions=[f"({n},)", "()"])
    expect.raises(ValueError, student.matmul, np.ones((n, 2, 2)), np.ones((n + 1, 2, 2)), mentions=[f"({n + 1}, 2, 2)"])


@test_case(
    name="an array on the left, and nothing but tensors on the right",
    points=1,
    hidden=True,
    failure_message=(
        "array @ t calls t.__rmatmul__(array). t.matmul(other) with anything but a Tensor is a TypeError, as in "
        "PyTorch."
    ),
)
def operand_types(student, rng):
    a, b = _array(rng, 2, 3), rng.normal(size=(4, 2))
    got = student.tensor_second("@", b, a)
    expect.close(got, b @ a, atol=1e-5)
    expect.dtype(got, "float32")
    for other in (2.0, [[1.0], [2.0], [3.0]], None, np.ones((3, 1), "float32")):
        expect.raises(TypeError, student.matmul_with, a, other)
    expect.raises(TypeError, student.tensor_second, "@", 2.0, a)


@test_case(
    name="transposed views multiply like their copies",
    points=1,
    hidden=True,
    failure_message="(A.T @ B.T) must read its operands through their strides, not in the order of memory.",
)
def transposed_operands(student, rng):
    a, b = _array(rng, 4, 3, 2), _array(rng, 5, 3)
    expect.close(student.matmul_transposed(a, b), np.swapaxes(a.astype("float64"), -1, -2) @ b.T, atol=1e-5)
