"""Workers: the same batches, fetched ahead by threads, with errors and early ends as without them."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "workers"
title = "Workers"
points = None


@test_case(name="workers change nothing about the batches", points=2)
def same_batches(student, rng):
    n, seed = int(rng.integers(50, 80)), int(rng.integers(1, 10**6))
    x, y = rng.normal(size=(n, 2)).astype("float32"), np.arange(n)
    settings = {"batch_size": 7, "shuffle": True, "seed": seed}
    alone = student.epochs([x, y], 2, settings)
    (order,) = student.orders(n, 1, settings)
    expect.dtype(order, "int64")
    expect.equal(np.sort(order), np.arange(n))
    expect.equal(alone[0], [(x[part], part) for part in np.split(order, range(7, n, 7))])
    for workers in (1, 3):
        expect.equal(student.epochs([x, y], 2, {**settings, "num_workers": workers}), alone)


@test_case(
    name="workers change nothing about the augmentation",
    points=2,
    hidden=True,
    failure_message="Which thread makes a batch, and when, must not matter: every batch has draws of its own.",
)
def same_draws(student, rng):
    settings = {"seed": int(rng.integers(1, 10**6)), "shuffle": True}
    alone = student.places_of_crops(60, 6, 2, settings)
    expect.between(len(np.unique(alone[0])), 30, 60, "number of different crops of 60 images")
    for workers, prefetch in ((1, 1), (4, 3)):
        expect.equal(
            student.places_of_crops(60, 6, 2, {**settings, "num_workers": workers, "prefetch": prefetch}), alone
        )


@test_case(
    name="two workers work at the same time",
    points=2,
    hidden=True,
    failure_message="A sample here can be read only while another thread reads one too: fetch two batches at once.",
)
def at_the_same_time(student, rng):
    n = 2 * int(rng.integers(3, 6))
    for workers in (2, 4):
        expect.equal(student.met(n, workers), list(np.arange(n).reshape(n, 1)))


@test_case(
    name="prefetch batches ahead for each worker, and no more",
    points=1,
    hidden=True,
    failure_message="While a batch is in hand, num_workers * prefetch further ones are fetched: no fewer, no more.",
)
def bounded(student, rng):
    for workers, prefetch in ((1, 1), (1, 3), (2, 2)):
        taken = int(rng.integers(1, 4))
        settings = {"batch_size": 2, "num_workers": workers, "prefetch": prefetch}
        count, batch = student.fetched_ahead(40, settings, taken)
        expect.equal(batch, (np.array([2 * taken - 2, 2 * taken - 1]), np.array([20 * taken - 20, 20 * taken - 10])))
        expect.equal(count, 2 * (taken + workers * prefetch))


@test_case(
    name="without workers nothing is fetched ahead",
    points=1,
    hidden=True,
    failure_message="num_workers=0 fetches a batch when it is asked for, and starts no thread.",
)
def not_ahead(student, rng):
    taken = int(rng.integers(2, 5))
    count, batch = student.fetched_ahead(40, {"batch_size": 3}, taken)
    numbers = np.arange(3 * taken - 3, 3 * taken)
    expect.equal(batch, (numbers, 10 * numbers))
    expect.equal(count, 3 * taken)


@test_case(name="an error in a worker is raised in the loop", points=2)
def errors_arrive(student, rng):
    broken = int(rng.integers(4, 25))
    for workers in (0, 2):
        settings = {"batch_size": 3, "num_workers": workers}
        expect.raises(KeyError, student.torn, 30, broken, settings, mentions=[f"sample {broken} is torn"])
    expect.equal(len(student.torn(30, 30, {"batch_size": 3, "num_workers": 2})), 10)


@test_case(
    name="the batches before an error still arrive",
    points=1,
    hidden=True,
    failure_message="The error comes where its batch would have come, even when later batches are ready or failed too.",
)
def batches_before(student, rng):
    broken = int(rng.integers(10, 25))
    numbers = np.arange(broken // 3 * 3).reshape(-1, 3)
    for workers in (1, 3):
        arrived = student.batches_before_the_torn_one(30, broken, {"batch_size": 3, "num_workers": workers})
        expect.equal(arrived, [(row, 10 * row) for row in numbers])


@test_case(
    name="an epoch left early leaves no thread behind",
    points=2,
    hidden=True,
    failure_message="After a break, or an error in the loop, the workers have ended: shut the pool down in a finally.",
)
def nothing_left(student, rng):
    size = int(rng.integers(2, 6))
    numbers = np.arange(size)
    for how in ("break", "error"):
        first, left = student.threads_left(60, how, {"batch_size": size, "num_workers": 3})
        expect.equal(first, [(numbers, 10 * numbers)])
        expect.equal(left, 0)
    settings = {"batch_size": 1, "num_workers": 3, "prefetch": 4}
    first, left, asked = student.left_while_fetching(60, settings)
    expect.equal(first, (np.array([0]), np.array([0])))
    expect.equal(left, 0)
    expect.between(asked, 1, 10, "number of samples asked for when the loop is left after the first of them")
