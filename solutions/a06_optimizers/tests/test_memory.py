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


@test_case(
    name="shape (), size 0, another order in memory, float64",
    points=1,
    hidden=True,
    failure_message=(
        "A view is a slice of size a.size, reshaped to a.shape; fill it by value, whatever the array's layout."
    ),
)
def odd_arrays(student, rng):
    arrays = [*_arrays(rng, (), (0, 3), (3,)), np.asfortranarray(rng.normal(size=(3, 4)).astype("float32"))]
    flat, views = student.flattened(arrays)
    expect.equal(flat, np.concatenate([a.reshape(-1) for a in arrays]))
    expect.equal(views, arrays)
    wide = rng.normal(size=(2, 2))
    flat, _ = student.flattened([wide])
    expect.dtype(flat, "float64")
    expect.equal(flat, wide.reshape(-1))


@test_case(name="state starts at the values that are asked for", points=1)
def starting_values(student, rng):
    flat, value = rng.normal(size=5).astype("float32"), float(rng.integers(1, 9))
    state = student.started(flat, {"mean": 0.0, "sum": value})
    expect.equal(state, {"mean": np.zeros(5), "sum": np.full(5, value)})
    expect.dtype(state["sum"], "float32")


@test_case(
    name="each array of the state has memory of its own",
    points=2,
    hidden=True,
    failure_message="Writing into one array of the state must change neither the others nor the parameters.",
)
def own_memory(student, rng):
    flat, value = rng.normal(size=5).astype("float32"), float(rng.integers(1, 9))
    state, after = student.started_and_written(flat, {"first": 0.0, "second": 0.0}, "first", value)
    expect.equal(state, {"first": np.full(5, value), "second": np.zeros(5)})
    expect.equal(after, flat)


@test_case(name="a gradient may be an ndarray, a tensor or missing", points=1)
def kinds_of_gradient(student, rng):
    starts, gradients = _arrays(rng, (2, 3), (4,), ()), _arrays(rng, (2, 3), (4,))
    for got in student.gradients_read(starts, [*gradients, None]):
        expect.equal(got, [*gradients, None])


@test_case(
    name="a gradient is not copied, and one of another shape is refused",
    points=1,
    hidden=True,
    failure_message=(
        "gradient_of returns the very array; if its shape is not the parameter's, the ValueError names both."
    ),
)
def gradient_itself(student, rng):
    (start,) = _arrays(rng, (2, 3))
    value = float(rng.integers(2, 9))
    expect.equal(student.gradient_written(start, start, value), np.full((2, 3), value))
    wrong = np.ones((3, 2), "float32")
    expect.raises(ValueError, student.gradients_read, [start], [wrong], mentions=["(3, 2)", "(2, 3)"])


@test_case(
    name="data that was replaced is taken back",
    points=1,
    hidden=True,
    failure_message=(
        "After p.data = something, the next step starts from there: flatten has to give views that can be filled."
    ),
)
def replaced(student, rng):
    starts, gradients = _arrays(rng, (2,), (2, 2), (3,)), _arrays(rng, (2,), (2, 2), (3,))
    (fresh,) = _arrays(rng, (2, 2))
    got = student.data_replaced(starts, fresh, gradients, 0.5)
    for actual, begin, g in zip(got, [starts[0], fresh, starts[2]], gradients, strict=True):
        expect.close(actual, begin - g)
