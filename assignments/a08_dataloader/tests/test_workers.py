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


@test_case(name="an error in a worker is raised in the loop", points=2)
def errors_arrive(student, rng):
    broken = int(rng.integers(4, 25))
    for workers in (0, 2):
        settings = {"batch_size": 3, "num_workers": workers}
        expect.raises(KeyError, student.torn, 30, broken, settings, mentions=[f"sample {broken} is torn"])
    expect.equal(len(student.torn(30, 30, {"batch_size": 3, "num_workers": 2})), 10)
