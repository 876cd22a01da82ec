"""Task 3: how long a graph lives, and how deep it may be."""

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
