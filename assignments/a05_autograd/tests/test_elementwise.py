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
