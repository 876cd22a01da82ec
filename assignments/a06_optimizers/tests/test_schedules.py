"""Task 7: learning rates over time."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "schedules"
title = "Schedulers"
points = None


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


@test_case(name="LinearWarmup climbs in equal steps and stays", points=1)
def warmup(student, rng):
    lr, length = float(rng.uniform(0.1, 1)), int(rng.integers(3, 7))
    got = student.learning_rates("LinearWarmup", [lr], length + 2, warmup_steps=length)
    expect.close(got, [[lr * min(1, (k + 1) / length)] for k in range(length + 3)], rtol=1e-12, atol=0)


@test_case(name="a step of the optimizer uses the scheduled rate", points=1)
def used(student, rng):
    start, g = rng.normal(size=(2, 3)).astype("float32")
    expect.close(student.lr_of_a_step(start, g, 0.5, 0.5, 3), start - (0.5 + 0.25 + 0.125) * g)


@test_case(name="OneCycleLR starts low, peaks, and ends next to nothing", points=1)
def one_cycle_corners(student, rng):
    peak = float(rng.uniform(0.1, 1))
    got = student.learning_rates("OneCycleLR", [0.3], 99, max_lr=peak, total_steps=100)
    expect.close([got[0], got[29], got[99]], [[peak / 25], [peak], [peak / 25e4]], rtol=1e-9, atol=0)
