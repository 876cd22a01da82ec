"""Parts of a dataset: chosen numbers, and random splits that lose and repeat nothing."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "subsets"
title = "Parts of a dataset"
points = None


@test_case(name="a subset gives the chosen samples in the chosen order", points=2)
def chosen(student, rng):
    x = rng.normal(size=(10, 2)).astype("float32")
    indices = [int(i) for i in rng.permutation(10)[:6]]
    count, sample, backwards = student.subset(x, indices, 4)
    expect.equal(count, 6)
    expect.equal(sample, (x[indices[4]],))
    expect.equal(backwards, (x[indices[::-1]],))


@test_case(name="the parts of a random split hold every sample once", points=2)
def every_sample_once(student, rng):
    n = int(rng.integers(30, 60))
    parts = student.split(n, [n - 12, 7, 5], int(rng.integers(1, 10**6)))
    expect.equal([len(part) for part in parts], [n - 12, 7, 5])
    expect.equal(np.sort(np.concatenate(parts)), np.arange(n))
    expect.true(
        not np.array_equal(np.concatenate(parts), np.arange(n)), "the samples are shuffled before they are split"
    )


@test_case(
    name="parts of parts, through a loader too",
    points=1,
    hidden=True,
    failure_message="Number i of a part of a part is looked up twice, and a whole batch the same way.",
)
def parts_of_parts(student, rng):
    x = rng.normal(size=(12, 2)).astype("float32")
    outer = [int(i) for i in rng.permutation(12)[:8]]
    inner = [int(i) for i in rng.permutation(8)[:5]]
    wanted = x[np.array(outer)[inner]]
    one_by_one, batches = student.subset_of_subset(x, outer, inner)
    expect.equal(one_by_one, [(row,) for row in wanted])
    expect.equal(batches, [(wanted[:2],), (wanted[2:4],), (wanted[4:],)])


@test_case(
    name="a part of anything that has samples",
    points=1,
    hidden=True,
    failure_message="A list is a dataset too; it understands Python's integers only, and cannot gather.",
)
def part_of_a_list(student, rng):
    values = [float(np.float32(v)) for v in rng.normal(size=9)]
    indices = [int(i) for i in rng.permutation(9)[:5]] + [-1]
    wanted = [values[i] for i in indices]
    one_by_one, batches = student.subset_of_a_list(values, indices)
    expect.equal(one_by_one, wanted)
    expect.close(batches, [wanted[:3], wanted[3:]])


@test_case(
    name="numbers that the dataset does not have are refused at once",
    points=1,
    hidden=True,
    failure_message="IndexError when the subset is made, naming the number. -len(dataset) is the first sample.",
)
def out_of_range(student, rng):
    n = int(rng.integers(5, 20))
    x = rng.normal(size=(n, 1)).astype("float32")
    expect.equal(student.subset(x, [n - 1, -n, 0], 1)[1], (x[0],))
    for wrong in (n, -n - 1, n + 30):
        expect.raises(IndexError, student.subset_made, n, [0, wrong], mentions=[str(wrong)])


@test_case(
    name="fractions are rounded down and the rest is dealt out from the first part",
    points=2,
    hidden=True,
    failure_message="As in PyTorch: floor of each fraction of the total; samples left over go to the parts one by one.",
)
def fractions(student, rng):
    seed = int(rng.integers(1, 10**6))
    for n, lengths, sizes in (
        (10, [0.5, 0.5], [5, 5]),
        (11, [0.5, 0.5], [6, 5]),
        (11, [0.3, 0.3, 0.4], [4, 3, 4]),
        (1797, [0.8, 0.1, 0.1], [1438, 180, 179]),
        (10, [0.1] * 10, [1] * 10),
        (6, [1.0], [6]),
        (1, [1], [1]),
    ):
        parts = student.split(n, lengths, seed)
        expect.equal([len(part) for part in parts], sizes)
        expect.equal(np.sort(np.concatenate(parts)), np.arange(n))


@test_case(
    name="lengths that do not add up are refused",
    points=1,
    hidden=True,
    failure_message="Lengths sum to the number of samples, or to 1; none is negative. A ValueError names the lengths.",
)
def wrong_lengths(student, rng):
    expect.equal([len(p) for p in student.split(20, [20, 0], 1)], [20, 0])
    for lengths in ([10, 9], [10, 11], [25, -5], [0.5, 0.4], [2.5, 17.5], [1.5, -0.5]):
        expect.raises(ValueError, student.split, 20, lengths, int(rng.integers(9)), mentions=[str(lengths[0])])


@test_case(
    name="a seed decides the split, and manual_seed where there is none",
    points=1,
    hidden=True,
    failure_message="The same seed gives the same parts, another one others. Draw from the generator that was chosen.",
)
def seeds(student, rng):
    one, other = (int(s) for s in rng.choice(10**6, size=2, replace=False))
    for split in (student.split, student.split_after_manual_seed):
        first, second, third = (split(60, [40, 20], seed) for seed in (one, one, other))
        expect.equal(np.sort(np.concatenate(first)), np.arange(60))
        expect.equal(first, second)
        alike = np.array_equal(np.concatenate(first), np.concatenate(third))
        expect.true(not alike, "another seed gives another split")
