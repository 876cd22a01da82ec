"""The loader: which samples come in which batch, in which order, and with which draws."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "loader"
title = "Batches and orders"
points = None


@test_case(name="an epoch gives every sample in order, the last batch shorter", points=2)
def every_sample(student, rng):
    n = int(rng.integers(20, 40))
    x, y = rng.normal(size=(n, 3)).astype("float32"), rng.integers(0, 10, size=n)
    size = int(rng.choice([s for s in range(4, 9) if n % s]))
    (epoch,) = student.epochs([x, y], 1, {"batch_size": size})
    expect.equal(epoch, [(x[i : i + size], y[i : i + size]) for i in range(0, n, size)])


@test_case(name="len counts the batches", points=2)
def announced(student, rng):
    k, size = int(rng.integers(3, 9)), int(rng.integers(3, 9))
    for n, dropping, wanted in (
        (k * size, False, k),
        (k * size + 1, False, k + 1),
        (k * size - 1, False, k),
        (k * size, True, k),
        (k * size - 1, True, k - 1),
        (0, False, 0),
    ):
        expect.equal(student.batches_announced(n, {"batch_size": size, "drop_last": dropping}), wanted)


@test_case(name="shuffling keeps samples and their labels together", points=2)
def together(student, rng):
    # The last batch is a short one under any draw.
    n, seed = 8 * int(rng.integers(5, 8)) + int(rng.integers(1, 8)), int(rng.integers(1, 10**6))
    labels = rng.permutation(n)
    tripled, order = student.labelled_order(labels, {"batch_size": 8, "shuffle": True, "seed": seed})
    expect.equal(np.sort(order), np.arange(n))
    expect.true(not np.array_equal(order, labels), "the order is not that of the dataset")
    expect.close(tripled, order * 3.0)


@test_case(name="every epoch has an order of its own, and the seed repeats them all", points=2)
def own_orders(student, rng):
    n, seed = 7 * int(rng.integers(4, 7)) + int(rng.integers(1, 7)), int(rng.integers(1, 10**6))
    settings = {"batch_size": 7, "shuffle": True, "seed": seed}
    orders = student.orders(n, 4, settings)
    for order in orders:
        expect.equal(np.sort(order), np.arange(n))
    expect.equal(len({tuple(order.tolist()) for order in orders}), 4)
    expect.equal(student.orders(n, 4, settings), orders)
    (other,) = student.orders(n, 1, {**settings, "seed": seed + 1})
    expect.true(not np.array_equal(other, orders[0]), "another seed gives another order")
