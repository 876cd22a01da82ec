"""Tasks 11 and 12: ops of one's own, and functions that are run again instead of being remembered."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "functions"
title = "Own ops and checkpoints"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


@test_case(name="an op of one's own, with two inputs and a setting", points=2)
def own_op(student, rng):
    x, y, scale = _array(rng, 3), _array(rng, 3), float(rng.uniform(2, 3))
    out, to_x, to_y = student.own_op(x, y, scale)
    expect.close(out, x * scale + y)
    expect.close(to_x, np.full(3, scale))
    expect.close(to_y, np.ones(3))


@test_case(name="a checkpoint changes no number", points=2)
def same(student, rng):
    x, w = _array(rng, 2, 3), _array(rng, 3, 3) * 0.5
    stored, recomputed = student.with_and_without_checkpoint(x, w, int(rng.integers(2, 5)))
    for one, other in zip(recomputed, stored, strict=True):
        expect.close(one, other)
    a = x.astype("float64")
    (_, gradient, _), _ = student.with_and_without_checkpoint(x, w, 1)
    expect.close(gradient, (1 - np.tanh(a @ w) ** 2) @ w.T, atol=1e-5)
