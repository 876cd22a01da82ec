"""Task 2: what all optimizers share: checks, `zero_grad`, and the walk over groups and stretches in `step`."""

import math

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "stepping"
title = "Steps, groups and checks"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@test_case(name="a step changes the array that the parameter holds", points=2)
def in_place(student, rng):
    start, gradient = _arrays(rng, (2, 3), (2, 3))
    held, data = student.same_array(start, gradient, 0.5)
    expect.close(data, start - 0.5 * gradient)
    expect.close(held, start - 0.5 * gradient)


@test_case(name="zero_grad leaves no gradient", points=1)
def zero_grad(student, rng):
    starts = _arrays(rng, (2,), (3,))
    gradients, _ = student.cleared(starts, starts)
    expect.equal(gradients, [None, None])


@test_case(
    name="zero_grad(set_to_none=False) keeps the arrays and fills them with 0",
    points=1,
    hidden=True,
    failure_message=(
        "With set_to_none=False a gradient stays, zero everywhere, in the same array; a missing one stays None."
    ),
)
def zero_grad_in_place(student, rng):
    starts = _arrays(rng, (2,), (3,), (2, 2))
    gradients, held = student.cleared(starts, [starts[0], None, starts[2]], set_to_none=False)
    expected = [np.zeros(2), None, np.zeros((2, 2))]
    expect.equal(gradients, expected)
    expect.equal(held, expected)
    expect.equal(student.cleared_tensor(starts[0], starts[0]), np.zeros(2))


@test_case(name="step_count counts steps, not parameters", points=1)
def counting(student, rng):
    steps = int(rng.integers(2, 6))
    expect.equal(student.counted([3, 4, 5, 6], steps), steps)


@test_case(
    name="long parameters count and move as a whole",
    points=1,
    hidden=True,
    failure_message=(
        "A long parameter comes in several chunks: all of them move, and step_count goes up by one for all."
    ),
)
def long_parameters(student, rng):
    steps = int(rng.integers(2, 5))
    expect.equal(student.counted([100_000, 7, 70_000], steps), steps)
    size = int(rng.integers(90_000, 120_000))
    starts, gradients = _arrays(rng, (size,), (3,)), _arrays(rng, (size,), (3,))
    (got,) = student.trained("SGD", starts, [gradients], lr=0.5)
    for actual, start, g in zip(got, starts, gradients, strict=True):
        expect.close(actual, start - 0.5 * g)


@test_case(
    name="a gradient that lies column by column",
    points=1,
    hidden=True,
    failure_message="A gradient's element [i, j] belongs to the parameter's element [i, j], however it lies in memory.",
)
def strided(student, rng):
    for shape in ((3, 5), (300, 200)):
        start, gradient = _arrays(rng, shape, shape)
        expect.close(student.strided_gradient(start, gradient, 0.5), start - 0.5 * gradient)


@test_case(name="a parameter without a gradient stays where it is", points=1)
def no_gradient(student, rng):
    starts, gradients = _arrays(rng, (2,), (3,), (2, 2)), _arrays(rng, (2,), (3,), (2, 2))
    gradients[1] = None
    (got,) = student.trained("SGD", starts, [gradients], lr=0.5, weight_decay=0.5)
    expect.close(got[0], 0.75 * starts[0] - 0.5 * gradients[0])
    expect.equal(got[1], starts[1])
    expect.close(got[2], 0.75 * starts[2] - 0.5 * gradients[2])


@test_case(
    name="the state of a parameter without a gradient does not age",
    points=2,
    hidden=True,
    failure_message=(
        "A parameter whose gradient is None keeps its state and its own count of steps; a gradient of zeros is"
        " something else."
    ),
)
def no_ageing(student, rng):
    starts = _arrays(rng, (9,), (8,))
    steps = [_arrays(rng, (9,), (8,)) for _ in range(8)]
    silent = [[g if k % 2 == i else None for i, g in enumerate(step)] for k, step in enumerate(steps)]
    mixed = student.trained("Adam", starts, silent, lr=0.1)[-1]
    for i, start in enumerate(starts):
        alone = student.trained("Adam", [start], [[step[i]] for step in silent if step[i] is not None], lr=0.1)[-1]
        expect.close(mixed[i], alone[0])
        expect.true(bool(np.abs(mixed[i] - start).max() > 1e-3), "parameters with a gradient move")


@test_case(
    name="each group has its own learning rate",
    points=1,
    hidden=True,
    failure_message=(
        "Options are read from the group of the stretch at every step, so that they can be changed between steps."
    ),
)
def groups(student, rng):
    starts, gradients = _arrays(rng, (2,), (3,), (2,)), _arrays(rng, (2,), (3,), (2,))
    first, second = student.two_groups(starts, gradients, [1.0, 0.5], 2.0)
    for i, (start, g) in enumerate(zip(starts, gradients, strict=True)):
        expect.close(first[i], start - (0.5 if i else 1.0) * g)
        expect.close(second[i], start - (2.5 if i else 2.0) * g)


@test_case(
    name="parameters that are bound later",
    points=1,
    hidden=True,
    failure_message=(
        "An optimizer made without parameters works like any other after bind, with the options set before."
    ),
)
def bound_later(student, rng):
    starts, gradients = _arrays(rng, (2,), (3,)), _arrays(rng, (2,), (3,))
    got, lr = student.bound_later("SGD", starts, gradients, 0.1, 0.25)
    expect.equal(lr, 0.25)
    for actual, start, g in zip(got, starts, gradients, strict=True):
        expect.close(actual, start - 0.25 * g)


@test_case(name="an option out of range is refused with its name and value", points=1)
def options(student, rng):
    starts, bad = _arrays(rng, (2,)), -float(rng.integers(1, 9))
    expect.equal(student.constructed("SGD", starts, lr=0.5), [1, 0.5])
    expect.raises(ValueError, student.constructed, "SGD", starts, lr=bad, mentions=["lr", str(bad)])
    expect.raises(ValueError, student.constructed, "Adam", starts, eps=bad, mentions=["eps", str(bad)])


@test_case(
    name="the ends of the ranges, and NaN",
    points=1,
    hidden=True,
    failure_message="0 is allowed for lr, momentum and betas; 1 is not for betas; NaN is never allowed.",
)
def ends_of_ranges(student, rng):
    starts = _arrays(rng, (2,))
    expect.equal(student.constructed("SGD", starts, lr=0.0, momentum=0.0), [1, 0.0])
    expect.equal(student.constructed("Adam", starts, lr=0.5, betas=(0.0, 0.0), eps=0.0), [1, 0.5])
    for beta in (1.0, 1.5, -0.1):
        expect.raises(
            ValueError,
            student.constructed,
            "Adam",
            starts,
            betas=(0.9, beta),
            mentions=["betas[1]", str(beta), "below 1"],
        )
    expect.raises(ValueError, student.constructed, "SGD", starts, lr=math.nan, mentions=["lr", "nan"])
    expect.raises(ValueError, student.constructed, "RMSprop", starts, alpha=-1.0, mentions=["alpha", "-1.0"])
    expect.raises(
        ValueError, student.constructed, "SGD", starts, lr=0.1, momentum=0.0, nesterov=True, mentions=["nesterov"]
    )


@test_case(name="no parameters, and parameters without requires_grad, are refused", points=1)
def refused(student, rng):
    starts = _arrays(rng, (2,), (3, 4))
    expect.equal(student.constructed("SGD", starts, lr=0.5), [2, 0.5])
    expect.raises(ValueError, student.constructed, "SGD", [])
    expect.raises(ValueError, student.frozen, starts[1], mentions=["(3, 4)"])


@test_case(
    name="results of ops, duplicates and other things are refused",
    points=1,
    hidden=True,
    failure_message=(
        "A tensor with p._node is a result, not a parameter; a tensor may occur once over all groups; equal values in"
        " two tensors are no duplicate; what is not a tensor is a TypeError."
    ),
)
def refused_too(student, rng):
    (start,) = _arrays(rng, (3, 4))
    expect.equal(student.constructed("SGD", [start, start], lr=0.5), [2, 0.5])
    expect.raises(ValueError, student.result_of_an_op, start, mentions=["(3, 4)"])
    for in_another_group in (False, True):
        expect.raises(ValueError, student.twice, start, in_another_group, mentions=["(3, 4)"])
    expect.raises(TypeError, student.no_tensors, [start])


@test_case(
    name="gradients are left as they were",
    points=2,
    hidden=True,
    failure_message="The gradient belongs to the user: weight decay and maximize are computed in scratch, not in it.",
)
def gradients_unchanged(student, rng):
    starts, gradients = _arrays(rng, (50_000,), (3,)), _arrays(rng, (50_000,), (3,))
    for rule in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad"):
        for maximize in (False, True):
            got = student.gradients_after(rule, starts, gradients, lr=0.1, weight_decay=0.1, maximize=maximize)
            expect.equal(got, gradients)
    for options in ({"momentum": 0.9, "nesterov": True}, {"momentum": 0.9, "dampening": 0.5}):
        expect.equal(student.gradients_after("SGD", starts, gradients, lr=0.1, **options), gradients)


@test_case(
    name="a step needs no new memory",
    points=3,
    hidden=True,
    failure_message=(
        "After the first steps no array of the size of a chunk is made any more: write every result into the state,"
        " the parameters or `work` (out=, +=, *=)."
    ),
)
def no_new_memory(student, rng):
    size = int(rng.integers(300_000, 320_000))
    begin, g = np.linspace(0, 1, 40), np.linspace(-1, 1, 40)
    peak, data = student.memory_of_steps("SGD", size, 4, lr=0.01)
    expect.close(data, begin - 0.06 * g)
    expect.between(peak, 0, 32_000, "bytes at the peak of four plain SGD steps")
    everything = {
        "SGD": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        "Adam": {"weight_decay": 0.1, "amsgrad": True},
        "AdamW": {},
        "RMSprop": {"weight_decay": 0.1, "momentum": 0.9, "centered": True},
        "Adagrad": {"weight_decay": 0.1, "lr_decay": 0.1},
    }
    for rule, options in everything.items():
        peak, data = student.memory_of_steps(rule, size, 4, lr=0.01, **options)
        expect.between(peak, 0, 32_000, f"bytes at the peak of four steps of {rule}")
        expect.true(bool(np.abs(data - begin).max() > 0.01), f"{rule} moves the parameters")
