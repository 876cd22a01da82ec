"""Task 3: backward and grad: what reaches which tensor, in which order, and whose memory it is."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "walk"
title = "Backward"
points = None


def _array(rng, *shape):
    return rng.uniform(0.5, 2.0, size=shape).astype("float32")


@test_case(name="two leaves, each with its gradient", points=1)
def two_leaves(student, rng):
    x, y = _array(rng, 3), _array(rng, 3)
    expect.close(student.polynomial(x, y), [y + 1, x])


@test_case(name="gradients add up, over uses and over calls", points=2)
def adding_up(student, rng):
    x, times = _array(rng, 4), int(rng.integers(2, 5))
    once, then = student.used_and_called_again(x, times)
    expect.close(once, 2 * x)
    expect.close(then, 2 * x + 3 * times)


@test_case(name="backward from a given gradient", points=1)
def given_gradient(student, rng):
    x, g = _array(rng, 2, 3), _array(rng, 2, 3)
    expect.close(student.started_from(x, g, False), 2 * x * g)
    expect.close(student.started_from(x, g, True), 2 * x * g)


@test_case(name="backward needs a number, a gradient of the right shape, and something recorded", points=1)
def misuse(student, rng):
    n = int(rng.integers(4, 9))
    x = _array(rng, n)
    expect.raises(ValueError, student.backward_with, x, mentions=[f"({n},)"])
    expect.raises(ValueError, student.backward_with, x, np.ones((2, n)), mentions=[f"({n},)", f"(2, {n})"])
    expect.raises(ValueError, student.backward_with, x, 1.0, mentions=[f"({n},)"])
    expect.raises(RuntimeError, student.backward_of_a_constant, x, mentions=["does not require"])
    single = _array(rng, 1, 1)
    expect.close(student.backward_with(single), np.full((1, 1), 2.0))


@test_case(name="leaves get a gradient, constants and results do not", points=1)
def leaves(student, rng):
    x = _array(rng, 3)
    leaf, *others = student.who_has_a_gradient(x)
    expect.close(leaf, x)
    expect.equal(others, [None, None, None])


@test_case(name="gradients of chosen tensors, leaves or not", points=1)
def chosen(student, rng):
    x, y = _array(rng, 3), _array(rng, 3)
    found, left = student.chosen(x, y)
    expect.true(isinstance(found, list) and len(found) == 2, "one gradient for each of the two tensors asked for")
    expect.close(found[0], 2 * x * x * y)
    expect.close(found[1], 2 * x * y)
    expect.equal(left, [None, None, None])
