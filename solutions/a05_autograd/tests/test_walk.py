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


@test_case(
    name="a node is visited once, however many paths lead to it",
    points=1,
    hidden=True,
    failure_message=(
        "h = h + h, forty times: 2**40 paths, but only as many nodes as ops. Collect a node's gradient first, then "
        "visit it."
    ),
)
def one_visit(student, rng):
    x, depth = rng.normal(size=2), int(rng.integers(30, 40))
    ran, _ = student.doubled(x, depth)
    expect.equal(ran, 1)


@test_case(
    name="every path brings its gradient",
    points=1,
    hidden=True,
    failure_message="h + h uses h twice: both gradients count. Add what arrives for a node to what is there already.",
)
def every_path(student, rng):
    x, depth = rng.normal(size=2), int(rng.integers(5, 9))
    _, gradient = student.doubled(x, depth)
    expect.close(gradient, np.full(2, 2.0 ** (depth + 1)), rtol=1e-9)


@test_case(
    name="a node waits for all that used its output",
    points=1,
    hidden=True,
    failure_message=(
        "A tensor may be used by the next op and again many ops later. Only the order of the numbers, from the "
        "largest to the smallest, makes sure that all its gradients are in when its turn comes."
    ),
)
def waiting(student, rng):
    for long in (0, 1, int(rng.integers(2, 5))):
        x, y = _array(rng, 3).astype("float64"), _array(rng, 3).astype("float64")
        # (h * h y^long + h) with h = x y is x² y^(2 + long) + x y
        expected = [2 * x * y ** (2 + long) + y, (2 + long) * x**2 * y ** (1 + long) + x]
        expect.close(student.uneven(x, y, long), expected, rtol=1e-4)
    expect.close(student.meeting(_array(rng, 3), _array(rng, 3)), [np.full(3, 3.0), np.ones(3)])


@test_case(
    name="a gradient lies in memory of its own",
    points=2,
    hidden=True,
    failure_message=(
        "After (a + b).backward(g) someone writes into a.grad, or into g. Neither b.grad nor anything else may "
        "change: an array that others hold too has to be copied before it becomes a grad."
    ),
)
def own_memory(student, rng):
    x, value = _array(rng, 3), float(rng.uniform(5, 9))
    before, after = student.written_into(x, value)
    expect.close(before, np.ones((3, 3)))
    expect.close(after, np.ones((2, 3)))
    expect.close(student.gradients_of_a_sum(x), [np.ones(3), np.ones(3), np.ones(3), np.full(3, 2.0)])


@test_case(name="leaves get a gradient, constants and results do not", points=1)
def leaves(student, rng):
    x = _array(rng, 3)
    leaf, *others = student.who_has_a_gradient(x)
    expect.close(leaf, x)
    expect.equal(others, [None, None, None])


@test_case(
    name="a result keeps its gradient on request",
    points=1,
    hidden=True,
    failure_message=(
        "retain_grad(h) puts h into _retained; backward has to fill its grad, with all that flows through it."
    ),
)
def retain(student, rng):
    x = _array(rng, 3)
    leaf, hidden, other = student.retained(x)
    expect.close(leaf, 72 * x)
    expect.close(hidden, 36 * x)
    expect.equal(other, None)


@test_case(
    name="a gradient has the dtype of its tensor, all the way back",
    points=1,
    hidden=True,
    failure_message=(
        "Where float32 meets float64 the gradient of the float32 side has to come back to float32 (_fitting)."
    ),
)
def dtypes(student, rng):
    expect.equal(student.gradient_dtypes(_array(rng, 3)), ["float32", "float64", "float32", "float32"])


@test_case(
    name="a rule that returns a wrong shape is named, one that returns too little noticed",
    points=1,
    hidden=True,
    failure_message="Pass a gradient whose shape is not that of the input to _fitting: its error names the op.",
)
def wrong_shape(student, rng):
    n = int(rng.integers(4, 9))
    for count, shape in ((0, "()"), (3, "(3,)")):
        mentions = ["lossy", shape, f"({n},)"]
        expect.raises(RuntimeError, student.wrong_shape, _array(rng, n), count, mentions=mentions)
    expect.raises(ValueError, student.too_few, _array(rng, n))


@test_case(name="gradients of chosen tensors, leaves or not", points=1)
def chosen(student, rng):
    x, y = _array(rng, 3), _array(rng, 3)
    found, left = student.chosen(x, y)
    expect.true(isinstance(found, list) and len(found) == 2, "one gradient for each of the two tensors asked for")
    expect.close(found[0], 2 * x * x * y)
    expect.close(found[1], 2 * x * y)
    expect.equal(left, [None, None, None])


@test_case(
    name="grad from a given gradient, again, and of what was not used",
    points=1,
    hidden=True,
    failure_message=(
        "grad takes grad_output and retain_graph as backward does. An input that requires no gradient, or that the "
        "output does not depend on, is a RuntimeError that names it by its number; allow_unused=True gives None."
    ),
)
def chosen_carefully(student, rng):
    x, g = _array(rng, 3), _array(rng, 3)
    expect.close(student.chosen_from(x, g, True), 2 * x * g)
    expect.raises(RuntimeError, student.chosen_from, x, g, False, mentions=["retain_graph"])
    expect.raises(ValueError, student.chosen_from, x, None, True, mentions=["(3,)"])
    expect.raises(RuntimeError, student.chosen_badly, x, "unused", False, mentions=["input 1"])
    for allowed in (False, True):
        expect.raises(RuntimeError, student.chosen_badly, x, "constant", allowed, mentions=["input 1"])
    unused, used = student.chosen_unused(x)
    expect.equal(unused, None)
    expect.close(used, 2 * x)
