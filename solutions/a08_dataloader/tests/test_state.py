"""Where the loader stands: its state, and going on from there in another loader."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "state"
title = "Stopping and going on"
points = None


@test_case(name="the state counts epochs, and batches handed out", points=2)
def counting(student, rng):
    seed = int(rng.integers(1, 10**6))
    found = student.states(10, {"batch_size": 4, "shuffle": True, "seed": seed}, 2)
    places = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3), (2, 0)]
    expect.equal(found, [{"seed": seed, "epoch": epoch, "batch": batch} for epoch, batch in places])


@test_case(name="a loader that is told a state gives the rest of that epoch, then the next", points=2)
def going_on(student, rng):
    seed, batch = int(rng.integers(1, 10**6)), int(rng.integers(1, 5))
    for epoch in (0, 2):
        settings = {"batch_size": 5, "shuffle": True, "seed": seed}
        rest, following, whole, next_whole = student.resumed(33, settings, epoch, batch, seed + 1)
        expect.equal(len(whole), 7)
        expect.equal(np.sort(np.concatenate(whole)), np.arange(33))
        expect.equal(rest, whole[batch:])
        expect.equal(following, next_whole)
    places = [(2, batch), *[(2, b + 1) for b in range(batch, 7)], (3, 0)]
    wanted = [{"seed": seed, "epoch": e, "batch": b} for e, b in places]
    expect.equal(student.states_after(33, {"batch_size": 5, "seed": seed}, 2, batch), wanted)


@test_case(
    name="stops at the end of an epoch and between two",
    points=2,
    hidden=True,
    failure_message="With the last batch in hand nothing is left of the epoch; after the loop the next epoch begins.",
)
def at_the_end(student, rng):
    seed = int(rng.integers(1, 10**6))
    settings = {"batch_size": 6, "shuffle": True, "seed": seed}
    rest, following, whole, next_whole = student.resumed(20, settings, 1, 4, seed + 1)
    expect.equal(len(whole), 4)
    expect.equal(rest, [])
    expect.equal(following, next_whole)
    after, wanted = student.resumed_between(20, settings, seed + 1)
    expect.equal(len(wanted), 4)
    expect.equal(np.sort(np.concatenate(wanted)), np.arange(20))
    expect.equal(after, wanted)


@test_case(
    name="batches before the stop are not fetched again",
    points=1,
    hidden=True,
    failure_message="Going on at batch 4 costs nothing for batches 0 to 3: their samples are not asked for.",
)
def nothing_fetched_twice(student, rng):
    batch = int(rng.integers(2, 6))
    for workers in (0, 2):
        expect.equal(student.fetched_by_a_resumed_loader(30, 4, batch, workers), list(range(4 * batch, 30)))


@test_case(
    name="an epoch left early is not taken up again",
    points=1,
    hidden=True,
    failure_message="After a break the next iteration is the next epoch, from its beginning and in its order.",
)
def after_a_break(student, rng):
    found, found_after_loading, undisturbed = student.orders_after_break(25, int(rng.integers(1, 10**6)))
    expect.equal(np.sort(found[0]), np.arange(25))
    expect.equal(found, undisturbed)
    expect.equal(found_after_loading, undisturbed)


@test_case(
    name="two iterations at once are two epochs",
    points=1,
    hidden=True,
    failure_message="Each iteration knows its own epoch and its own place: zip(loader, loader) is two whole epochs.",
)
def two_at_once(student, rng):
    first, second = student.two_at_once(24, int(rng.integers(1, 10**6)))
    for order in (first, second):
        expect.equal(np.sort(order), np.arange(24))
    expect.true(not np.array_equal(first, second), "two epochs have two orders")
