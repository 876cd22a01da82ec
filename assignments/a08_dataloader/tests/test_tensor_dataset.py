"""Datasets in memory: samples, batches by one index, dtypes, and what is refused."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "tensor_dataset"
title = "Datasets in memory"
points = None


def _samples(rng, n):
    """Images, labels and weights of n samples."""
    images = rng.normal(size=(n, 2, 3)).astype("float32")
    return [images, rng.integers(0, 1000, size=n), rng.normal(size=n).astype("float32")]


@test_case(name="a sample is the tuple of the elements with its number", points=2)
def one_sample(student, rng):
    arrays = _samples(rng, 7)
    expect.equal(student.length(arrays), 7)
    for index in (0, int(rng.integers(1, 6)), 6, -2):
        expect.equal(student.sample(arrays, index), tuple(a[index] for a in arrays))


@test_case(name="a batch holds the samples with the given numbers, in their order", points=2)
def one_batch(student, rng):
    arrays = _samples(rng, 9)
    for indices in (rng.permutation(9)[:5], np.array([4]), np.array([3, 3, 0])):
        batch = student.gathered(arrays, indices)
        expect.equal(batch, tuple(a[indices] for a in arrays))


@test_case(name="labels keep their integer dtype and floats become float32", points=2)
def dtypes(student, rng):
    labels, small = rng.integers(0, 10, size=6), rng.integers(0, 256, size=6).astype("uint8")
    wide = rng.normal(size=(6, 2))
    for wanted, array in (("int64", labels), ("uint8", small), ("float32", wide)):
        sample, batch = student.of_one_array(array, 2, [5, 1])
        expect.dtype(sample, wanted)
        expect.dtype(batch, wanted)
        expect.close(sample, array[2])
        expect.close(batch, array[[5, 1]])
