"""Task 2 and Task 7: operators between tensors, numbers and arrays, with broadcasting; dtypes of results."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "arithmetic"
title = "Operators and broadcasting"
points = None


def _positive(rng, *shape):
    return rng.uniform(0.5, 2.0, size=shape).astype("float32")


@test_case(name="the five operators between tensors", points=3)
def five_operators(student, rng):
    a, b = _positive(rng, 3, 4), _positive(rng, 3, 4)
    x, y = a.astype("float64"), b.astype("float64")
    for sign, expected in {"+": x + y, "-": x - y, "*": x * y, "/": x / y, "**": x**y}.items():
        expect.close(student.binary(sign, a, b), expected)
    expect.close(student.binary("+", a, b[0]), x + y[0])
    expect.close(student.binary("*", a[:, :1], b[0]), x[:, :1] * y[0])


@test_case(name="numbers on the right, and the negative", points=2)
def numbers_on_the_right(student, rng):
    a, number = _positive(rng, 2, 3), float(np.float32(rng.uniform(2, 3)))
    x = a.astype("float64")
    expect.close(student.tensor_first("+", a, number), x + number)
    expect.close(student.tensor_first("-", a, number), x - number)
    expect.close(student.tensor_first("/", a, number), x / number)
    expect.close(student.tensor_first("**", a, 2), x**2)
    expect.equal(student.negative(a), -a)


@test_case(name="numbers on the left: plus, times, power", points=1)
def numbers_on_the_left(student, rng):
    a, number = _positive(rng, 2, 3), float(np.float32(rng.uniform(2, 3)))
    x = a.astype("float64")
    expect.close(student.tensor_second("+", number, a), number + x)
    expect.close(student.tensor_second("*", number, a), number * x)
    expect.close(student.tensor_second("**", number, a), number**x)


@test_case(name="number - tensor in the right order", points=2)
def number_minus_tensor(student, rng):
    a, number = _positive(rng, 2, 3), float(np.float32(rng.uniform(3, 4)))
    expect.close(student.tensor_second("-", number, a), number - a.astype("float64"))


@test_case(name="shapes that do not broadcast are both named", points=2)
def clash(student, rng):
    n = int(rng.integers(5, 9))
    x = np.ones((2, n))
    expect.raises(ValueError, student.binary, "+", x, np.ones(3), mentions=[f"(2, {n})", "(3,)"])
    expect.raises(ValueError, student.tensor_first, "*", x, np.ones((3, 1)), mentions=[f"(2, {n})", "(3, 1)"])
