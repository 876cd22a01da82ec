"""Task 5: state out as named arrays, state in by copying."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "state"
title = "State"
points = None


@test_case(name="state_dict names every parameter", points=2)
def names(student, rng):
    n, hidden, classes = (int(i) for i in rng.choice(np.arange(2, 30), size=3, replace=False))
    expected = {
        "scale": (n,),
        "block.first.weight": (n, hidden),
        "block.first.bias": (hidden,),
        "block.second.weight": (hidden, n),
        "head.weight": (n, classes),
        "head.bias": (classes,),
    }
    expect.equal(student.state(n, hidden, classes), expected)


@test_case(name="state carries a network over into another", points=3)
def round_trip(student, rng):
    n, hidden, classes = (int(i) for i in rng.choice(np.arange(2, 7), size=3, replace=False))
    sizes = [n, n * hidden, hidden, hidden * n, n * classes, classes]
    numbers = rng.normal(size=sum(sizes)).astype("float32")
    scale, w1, b1, w2, w3, b3 = np.split(numbers, np.cumsum(sizes)[:-1])
    expected = {
        "scale": scale,
        "block.first.weight": w1.reshape(n, hidden),
        "block.first.bias": b1,
        "block.second.weight": w2.reshape(hidden, n),
        "head.weight": w3.reshape(n, classes),
        "head.bias": b3,
    }
    expect.equal(student.carried_over(n, hidden, classes, numbers), expected)


@test_case(
    name="loading copies into the arrays that are there",
    points=3,
    hidden=True,
    failure_message=(
        "An optimizer holds a parameter's array: loading has to write into it. And the module must not share memory "
        "with what was loaded."
    ),
)
def in_place(student, rng):
    numbers, later = rng.normal(size=int(rng.integers(3, 9))), float(rng.uniform(5, 9))
    held, after, dtype = student.seen_after_loading(len(numbers), numbers.astype("float32"), later)
    expect.equal(held, numbers.astype("float32"))
    expect.equal(after, numbers.astype("float32"))
    held, after, dtype = student.seen_after_loading(len(numbers), numbers, later)
    expect.equal(after, numbers.astype("float32"))
    expect.equal(dtype, "float32")
    for kind in ("tensor", "list"):
        expect.close(student.loaded_from(kind, numbers), numbers)


@test_case(
    name="state_dict holds the arrays themselves",
    points=1,
    hidden=True,
    failure_message="As in PyTorch the arrays are not copied: training goes on changing them.",
)
def not_copied(student, rng):
    n, value = int(rng.integers(2, 9)), float(rng.integers(2, 9))
    expect.equal(student.state_sees_training(n, value), np.full(n, value, "float32"))


@test_case(
    name="every problem is named",
    points=1,
    hidden=True,
    failure_message="One ValueError names all missing keys, all unexpected keys and both shapes where they differ.",
)
def problems(student, rng):
    n = int(rng.integers(3, 9))
    good, wide = np.zeros(n, "float32"), np.zeros((n + 1, 2), "float32")
    fitting = {"0.gain": good, "1.gain": good}
    expect.raises(ValueError, student.load, {"0.gain": good}, n, mentions=["1.gain"])
    expect.raises(ValueError, student.load, {**fitting, "x": good}, n, mentions=["'x'"])
    shapes = [f"({n},)", f"({n + 1}, 2)"]
    expect.raises(ValueError, student.load, {**fitting, "1.gain": wide}, n, mentions=["1.gain", *shapes])
    expect.raises(ValueError, student.load, {**fitting, "1.gain": good[:1]}, n, mentions=["(1,)", f"({n},)"])
    everything = {"0.gain": wide, "y": good, "x": good}
    expect.raises(ValueError, student.load, everything, n, mentions=["0.gain", "1.gain", "'x'", "'y'", *shapes])


@test_case(
    name="a refused load changes nothing",
    points=1,
    hidden=True,
    failure_message="Until everything is known to fit, nothing may be written into the module.",
)
def refused(student, rng):
    n, value = int(rng.integers(3, 9)), float(rng.uniform(2, 9))
    good, wide = np.zeros(n, "float32"), np.zeros((n + 1, 2), "float32")
    for second in ({}, {"1.gain": wide}):
        got = student.numbers_after_a_failed_load({"0.gain": good, **second}, n, value)
        expect.equal(got, [np.full(n, value, "float32")] * 2)


@test_case(
    name="strict=False loads what fits and tells the rest",
    points=1,
    hidden=True,
    failure_message="It returns missing_keys and unexpected_keys. A shape that differs is an error even then.",
)
def not_strict(student, rng):
    n = int(rng.integers(3, 9))
    numbers = rng.normal(size=n).astype("float32")
    expect.equal(
        student.load({"1.gain": numbers, "x": numbers}, n, False), [["0.gain"], ["x"], np.ones(n, "float32"), numbers]
    )
    expect.equal(student.load({"0.gain": numbers, "1.gain": -numbers}, n), [[], [], numbers, -numbers])
    expect.raises(ValueError, student.load, {"0.gain": numbers[1:]}, n, False, mentions=[f"({n - 1},)"])


@test_case(
    name="buffers belong to the state",
    points=1,
    hidden=True,
    failure_message=(
        "Registered buffers, Tensor or ndarray, are saved and loaded with the parameters. Whatever the attribute holds "
        "now is what counts."
    ),
)
def buffers(student, rng):
    n = int(rng.integers(2, 9))
    numbers = rng.normal(size=n).astype("float32")
    _, mean, count, dtype = student.buffers(n, numbers)
    expect.equal(mean, numbers)
    expect.equal(count, np.array([n]))
    expect.equal(dtype, "int64")
    expect.equal(student.nested_buffers(n, numbers), [numbers, ["1.mean", "1.mask", "1.count"]])


@test_case(
    name="buffers that are not persistent stay out",
    points=1,
    hidden=True,
    failure_message="A module's parameters, its buffers that are persistent and not None, then what is inside it.",
)
def kept_out(student, rng):
    n = int(rng.integers(2, 9))
    names = student.buffers(n, np.zeros(n))[0]
    expect.equal(names, [["weight", (n, 2)], ["mean", (n,)], ["count", (1,)], ["inner.gain", (n,)]])


@test_case(
    name="what is shared is saved under all its names",
    points=1,
    hidden=True,
    failure_message=(
        "parameters() gives a shared tensor once, state_dict() under every name, so that either network can load it."
    ),
)
def shared(student, rng):
    names = [f"{layer}.{part}" for layer in ("first", "again", "other") for part in ("weight", "bias")]
    expect.equal(student.state_of_tied(int(rng.integers(2, 9))), names)
