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


@test_case(
    name="own ops beside plain numbers, and under no_grad",
    points=1,
    hidden=True,
    failure_message=(
        "A plain number gets None for a gradient, and ctx.needs_input_grad says so. apply is that of the frame: it "
        "knows about no_grad."
    ),
)
def own_op_of_numbers(student, rng):
    x, scale = _array(rng, 3), float(rng.uniform(2, 3))
    to_x, still, recorded = student.own_op_of_numbers(x, 0.5, scale)
    expect.close(to_x, np.full(3, 2 * scale))
    expect.close(still, x * scale + 0.5)
    expect.equal(recorded, False)


@test_case(
    name="own ops may return what they keep, but not too little",
    points=1,
    hidden=True,
    failure_message=(
        "backward of an own op may return one array for two inputs, or a saved one: the grads must not share it. As "
        "many gradients as inputs, or a RuntimeError that names the class."
    ),
)
def own_op_returns(student, rng):
    x, value = _array(rng, 3), float(rng.uniform(5, 9))
    expect.close(student.own_op_that_keeps_its_gradient(x, value), np.ones(3))
    expect.raises(RuntimeError, student.own_op_that_forgets, x, mentions=["Short", "1", "2"])


@test_case(name="a checkpoint changes no number", points=2)
def same(student, rng):
    x, w = _array(rng, 2, 3), _array(rng, 3, 3) * 0.5
    stored, recomputed = student.with_and_without_checkpoint(x, w, int(rng.integers(2, 5)))
    for one, other in zip(recomputed, stored, strict=True):
        expect.close(one, other)
    a = x.astype("float64")
    (_, gradient, _), _ = student.with_and_without_checkpoint(x, w, 1)
    expect.close(gradient, (1 - np.tanh(a @ w) ** 2) @ w.T, atol=1e-5)


@test_case(
    name="a checkpoint remembers one node and none of the results",
    points=2,
    hidden=True,
    failure_message=(
        "After the forward pass the record of fn must be gone: one node in its place, nothing inside alive. Backward "
        "runs fn a second time, and only then."
    ),
)
def record(student, rng):
    x = _array(rng, 3)
    after_forward, after_backward, gradient = student.checkpoint_record(x)
    expect.equal(after_forward, [1, 0, 1])
    expect.equal(after_backward, [2, 0])
    h, slope = x.astype("float64"), 2.0
    for _ in range(5):
        h = np.tanh(h)
        slope = slope * (1 - h * h)
    expect.close(gradient, slope, atol=1e-5)


@test_case(
    name="tensors that a checkpointed function uses without being given them",
    points=2,
    hidden=True,
    failure_message=(
        "fn may use a tensor computed before the checkpoint. The walk of the second run ends there (first), and its "
        "gradient has to go on from the checkpoint's node: the outside tensors are inputs of that node."
    ),
)
def outside(student, rng):
    x, factor = _array(rng, 3), float(rng.uniform(1, 2))
    out, gradient = student.checkpointed_in_between(x, factor)
    expect.close(out, x**4 * factor, rtol=1e-4)
    expect.close(gradient, 4 * x**3 * factor, rtol=1e-4, atol=1e-5)
    expect.close(student.written_into_after_a_checkpoint(x, 7.0), np.ones(3))
    out, recorded, gradient = student.checkpoint_under_no_grad(x)
    expect.close(out, x * x)
    expect.equal(recorded, False)
    expect.close(gradient, 2 * x)


@test_case(
    name="random draws in a checkpoint are repeated, and the generator goes on as if they were not",
    points=1,
    hidden=True,
    failure_message=(
        "The second run starts from the generator's state at the first one; afterwards the generator is where it was."
    ),
)
def dice(student, rng):
    masks, gradient, others, plain = student.checkpoint_of_dice(_array(rng, 4), int(rng.integers(1 << 30)))
    expect.true(len(masks) == 2, "the function ran twice")
    expect.equal(masks[1], masks[0])
    expect.close(gradient, masks[0])
    expect.equal(masks[0], plain[0])
    for got, expected in zip(others, plain[1:], strict=True):
        expect.equal(got, expected)
