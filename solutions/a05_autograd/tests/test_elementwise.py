"""Tasks 2, 4 and 5: gradients of elementwise ops and of reductions, against central differences."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "elementwise"
title = "Elementwise ops and reductions"
points = None

_FORMULAS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


def _array(rng, *shape):
    return rng.uniform(0.5, 2.0, size=shape).astype("float32")


def _slopes(fn, arrays, weights):
    """Gradients of (fn(*arrays) * weights).sum() by central differences in float64, one an array."""
    arrays = [np.array(a, dtype="float64") for a in arrays]
    found = []
    for a in arrays:
        slopes = np.zeros(a.shape)
        for index in np.ndindex(a.shape):
            here, ends = a[index], []
            for there in (here + 1e-6, here - 1e-6):
                a[index] = there
                ends.append((fn(*arrays) * weights).sum())
            a[index] = here
            slopes[index] = (ends[0] - ends[1]) / 2e-6
        found.append(slopes)
    return found


def _check(student, rng, op, shapes):
    pairs = [[_array(rng, *left), _array(rng, *right)] for left, right in shapes]
    weights = [rng.normal(size=np.broadcast_shapes(*pair)).astype("float32") for pair in shapes]
    got = student.of_operator(op, pairs, weights)
    for gradients, pair, w in zip(got, pairs, weights, strict=True):
        for gradient, expected in zip(gradients, _slopes(_FORMULAS[op], pair, w), strict=True):
            expect.close(gradient, expected, rtol=1e-3, atol=1e-4)


@test_case(name="sums, differences, products, quotients", points=2)
def arithmetic(student, rng):
    for op in "+-*/":
        _check(student, rng, op, [((3, 4), (3, 4))])


@test_case(name="what broadcasting stretched is summed up", points=2)
def broadcast(student, rng):
    g = rng.normal(size=(2, 3, 4)).astype("float32")
    got = student.summed_up(g, [[2, 3, 4], [4], [3, 1], []])
    expected = [g, g.sum((0, 1)), g.sum((0, 2))[:, None], g.sum()]
    for one, other in zip(got, expected, strict=True):
        expect.close(one, np.asarray(other), atol=1e-5)
    _check(student, rng, "*", [((3, 4), (4,)), ((3, 1), (1, 4))])


@test_case(
    name="any two shapes that broadcast, for every operator",
    points=2,
    hidden=True,
    failure_message=(
        "Two kinds of dimensions are summed: those that the smaller shape lacks on the left, and those where it has a "
        "1. A shape may also be () or hold a 0, or have a 1 where the other has one too."
    ),
)
def any_shapes(student, rng):
    shapes = [
        ((2, 1, 3), (4, 1)),
        ((), (2, 3)),
        ((2, 3), ()),
        ((1, 1), (2, 3)),
        ((0, 3), (1, 3)),
        ((), ()),
        ((2, 1), (2, 1)),
    ]
    for op in _FORMULAS:
        _check(student, rng, op, shapes)


@test_case(name="functions of one element", points=2)
def functions(student, rng):
    formulas = {"exp": np.exp, "log": np.log, "sqrt": np.sqrt, "abs": np.abs}
    for method, formula in formulas.items():
        x, w = _array(rng, 2, 3), rng.normal(size=(2, 3)).astype("float32")
        expect.close(student.of_method(method, x, w), _slopes(formula, [x], w)[0], rtol=1e-3, atol=1e-4)
    x, w = -_array(rng, 5), rng.normal(size=5).astype("float32")
    expect.close(student.of_method("abs", x, w), -w)
    x = rng.permutation(np.float32([-2.0, -0.5, 0.1, 0.4, 3.0]))
    expect.close(student.of_method("clip", x, w, -1.0, 0.5), w * (np.abs(x) < 1))


@test_case(
    name="numbers on either side of an operator, in float32",
    points=1,
    hidden=True,
    failure_message=(
        "A number wants no gradient, and the tensor beside it still does: 2 - t, 2 / t and 2 ** t too. No rule may "
        "compute in float64."
    ),
)
def with_numbers(student, rng):
    for op in ("+", "-", "*", "/", "**"):
        x, w, k = _array(rng, 2, 3), rng.normal(size=(2, 3)).astype("float32"), float(rng.uniform(1, 3))
        right, left = student.of_operator_with_number(op, x, k, w)
        expect.close(right, _slopes(lambda a, op=op, k=k: _FORMULAS[op](a, k), [x], w)[0], rtol=1e-3, atol=1e-4)
        expect.close(left, _slopes(lambda a, op=op, k=k: _FORMULAS[op](k, a), [x], w)[0], rtol=1e-3, atol=1e-4)
    two, left, right = ["float32", "float32"], ["float32", None], [None, "float32"]
    for op, method in zip(("+", "-", "*", "/", "**"), ("sum", "mean", "max", "var", "min"), strict=True):
        found = student.rule_dtypes(op, _array(rng, 2, 3), _array(rng, 3), method)
        expect.equal(found, [two, left, right, ["float32"]])


@test_case(
    name="corners and ties",
    points=2,
    hidden=True,
    failure_message=(
        "abs is flat at 0; clip passes the gradient at its limits; of two equal elements maximum and minimum give "
        "each half of the gradient."
    ),
)
def corners(student, rng):
    w = rng.normal(size=4).astype("float32")
    expect.close(student.of_method("abs", np.zeros(4), w), np.zeros(4))
    low, high = -float(rng.uniform(1, 2)), float(rng.uniform(1, 2))
    x = np.float32([low, high, low - 1, high + 1])
    low, high = float(x[0]), float(x[1])
    expect.close(student.of_method("clip", x, w, low, high), w * [1, 1, 0, 0])
    expect.close(student.of_method("clip", x, w, low), w * [1, 1, 0, 1])
    a, b = np.float32([1, 2, 3, -1]), np.float32([2, 2, 1, -1])
    for op, first in (("maximum", [0, 0.5, 1, 0.5]), ("minimum", [1, 0.5, 0, 0.5])):
        ((left, right),) = student.of_operator(op, [[a, b]], [w])
        expect.close(left, w * first)
        expect.close(right, w * (1 - np.array(first)))


@test_case(
    name="powers, at zero too",
    points=1,
    hidden=True,
    failure_message=(
        "The slope of x ** b is b x ** (b - 1), which is 0 for b = 0 even where x is 0; of a ** x it is a ** x "
        "log(a), taken as 0 where a is 0. None of them is NaN."
    ),
)
def powers(student, rng):
    w = rng.normal(size=3).astype("float32")
    x = np.append(_array(rng, 2), np.float32(0))
    for exponent in (0, 1, 2, 3.0):
        expected = exponent * x.astype("float64") ** max(exponent - 1, 0) * w
        expect.close(student.of_power(x, exponent, w), expected, rtol=1e-4)
    expect.close(student.of_power(-x, 2, w), -2 * x * w, rtol=1e-4)
    b = np.float32([2.0, 0.5, 3.0])
    to_base, to_exponent = student.of_powers(x, b, w)
    a = x[:2].astype("float64")
    expect.close(to_base, np.append(b[:2] * a ** (b[:2] - 1), 0) * w, rtol=1e-4)
    expect.close(to_exponent, np.append(a ** b[:2] * np.log(a), 0) * w, rtol=1e-4)
    to_base, to_exponent = student.of_powers(np.zeros(2), np.float32([0.0, 1.0]), w[:2])
    expect.close(to_base, np.float32([0, w[1]]))
    expect.close(to_exponent, np.zeros(2))


@test_case(name="sums and means over one dim or all", points=2)
def sums(student, rng):
    x = _array(rng, 3, 4)
    for method, share in (("sum", [1, 1, 1]), ("mean", [1 / 3, 1 / 4, 1 / 12])):
        for dim, shape, part in ((0, (1, 4), share[0]), (1, (3, 1), share[1]), (None, (1, 1), share[2])):
            w = rng.normal(size=shape).astype("float32")
            expected = np.broadcast_to(w, x.shape) * part
            expect.close(student.of_method(method, x, w, dim, True), expected)
            flat = w.reshape([n for n in shape if n > 1])
            expect.close(student.of_method(method, x, flat, dim), expected)


@test_case(
    name="reductions over several dims, negative ones, and of 0 or 1 elements",
    points=2,
    hidden=True,
    failure_message="dim may be a tuple, and count from the end; var divides by n - 1, or by n - correction.",
)
def reductions(student, rng):
    x = _array(rng, 2, 3, 4)
    for method in ("sum", "mean", "var", "max", "min"):
        formula = getattr(np, method)
        for dim, keep in (((0, 2), False), (-1, False), ((0, -2), True), (1, False)):
            more = {"ddof": 1} if method == "var" else {}

            def fn(a, formula=formula, dim=dim, keep=keep, more=more):
                return formula(a, axis=dim, keepdims=keep, **more)

            w = rng.normal(size=fn(x).shape).astype("float32")
            expect.close(student.of_method(method, x, w, dim, keep), _slopes(fn, [x], w)[0], rtol=1e-3, atol=1e-4)
    w = np.float32(rng.normal())
    expect.close(student.of_method("var", x, w, correction=0), 2 * (x - x.mean()) / x.size * w, rtol=1e-4)
    expect.close(student.of_method("sum", np.ones((0, 3)), np.ones(3), 0), np.ones((0, 3)))
    expect.close(student.of_method("sum", np.ones((2, 0)), np.ones(2), 1), np.ones((2, 0)))
    expect.close(student.of_method("mean", np.ones((2, 0)), np.ones(0), 0), np.ones((2, 0)))
    expect.close(student.of_method("mean", np.float32(3), w), np.asarray(w))


@test_case(
    name="equal largest elements share the gradient",
    points=1,
    hidden=True,
    failure_message=(
        "Where several elements are the maximum, moving one of them does not move it down. Give each an equal share."
    ),
)
def ties(student, rng):
    k = float(rng.uniform(1, 2))
    x = np.float32([[k, 0, k, -1], [1, 2, 3, 4]])
    w = rng.normal(size=2).astype("float32")
    expected = np.float32([[w[0] / 2, 0, w[0] / 2, 0], [0, 0, 0, w[1]]])
    expect.close(student.of_method("max", x, w, 1), expected)
    expect.close(student.of_method("min", -x, w, 1), expected)
    expect.close(student.of_method("max", np.full((2, 3), k), w[0]), np.full((2, 3), w[0] / 6))
