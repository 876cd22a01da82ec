"""Task 4: training and evaluation mode all the way down, and gradients forgotten."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "modes"
title = "Modes and gradients"
points = None


@test_case(name="train and eval reach every module", points=2)
def recursive(student, rng):
    depth = int(rng.integers(1, 4))
    names = [".".join(["0"] * k) for k in range(depth + 1)]
    inside = ".".join(["0"] * (depth + 1))
    paths = [*names, inside, *[".".join([*["0"] * k, "1"]) for k in range(depth)]]
    start, evaluating, training = student.modes(depth)
    for seen, mode in ((start, True), (evaluating, False), (training, True)):
        expect.equal(seen, dict.fromkeys(paths, mode))


@test_case(name="zero_grad forgets every gradient", points=1)
def forgotten(student, rng):
    gradients = [rng.normal(size=int(n)).astype("float32") for n in rng.choice(np.arange(2, 20), size=4, replace=False)]
    expect.equal(student.gradients_after_plain_zero_grad(gradients), [None] * 4)


@test_case(
    name="a child's own train() is called",
    points=1,
    hidden=True,
    failure_message=(
        "train(mode) calls train(mode) of each child, which may do something of its own: it does not set a flag in it."
    ),
)
def stubborn(student, rng):
    switches = [bool(b) for b in rng.random(5) > 0.5] + [True, False]
    expected = [[mode, False, mode] for mode in switches]
    expect.equal(student.modes_with_a_stubborn_child(switches), expected)


@test_case(
    name="train takes True or False",
    points=1,
    hidden=True,
    failure_message=(
        "model.train(loader) is a mistake people make: anything but a bool is a ValueError. It returns the model."
    ),
)
def only_bools(student):
    expect.equal([student.train_with(mode) for mode in (True, False)], [True, False])
    for mode in (0, "eval", None):
        expect.raises(ValueError, student.train_with, mode, mentions=[repr(mode)])


@test_case(
    name="zero_grad can fill with zeros instead",
    points=1,
    hidden=True,
    failure_message=(
        "With set_to_none=False a gradient keeps its array, filled with zeros; where there is none, none is made."
    ),
)
def zeros(student, rng):
    gradients = [rng.normal(size=int(n)).astype("float32") for n in rng.choice(np.arange(2, 20), size=3, replace=False)]
    after, held = student.gradients_after_zero_grad([gradients[0], None, *gradients[1:]], False)
    zeroed = [np.zeros_like(g) for g in gradients]
    expect.equal(after, [zeroed[0], None, *zeroed[1:]])
    expect.equal(held, [zeroed[0], None, *zeroed[1:]])
