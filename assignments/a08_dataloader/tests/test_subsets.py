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
