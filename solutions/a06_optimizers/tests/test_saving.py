"""Task 8: an optimizer's state, taken out and put back exactly."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "saving"
title = "Saving and loading"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@test_case(name="state_dict holds steps and arrays of each parameter", points=1)
def contents(student, rng):
    starts, gradients = _arrays(rng, (2, 3), (4,)), _arrays(rng, (2, 3), (4,))
    got = student.saved("SGD", starts, [gradients], lr=0.5, momentum=0.9)
    entries = {str(k): {"step": 1, "momentum_buffer": g} for k, g in enumerate(gradients)}
    expect.equal(got["state"], entries)
    expect.equal([got["step_count"], got["param_groups"][0]["lr"], got["param_groups"][0]["params"]], [1, 0.5, [0, 1]])


@test_case(
    name="each parameter's own count, and no entry without a step",
    points=1,
    hidden=True,
    failure_message=(
        "A parameter that never had a gradient has no entry in the state; the others have their own count of steps."
    ),
)
def own_counts(student, rng):
    starts, g = _arrays(rng, (2,), (3,), (4,)), _arrays(rng, (2,), (3,), (4,))
    got = student.saved("SGD", starts, [[g[0], None, g[2]], [None, None, g[2]], [None, None, g[2]]], lr=0.5)
    expect.equal(got["state"], {"0": {"step": 1}, "2": {"step": 3}})
    expect.equal(got["step_count"], 3)


@test_case(
    name="a saved state does not change with later steps",
    points=1,
    hidden=True,
    failure_message="flat.part gives a view, and the next step writes into it: save copies.",
)
def copies(student, rng):
    starts, first, second = (_arrays(rng, (5,)) for _ in range(3))
    before, after = student.saved_then_stepped(starts, first, second, lr=0.1)
    expect.close(before, 0.1 * first[0])
    expect.equal(after, before)


@test_case(name="stopped and resumed is bit-equal to one run", points=1)
def resumed(student, rng):
    starts = _arrays(rng, (3, 4), (2,))
    steps = [_arrays(rng, (3, 4), (2,)) for _ in range(8)]
    whole, resumed, count = student.stopped_and_resumed("Adam", starts, steps, 5, lr=0.1)
    expect.close(whole[0], starts[0], atol=0.9)
    expect.equal(resumed, whole)
    expect.equal(count, 8)


@test_case(
    name="every optimizer resumes with its options, and parameters of different age",
    points=2,
    hidden=True,
    failure_message="Options, the count of steps of each parameter and every array of the state have to come back.",
)
def all_resumed(student, rng):
    starts = _arrays(rng, (3, 4), (2,), (5,))
    steps = [_arrays(rng, (3, 4), (2,), (5,)) for _ in range(8)]
    steps = [[g if i == 0 or (k + i) % 3 else None for i, g in enumerate(step)] for k, step in enumerate(steps)]
    rules = {
        "SGD": {"momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1},
        "Adam": {"amsgrad": True, "betas": (0.5, 0.7), "weight_decay": 0.1},
        "AdamW": {"weight_decay": 0.3},
        "RMSprop": {"momentum": 0.9, "centered": True},
        "Adagrad": {"lr_decay": 0.5, "initial_accumulator_value": 0.5},
    }
    for rule, options in rules.items():
        whole, resumed, count = student.stopped_and_resumed(rule, starts, steps, 4, lr=0.1, **options)
        for start, end in zip(starts, whole, strict=True):
            expect.shape(end, start.shape)
            expect.true(bool(np.abs(end - start).max() > 1e-3), f"{rule} moves every parameter")
        expect.equal(resumed, whole)
        expect.equal(count, 8)


@test_case(
    name="loading a fresh state starts over; one that does not fit is refused",
    points=1,
    hidden=True,
    failure_message=(
        "A parameter without an entry in the saved state starts anew: 0 steps and its state at the beginning."
    ),
)
def fresh_state(student, rng):
    starts, used, gradients = (_arrays(rng, (4,), (2, 2)) for _ in range(3))
    got, count = student.started_over(starts, used, gradients)
    expect.equal(count, 1)
    for actual, start, g in zip(got, starts, gradients, strict=True):
        expect.close(actual, start - 0.01 * np.sign(g), atol=1e-5)
    expect.equal(student.loaded_into_others(starts, starts), [0.5, 1])
    expect.raises(ValueError, student.loaded_into_others, starts, starts[:1])
    expect.raises(ValueError, student.loaded_into_others, starts, [starts[0], starts[0]], mentions=["(2, 2)", "(4,)"])


@test_case(
    name="a deep copy of parameter and optimizer goes on by itself",
    points=1,
    hidden=True,
    failure_message=(
        "A copied optimizer takes its state through state_dict and load_state_dict; both have to be complete."
    ),
)
def deep_copy(student, rng):
    start, g = _arrays(rng, (4,), (4,))
    g += np.sign(g)
    original, twin = student.copied_deeply(start, g)
    expect.close(original, start - 0.1 * np.sign(g), atol=1e-5)
    expect.close(twin, start - 0.2 * np.sign(g), atol=1e-5)
