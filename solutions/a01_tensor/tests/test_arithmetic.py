"""Task 2 and Task 7: operators between tensors, numbers and arrays, with broadcasting; dtypes of results."""

import operator

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "arithmetic"
title = "Operators and broadcasting"
points = None


def _positive(rng, *shape):
    return rng.uniform(0.5, 2.0, size=shape).astype("float32")


def _broadcast_pair(rng):
    """Two random arrays whose shapes broadcast; the smaller may have fewer dimensions, size 1 and size 0 included."""
    shape = [int(n) for n in rng.choice([0, 1, 2, 3, 4], size=rng.integers(0, 5), p=[0.05, 0.2, 0.25, 0.25, 0.25])]
    one, other = ([n if rng.random() < 0.7 else 1 for n in shape] for _ in range(2))
    other = other[int(rng.integers(0, len(shape) + 1)) :]
    pair = [_positive(rng, *one), _positive(rng, *other)]
    return pair if rng.random() < 0.5 else pair[::-1]


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


@test_case(
    name="number / tensor and array / tensor in the right order",
    points=1,
    hidden=True,
    failure_message="In other / t Python calls t.__rtruediv__(other): who is the dividend?",
)
def number_over_tensor(student, rng):
    a, b, number = _positive(rng, 2, 3), _positive(rng, 2, 3), float(np.float32(rng.uniform(3, 4)))
    expect.close(student.tensor_second("/", number, a), number / a.astype("float64"))
    expect.close(student.tensor_second("/", b, a), b.astype("float64") / a)


@test_case(
    name="any two shapes that broadcast",
    points=3,
    hidden=True,
    failure_message=(
        "Shapes are compared from the right; a size of 1, or a missing dimension, stretches. Try (3, 1) with (4,)."
    ),
)
def any_broadcast(student, rng):
    for sign, function in {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}.items():
        pairs = [_broadcast_pair(rng) for _ in range(40)]
        results = student.binary_many(sign, pairs)
        for result, (a, b) in zip(results, pairs, strict=True):
            expect.close(result, function(a.astype("float64"), b))
            expect.dtype(result, "float32")


@test_case(
    name="float64 never creeps in",
    points=3,
    hidden=True,
    failure_message=(
        "A float32 tensor beside np.float64(2.0) or a float64 array gives float32: cast the stranger in _operand."
    ),
)
def no_float64(student, rng):
    a, b = _positive(rng, 3, 2), rng.uniform(1, 2, size=(3, 2))
    number = float(rng.uniform(1, 2))
    for sign, f in {"+": operator.add, "-": operator.sub, "/": operator.truediv, "*": operator.mul}.items():
        results = [*student.numpy_scalar(sign, a, number)]
        results += [student.tensor_first(sign, a, b), student.tensor_second(sign, b, a)]
        for result, expected in zip(results, [f(a, number), f(number, a), f(a, b), f(b, a)], strict=True):
            expect.close(result, expected)
            expect.dtype(result, "float32")
    wide = student.binary("*", b, b, "float64")
    expect.dtype(wide, "float64")
    expect.close(wide, b * b, rtol=1e-14)


@test_case(
    name="integer tensors divide to float32",
    points=2,
    hidden=True,
    failure_message=(
        "7 / 2 of integer tensors is 3.5, as float32; NumPy alone would give float64. int + float32 is float32, int + "
        "int stays int. Only a ValueError about broadcasting concerns shapes: 2 ** -1 of integers is another."
    ),
)
def integers(student, rng):
    a, b = rng.integers(-9, 10, size=(2, 4)), rng.integers(2, 7, size=4) | 1
    half = student.binary("/", a, b, "int64")
    expect.close(half, a / b)
    expect.dtype(half, "float32")
    for result, expected in [
        (student.tensor_first("*", a, 0.5, "int64"), a * 0.5),
        (student.mixed("+", a, "int64", b / 4, "float32"), a + b / 4),
        (student.tensor_first("-", a, b / 4, "int64"), a - b / 4),
        (student.tensor_second("-", b / 4, a, "int64"), b / 4 - a),
    ]:
        expect.close(result, expected)
        expect.dtype(result, "float32")
    for whole in (student.binary("*", a, b, "int64"), student.tensor_first("*", a, b, "int64")):
        expect.equal(whole, a * b)
        expect.dtype(whole, "int64")
    expect.raises(ValueError, student.binary, "**", a, -b, "int64", mentions=["negative"])


@test_case(
    name="operands are left as they were",
    points=2,
    hidden=True,
    failure_message=(
        "No operation writes into its operands: x += y makes a new tensor, and clip and masked_fill give copies."
    ),
)
def operands_unchanged(student, rng):
    a, b = (rng.normal(size=(2, 3)).astype("float32") for _ in range(2))
    result, kept, other = student.after_use(a, b)
    expect.equal(kept, a)
    expect.equal(other, b)
    expect.close(result, (a.astype("float64") + b) * b)


@test_case(name="shapes that do not broadcast are both named", points=2)
def clash(student, rng):
    n = int(rng.integers(5, 9))
    x = np.ones((2, n))
    expect.raises(ValueError, student.binary, "+", x, np.ones(3), mentions=[f"(2, {n})", "(3,)"])
    expect.raises(ValueError, student.tensor_first, "*", x, np.ones((3, 1)), mentions=[f"(2, {n})", "(3, 1)"])


@test_case(
    name="text, None and lists are no operands",
    points=1,
    hidden=True,
    failure_message="_operand raises TypeError for everything but tensors, numbers and NumPy's numbers and arrays.",
)
def no_operand(student):
    for other in ("2", None, [1.0, 2.0], b"2"):
        expect.raises(TypeError, student.tensor_first, "+", [1.0, 2.0], other)
        expect.raises(TypeError, student.tensor_second, "*", other, [1.0, 2.0])


@test_case(
    name="broadcasting makes no tiled copies",
    points=1,
    hidden=True,
    failure_message=(
        "(n, 1) + (1, n) needs memory for the result only: NumPy repeats elements while it computes, without "
        "storing them."
    ),
)
def no_tiling(student, rng):
    rows, columns = (int(n) for n in rng.integers(300, 500, size=2))
    total, peak = student.peak_bytes("+", rows, columns)
    expect.close(total, 2 * rows * columns)
    expect.between(peak / (4 * rows * columns), 0.9, 1.5, "peak memory in multiples of the result's")
