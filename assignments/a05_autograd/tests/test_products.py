"""Task 6: gradients of matrix products and of the linear layer, against the products that they are."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "products"
title = "Matrix products"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


@test_case(name="the product of two matrices", points=2)
def matrices(student, rng):
    a, b, w = _array(rng, 3, 4), _array(rng, 4, 2), _array(rng, 3, 2)
    ((to_a, to_b),) = student.of_operator("@", [[a, b]], [w])
    expect.close(to_a, w @ b.T, atol=1e-5)
    expect.close(to_b, a.T @ w, atol=1e-5)


@test_case(name="the linear layer", points=2)
def linear(student, rng):
    x, w, b, g = _array(rng, 5, 3), _array(rng, 3, 2), _array(rng, 2), _array(rng, 5, 2)
    got = student.of_linear([x, w, b], g)
    for gradient, expected in zip(got, (g @ w.T, x.T @ g, g.sum(0)), strict=True):
        expect.close(gradient, expected, atol=1e-5)
