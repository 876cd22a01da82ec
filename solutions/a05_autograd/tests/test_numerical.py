"""Task 1: gradients by central differences, and the check that compares them with those of backward."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "numerical"
title = "Numerical gradients and gradcheck"
points = None


def _place(rng, shape):
    return [int(rng.integers(n)) for n in shape]


@test_case(name="central differences of a product", points=2)
def differences(student, rng):
    x, y = rng.normal(size=(2, 3)), rng.normal(size=3)
    got = student.numerical(x, y, 1.0, 1e-5)
    expect.true(isinstance(got, list) and len(got) == 2, "one gradient for each of the two inputs")
    expect.close(got[0], 3 * x**2 * y, rtol=1e-6, atol=1e-7)
    expect.close(got[1], (x**3).sum(0), rtol=1e-6, atol=1e-7)


@test_case(
    name="weights, both sides of a point, and inputs left as they were",
    points=2,
    hidden=True,
    failure_message=(
        "A central difference of x³ with step h is 3x² + h², a one-sided one is not. Put the old number back. "
        "Integers and plain numbers have no gradient: None."
    ),
)
def central(student, rng):
    x, y, h = rng.normal(size=(2, 3)), rng.normal(size=3), float(rng.uniform(0.1, 0.5))
    w = rng.normal(size=(2, 3))
    got = student.numerical(x, y, w, h)
    expect.close(got[0], (3 * x**2 + h * h) * y * w, rtol=1e-8, atol=1e-8)
    expect.close(got[1], (x**3 * w).sum(0), rtol=1e-8, atol=1e-8)
    numbers = rng.integers(1, 9, size=(2, 3))
    found, left, right = student.numerical_and_what_is_left(x, numbers)
    expect.close(found[0], 2.0 * numbers, atol=1e-6)
    expect.equal(found[1:], [None, None])
    expect.equal(left, x)
    expect.equal(right, numbers)


@test_case(name="gradcheck accepts a right gradient and names the place of a wrong one", points=2)
def check(student, rng):
    x = rng.normal(size=(3, 4)).astype("float32")
    place = _place(rng, x.shape)
    right, wrong = student.checked_scaled(x, place, [1.0, float(rng.uniform(1.5, 2.5))])
    expect.equal(right, True)
    expect.true(isinstance(wrong, str) and str(place) in wrong, f"an error that names the index {place}")
    expect.true("3 of 12" not in wrong and "1 of 12" in wrong, "an error about 1 of 12 elements")


@test_case(
    name="gradcheck looks at every input that requires a gradient, and at no other",
    points=2,
    hidden=True,
    failure_message=(
        "The wrong gradient may be that of the second input. An input that is not used has gradient 0. With "
        "raise_exception=False the answer is False."
    ),
)
def check_inputs(student, rng):
    x, y = rng.uniform(1, 2, size=(2, 4)).astype("float32"), rng.uniform(1, 2, size=(2, 4)).astype("float32")
    place = _place(rng, x.shape)
    raised, first_alone, unused, quiet = student.checked_second_input(x, y, place, 1.1)
    expect.true(isinstance(raised, str) and "input 1" in raised and str(place) in raised, f"an error: input 1, {place}")
    expect.equal([first_alone, unused, quiet], [True, True, False])


@test_case(
    name="gradcheck is strict, works in float64 and does not spoil its inputs",
    points=2,
    hidden=True,
    failure_message=(
        "A difference of 0.2 % is too much for rtol=1e-3, of 0.05 % it is not. A function with a random result, or "
        "with none that depends on the input through recorded ops, cannot pass. The inputs and their grad stay "
        "untouched."
    ),
)
def check_oddities(student, rng):
    x = rng.uniform(1, 2, size=5).astype("float32")
    same, told, data, dtype, grad = student.checked_oddities(x)
    expect.equal([same, dtype, grad], [True, "float32", None])
    expect.equal(data, x)
    kinds = ["ValueError", "GradcheckError", "GradcheckError", "ValueError"]
    expect.equal([text.partition(":")[0] if isinstance(text, str) else text for text in told], kinds)
    x = rng.uniform(1, 2, size=(2, 2)).astype("float32")
    outcomes = student.checked_scaled(x, [0, 1], [1.002, 1.0005])
    expect.true(isinstance(outcomes[0], str), "a gradient that is 0.2 % too large is refused")
    expect.equal(outcomes[1], True)
    steps = student.checked_steps(x)
    expect.dtype(steps, "float64")
    expect.close(np.abs(steps - x).max(0), np.full(x.shape, 0.25), atol=1e-6)
