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


@test_case(
    name="drop_last leaves out nothing but a short last batch",
    points=1,
    hidden=True,
    failure_message="With drop_last all batches are full; a last one that is full stays. Without it no sample is lost.",
)
def only_a_short_one(student, rng):
    size = int(rng.integers(4, 8))
    for n in (5 * size, 5 * size + 1, 6 * size - 1):
        (epoch,) = student.epochs([np.arange(n)], 1, {"batch_size": size, "drop_last": True})
        expect.equal([batch[0] for batch in epoch], list(np.arange(5 * size).reshape(5, size)))
    (whole,) = student.epochs([np.arange(7)], 1, {"batch_size": 100})
    expect.equal(whole, [(np.arange(7),)])
    (none,) = student.epochs([np.arange(7)], 1, {"batch_size": 100, "drop_last": True})
    expect.equal(none, [])


@test_case(
    name="without a seed manual_seed decides the orders",
    points=1,
    hidden=True,
    failure_message="A loader without a seed draws one from the common generator: same manual_seed, same orders.",
)
def common_seed(student, rng):
    n = int(rng.integers(30, 50))
    one, other = (int(s) for s in rng.choice(10**6, size=2, replace=False))
    first, second, third = (student.epochs_after_manual_seed(n, 3, s) for s in (one, one, other))
    for order in first:
        expect.equal(np.sort(order), np.arange(n))
    expect.equal(second, first)
    expect.equal(len({tuple(order.tolist()) for order in first}), 3)
    expect.true(not np.array_equal(first[0], third[0]), "another seed gives another order")


@test_case(
    name="every order of a few samples comes up about equally often",
    points=1,
    hidden=True,
    failure_message="Each epoch is a permutation drawn afresh, all of them equally likely.",
)
def fair_orders(student, rng):
    settings = {"batch_size": 3, "shuffle": True, "seed": int(rng.integers(1, 10**6))}
    orders = [tuple(order.tolist()) for order in student.orders(3, 600, settings)]
    counts = [orders.count(order) for order in sorted(set(orders))]
    expect.equal(sum(counts), 600)
    expect.equal(len(counts), 6)
    expect.between(min(counts), 55, 100, "how often the rarest of 6 orders came up in 600 epochs")


@test_case(
    name="datasets that know single samples only",
    points=1,
    hidden=True,
    failure_message="A dataset needs len and samples by number, nothing more: they are collated.",
)
def single_samples(student, rng):
    n = int(rng.integers(11, 19))
    numbers = np.arange(n)
    batches = student.from_samples(n, {"batch_size": 5})
    expect.equal(batches, [(numbers[i : i + 5], 10 * numbers[i : i + 5]) for i in range(0, n, 5)])
    shuffled = student.from_samples(n, {"batch_size": 5, "shuffle": True, "seed": int(rng.integers(1, 999))})
    expect.equal(np.sort(np.concatenate([batch[1] for batch in shuffled])), 10 * numbers)


@test_case(
    name="a collate_fn gets the list of samples",
    points=1,
    hidden=True,
    failure_message="With a collate_fn the batch is what it returns for the list of samples, gather or not.",
)
def own_collate(student, rng):
    values, factor = rng.normal(size=7), float(rng.uniform(2, 5))
    parts = [values[:3], values[3:6], values[6:]]
    wanted = [[factor * part.sum(), len(part)] for part in parts]
    expect.close(student.with_collate_fn([float(v) for v in values], 3, factor), wanted, rtol=1e-4)


@test_case(
    name="batches are gathered, not asked for sample by sample",
    points=1,
    hidden=True,
    failure_message="A dataset with gather(indices) is asked for whole batches: not once for a single sample.",
)
def gathering(student, rng):
    n = int(rng.integers(50, 99))
    expect.equal(student.samples_asked_one_by_one(n, 8), (0, n * (n - 1) / 2))


@test_case(
    name="augmentation differs from batch to batch and from epoch to epoch",
    points=2,
    hidden=True,
    failure_message="Draws that are the same for every batch, or every epoch, are no augmentation.",
)
def fresh_draws(student, rng):
    settings = {"seed": int(rng.integers(1, 10**6))}
    first, second = student.places_of_crops(40, 20, 2, settings)
    for epoch in (first, second):
        expect.shape(epoch, (40,))
    batches = [first[:20], first[20:], second[:20], second[20:]]
    for a in range(4):
        # Of 256 places; even those of a diagonal, 16, are different from image to image.
        expect.between(len(np.unique(batches[a])), 6, 20, "number of different crops in a batch of 20")
        for b in range(a):
            expect.between(
                float(np.mean(batches[a] == batches[b])), 0, 0.3, "share of images cropped alike in two batches"
            )
    expect.equal(student.places_of_crops(40, 20, 2, settings), [first, second])
