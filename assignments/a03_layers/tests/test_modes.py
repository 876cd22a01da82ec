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
