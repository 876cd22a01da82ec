"""Task 3: how long a graph lives, and how deep it may be."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "graph"
title = "Life of a graph"
points = None


@test_case(name="a second backward is an error that names the remedy", points=1)
def second(student, rng):
    x = rng.normal(size=3).astype("float32")
    expect.raises(RuntimeError, student.backward_again, x, False, 2, mentions=["retain_graph=True"])
    expect.close(student.backward_again(x, False, 1), 2 * x)


@test_case(name="a retained graph can be walked again", points=1)
def retained(student, rng):
    x, times = rng.normal(size=3).astype("float32"), int(rng.integers(2, 5))
    expect.close(student.backward_again(x, True, times), 2 * x * times)


@test_case(
    name="an error on the way leaves every grad as it was",
    points=2,
    hidden=True,
    failure_message=(
        "Part of the graph was freed by an earlier backward. Give the tensors their gradients when the walk is over, "
        "not during it."
    ),
)
def undisturbed(student, rng):
    x = rng.normal(size=3).astype("float32")
    message, before, after = student.backward_into_a_freed_part(x)
    expect.true(isinstance(message, str) and "retain_graph" in message, "a RuntimeError that mentions retain_graph")
    expect.close(before, [2 * x, 2 * x])
    expect.close(after, before)


@test_case(
    name="ten thousand ops in a row",
    points=3,
    hidden=True,
    failure_message="Python stops a recursion after 1,000 calls. The walk is a loop over nodes.",
)
def deep(student, rng):
    x, length = rng.normal(size=2), int(rng.integers(10_000, 10_500))
    expect.close(student.chain(x, length, "+"), np.full(2, length + 1.0))
    expect.close(student.chain(x, length, "-"), np.full(2, (-1.0) ** length))
    slope = 1.0
    for i in range(length):
        slope = slope + 1 if i % 2 else -slope
    expect.close(student.chain(x, length, "mixed"), np.full(2, slope))


@test_case(
    name="backward lets go of what the graph held",
    points=2,
    hidden=True,
    failure_message=(
        "Nodes hold the intermediate results. After a backward without retain_graph nobody needs them: _free."
    ),
)
def freed(student, rng):
    x = rng.normal(size=3).astype("float32")
    states, gradient = student.alive(x)
    expect.equal(states, [[True, True], [True, True], [False, False]])
    expect.close(gradient, 2 * (3 * x**2 + 2 * x), rtol=1e-4, atol=1e-5)
