"""Tasks 5 and 6: a kernel behind an op that exists, a fair comparison of the two, and a compiler that may be missing."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "kernels"
title = "Behind the op"
points = None

A = np.sqrt(2 / np.pi)
B = 0.044715 * A
BLOCK = 16_384


def _gelu(x):
    return 0.5 * x * (1 + np.tanh(A * x + B * x**3))


def _gelu_slope(x):
    t = np.tanh(A * x + B * x**3)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (A + 3 * B * x * x)


@test_case(name="where the kernel applies", points=2)
def where(student, rng):
    more = BLOCK + int(rng.integers(1, 1000))
    table = {
        (BLOCK, "float32", "tanh"): True,
        (more, "float64", "tanh"): True,
        (BLOCK - 1, "float32", "tanh"): False,
        (10, "float32", "tanh"): False,
        (more, "float32", "none"): False,
        (more, "float16", "tanh"): False,
        (more, "int64", "tanh"): False,
    }
    cases = [list(table)[i] for i in rng.permutation(len(table))]
    expect.equal(student.applies([list(case) for case in cases]), [table[case] for case in cases])


@test_case(name="the kernel runs where it applies and kernels are on", points=2)
def runs(student, rng):
    large, small = rng.normal(size=(170, 100)).astype("f4"), rng.normal(size=(17, 10)).astype("f4")
    answers = student.gelus([large, small], "tanh")
    expect.equal([seen for seen, _, _ in answers], [["gelu_fused"], ["gelu"], ["gelu"], ["gelu"]])
    for (_, out, gradient), x in zip(answers, (large, large, small, small), strict=True):
        expect.close(out, _gelu(x.astype("f8")), rtol=1e-5, atol=1e-6)
        expect.close(gradient, 2 * x * _gelu_slope(x.astype("f8")), rtol=1e-4, atol=1e-5)


@test_case(name="the switch stands as before, whatever happens inside", points=1)
def switch(student, rng):
    for before in (True, False):
        changes = [bool(on) for on in rng.integers(0, 2, size=3)]
        states = student.switched(before, changes)
        # On the way in, then in each block after the one inside it has failed, and at the very end.
        expect.equal(states, [*changes, *reversed(changes), before])


@test_case(name="GELU of one number", points=1)
def scalar(student, rng):
    numbers = [0.0, *rng.normal(size=8).tolist(), 20.0, -20.0]
    expect.close(student.scalar_gelu(numbers), _gelu(np.array(numbers)), rtol=1e-6, atol=1e-9)


@test_case(name="without numba the fall-back runs, and says so", points=1)
def fallback(student, rng):
    x = rng.normal(size=5).astype("f4")
    out, told, at_the_top = student.without_numba(x, True)
    expect.close(out, x * x, rtol=1e-6)
    expect.equal([kind for kind, _ in told], ["RuntimeWarning"])
    for word in ("numba", "_square_array", "_square_number"):
        expect.true(word in told[0][1], f"the warning names {word}")
    expect.equal(at_the_top, False)
