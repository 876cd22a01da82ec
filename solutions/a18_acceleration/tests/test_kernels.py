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


@test_case(
    name="the other form of GELU is left alone",
    points=2,
    hidden=True,
    failure_message=(
        'With approximate="none" the op computes the exact form, which differs by up to 0.0005. A kernel may stand in'
        " only where it gives the same numbers."
    ),
)
def other_form(student, rng):
    x = rng.normal(size=(2, 10_000)).astype("f4")
    (seen, out, gradient), (_, clear, clear_gradient) = student.gelus([x], "none")
    expect.equal(seen, ["gelu"])
    expect.equal(out, clear)
    expect.equal(gradient, clear_gradient)


@test_case(name="the switch stands as before, whatever happens inside", points=1)
def switch(student, rng):
    for before in (True, False):
        changes = [bool(on) for on in rng.integers(0, 2, size=3)]
        states = student.switched(before, changes)
        # On the way in, then in each block after the one inside it has failed, and at the very end.
        expect.equal(states, [*changes, *reversed(changes), before])


@test_case(
    name="the comparison finds differences, forward and backward, and which is slower",
    points=2,
    hidden=True,
    failure_message=(
        "Run the op once with kernels on and once with kernels off, and compare outputs and gradients each. speedup is"
        " the clear form's time by the kernel's: below 1 for a kernel that is slower."
    ),
)
def comparison(student, rng):
    x = rng.normal(size=3000).astype("f4")
    one, two = (float(off) for off in rng.uniform(0.1, 0.4, size=2))
    # On a busy machine the clear form may be the one that had to wait, but hardly three times.
    speedups = []
    for _ in range(3):
        label, error, gradient_error, speedup, same = student.compared(x, one, -two, 40)
        expect.equal(label, "strange")
        expect.close([error, gradient_error], [one, two], rtol=1e-3, atol=1e-4)
        expect.equal(same, True)
        expect.between(speedup, 0, float("inf"), "the speed-up")
        speedups.append(float(speedup))
    expect.between(min(speedups), 0, 0.5, "the speed-up of a kernel that computes everything forty times")
    label, error, gradient_error, *_ = student.compared(x, -one, 0.0, 1)
    expect.close([error, gradient_error], [one, 0], rtol=1e-3, atol=1e-5)


@test_case(
    name="the comparison of the fused GELU, and of arrays that it does not take",
    points=1,
    hidden=True,
    failure_message="Ask kernel.when(*arrays, **attributes) first: a comparison of the op with itself says nothing.",
)
def own(student, rng):
    error, gradient_error, known = student.own_kernel(rng.normal(size=20_000).astype("f4"))
    expect.between(error, 0, 1e-5, "the largest difference of outputs")
    expect.between(gradient_error, 0, 1e-4, "the largest difference of gradients")
    expect.equal(known, 1)
    expect.raises(ValueError, student.own_kernel, np.zeros(10, "f4"), mentions=["gelu_fused"])
    expect.raises(ValueError, student.compared, np.zeros(9, "f4"), 0.0, 0.0, 1, form="none", mentions=["strange"])


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


@test_case(
    name="without numba and without a fall-back it is an error that says so",
    points=1,
    hidden=True,
    failure_message="An ImportError of your own, which names numba and the function that could not be compiled.",
)
def no_fallback(student, rng):
    x = rng.normal(size=5).astype("f4")
    expect.raises(ImportError, student.without_numba, x, False, mentions=["numba is not installed", "_square_number"])


@test_case(
    name="where numba is, it compiles the function",
    points=1,
    hidden=True,
    failure_message=(
        "With numba there, jit returns what numba makes of the function, whether a fall-back is given or not, and warns"
        " of nothing. Try it with numba installed, or with a module of that name in sys.modules."
    ),
)
def compiled(student, rng):
    for dtype, with_fallback in (("f4", True), ("f8", False)):
        x = rng.normal(size=5).astype(dtype)
        out, names, warned = student.with_numba(x, with_fallback)
        expect.equal(names, ["_square_number"])
        expect.close(out, x * x, rtol=1e-6)
        expect.dtype(out, dtype)
        expect.equal(warned, 0)
