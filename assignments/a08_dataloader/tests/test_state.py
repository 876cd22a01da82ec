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
