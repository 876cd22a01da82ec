"""Task 1: gradients by central differences, and the check that compares them with those of backward."""

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


@test_case(name="gradcheck accepts a right gradient and names the place of a wrong one", points=2)
def check(student, rng):
    x = rng.normal(size=(3, 4)).astype("float32")
    place = _place(rng, x.shape)
    right, wrong = student.checked_scaled(x, place, [1.0, float(rng.uniform(1.5, 2.5))])
    expect.equal(right, True)
    expect.true(isinstance(wrong, str) and str(place) in wrong, f"an error that names the index {place}")
    expect.true("3 of 12" not in wrong and "1 of 12" in wrong, "an error about 1 of 12 elements")
