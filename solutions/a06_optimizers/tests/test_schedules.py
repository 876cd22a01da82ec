"""Task 7: learning rates over time."""

import math
from itertools import pairwise

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "schedules"
title = "Schedulers"
points = None


def _wave(first, last, share):
    """Half a cosine wave from `first` to `last`."""
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


def _one_cycle(corners, places, step, cosine=True):
    """The value at a step on a line through (place, corner), eased between neighbours."""
    for (x0, y0), (x1, y1) in pairwise(zip(places, corners, strict=True)):
        if step <= x1 or x1 == places[-1]:
            share = (step - x0) / (x1 - x0)
            return _wave(y0, y1, share) if cosine else y0 + (y1 - y0) * share


@test_case(name="StepLR falls every step_size steps", points=1)
def step_lr(student, rng):
    lr, size = float(rng.uniform(0.1, 1)), int(rng.integers(2, 5))
    got = student.learning_rates("StepLR", [lr], 3 * size, step_size=size, gamma=0.5)
    expect.close(got, [[lr * 0.5 ** (k // size)] for k in range(3 * size + 1)], rtol=1e-12, atol=0)


@test_case(name="ExponentialLR falls at every step, in every group", points=1)
def exponential(student, rng):
    rates = rng.uniform(0.1, 1, size=2).tolist()
    got = student.learning_rates("ExponentialLR", rates, 6, gamma=0.8)
    expect.close(got, [[lr * 0.8**k for lr in rates] for k in range(7)], rtol=1e-12, atol=0)


@test_case(name="CosineAnnealingLR: whole, half, nothing", points=1)
def cosine_points(student, rng):
    lr, half = float(rng.uniform(0.1, 1)), int(rng.integers(2, 6))
    got = student.learning_rates("CosineAnnealingLR", [lr], 2 * half, T_max=2 * half)
    expect.close([got[0], got[half], got[2 * half]], [[lr], [lr / 2], [0.0]], rtol=1e-9, atol=1e-12)


@test_case(
    name="CosineAnnealingLR ends at eta_min and comes up again",
    points=2,
    hidden=True,
    failure_message=(
        "eta_min + (base - eta_min) * (1 + cos(pi * epoch / T_max)) / 2, in radians, and beyond T_max as well."
    ),
)
def cosine(student, rng):
    lr, low, length = float(rng.uniform(0.5, 1)), float(rng.uniform(0.01, 0.1)), int(rng.integers(5, 12))
    got = student.learning_rates("CosineAnnealingLR", [lr], 2 * length, T_max=length, eta_min=low)
    expect.close(got, [[_wave(lr, low, k / length)] for k in range(2 * length + 1)], rtol=1e-9, atol=1e-12)


@test_case(name="LinearWarmup climbs in equal steps and stays", points=1)
def warmup(student, rng):
    lr, length = float(rng.uniform(0.1, 1)), int(rng.integers(3, 7))
    got = student.learning_rates("LinearWarmup", [lr], length + 2, warmup_steps=length)
    expect.close(got, [[lr * min(1, (k + 1) / length)] for k in range(length + 3)], rtol=1e-12, atol=0)


@test_case(
    name="after the warm-up another scheduler begins at its step 0",
    points=2,
    hidden=True,
    failure_message="At step warmup_steps the other scheduler is at its step 0: give it epoch - warmup_steps.",
)
def warmup_then_cosine(student, rng):
    lr, climb, length = float(rng.uniform(0.1, 1)), int(rng.integers(3, 7)), int(rng.integers(8, 12))
    got = student.warmed_up(lr, climb, length, climb + length)
    expected = [lr * (k + 1) / climb for k in range(climb)] + [_wave(lr, 0, k / length) for k in range(length + 1)]
    expect.close(got, expected, rtol=1e-9, atol=1e-12)


@test_case(name="a step of the optimizer uses the scheduled rate", points=1)
def used(student, rng):
    start, g = rng.normal(size=(2, 3)).astype("float32")
    expect.close(student.lr_of_a_step(start, g, 0.5, 0.5, 3), start - (0.5 + 0.25 + 0.125) * g)


@test_case(name="OneCycleLR starts low, peaks, and ends next to nothing", points=1)
def one_cycle_corners(student, rng):
    peak = float(rng.uniform(0.1, 1))
    got = student.learning_rates("OneCycleLR", [0.3], 99, max_lr=peak, total_steps=100)
    expect.close([got[0], got[29], got[99]], [[peak / 25], [peak], [peak / 25e4]], rtol=1e-9, atol=0)


@test_case(
    name="OneCycleLR at every step, cosine and straight",
    points=2,
    hidden=True,
    failure_message=(
        "The peak is at step pct_start * total_steps - 1, which need not be whole, and the end at total_steps - 1."
    ),
)
def one_cycle(student, rng):
    peak, total, share = float(rng.uniform(0.1, 1)), int(rng.integers(20, 40)), float(rng.uniform(0.2, 0.6))
    corners, places = [peak / 10, peak, peak / 1000], [0, share * total - 1, total - 1]
    options = {"max_lr": peak, "total_steps": total, "pct_start": share, "div_factor": 10, "final_div_factor": 100}
    for way in ("cos", "linear"):
        got = student.learning_rates("OneCycleLR", [0.3], total - 1, anneal_strategy=way, **options)
        expected = [[_one_cycle(corners, places, k, way == "cos")] for k in range(total)]
        expect.close(got, expected, rtol=1e-9, atol=1e-12)
    expect.raises(ValueError, student.learning_rates, "OneCycleLR", [0.3], total + 1, mentions=[str(total)], **options)


@test_case(
    name="OneCycleLR in three phases, and with next to no climb",
    points=2,
    hidden=True,
    failure_message="With three_phase the second phase is as long as the first and ends at the start's rate.",
)
def three_phases(student, rng):
    peak, total = float(rng.uniform(0.1, 1)), int(rng.integers(20, 40))
    corners, places = [peak / 25, peak, peak / 25, peak / 25e4], [0, 0.3 * total - 1, 0.6 * total - 2, total - 1]
    got = student.learning_rates("OneCycleLR", [0.3], total - 1, max_lr=peak, total_steps=total, three_phase=True)
    expect.close(got, [[_one_cycle(corners, places, k)] for k in range(total)], rtol=1e-9, atol=1e-12)
    got = student.learning_rates("OneCycleLR", [0.3], 9, max_lr=peak, total_steps=10, pct_start=0.1)
    expect.close(got, [[_wave(peak, peak / 25e4, k / 9)] for k in range(10)], rtol=1e-9, atol=1e-12)
    got = student.drawn("OneCycleLR", peak / 25, [0, 9, 12], max_lr=peak, total_steps=10)
    expect.close(got, [peak / 25, peak / 25e4, peak / 25e4], rtol=1e-9, atol=1e-12)


@test_case(
    name="OneCycleLR turns momentum the other way",
    points=1,
    hidden=True,
    failure_message="along(corners) serves momentum too: from 0.95 down to 0.85 at the peak and up again.",
)
def cycled_momentum(student, rng):
    total = int(rng.integers(15, 30))
    places = [0, 0.3 * total - 1, total - 1]
    expected = [_one_cycle([0.95, 0.85, 0.95], places, k) for k in range(total)]
    for rule in ("SGD", "Adam"):
        expect.close(student.momenta(rule, total, max_lr=0.5, total_steps=total), expected, rtol=1e-9, atol=0)


@test_case(
    name="a schedule goes on where it was saved",
    points=1,
    hidden=True,
    failure_message="The rate is a function of last_epoch and the group's initial_lr alone, never of the rate before.",
)
def resumed(student, rng):
    lr, stop = float(rng.uniform(0.1, 1)), int(rng.integers(3, 8))
    got = student.schedule_resumed("ExponentialLR", lr, stop, 3, gamma=0.7)
    expect.close(got, [lr * 0.7 ** (stop + k) for k in range(4)], rtol=1e-12, atol=0)
    got = student.schedule_resumed("CosineAnnealingLR", lr, stop, 3, T_max=20)
    expect.close(got, [_wave(lr, 0, (stop + k) / 20) for k in range(4)], rtol=1e-9, atol=0)
    expect.finite(np.asarray(got))
