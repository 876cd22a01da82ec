"""Task 1: parameters end to end in one array, the arrays that an optimizer remembers, and reading gradients."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "memory"
title = "Memory"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@test_case(name="arrays end to end, and their shapes again", points=2)
def end_to_end(student, rng):
    arrays = _arrays(rng, (2, int(rng.integers(2, 6))), (4,), (int(rng.integers(1, 4)), 3, 2))
    flat, views = student.flattened(arrays)
    expect.dtype(flat, "float32")
    expect.equal(flat, np.concatenate([a.reshape(-1) for a in arrays]))
    expect.equal(views, arrays)


@test_case(name="the flat array and its views are the same memory", points=2)
def same_memory(student, rng):
    arrays = _arrays(rng, (2, 3), (4,))
    values, news = rng.normal(size=10).astype("float32"), _arrays(rng, (2, 3), (4,))
    seen, flat = student.written_through(arrays, values, news)
    expect.equal(seen, [values[:6].reshape(2, 3), values[6:]])
    expect.equal(flat, np.concatenate([a.reshape(-1) for a in news]))


@test_case(name="state starts at the values that are asked for", points=1)
def starting_values(student, rng):
    flat, value = rng.normal(size=5).astype("float32"), float(rng.integers(1, 9))
    state = student.started(flat, {"mean": 0.0, "sum": value})
    expect.equal(state, {"mean": np.zeros(5), "sum": np.full(5, value)})
    expect.dtype(state["sum"], "float32")


@test_case(name="a gradient may be an ndarray, a tensor or missing", points=1)
def kinds_of_gradient(student, rng):
    starts, gradients = _arrays(rng, (2, 3), (4,), ()), _arrays(rng, (2, 3), (4,))
    for got in student.gradients_read(starts, [*gradients, None]):
        expect.equal(got, [*gradients, None])
