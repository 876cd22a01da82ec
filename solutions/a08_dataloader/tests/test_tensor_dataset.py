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


@test_case(
    name="tensors keep the dtype they have",
    points=1,
    hidden=True,
    failure_message="A Tensor has chosen its dtype: a float64 tensor gives float64 batches, an int64 one int64.",
)
def tensors_as_they_are(student, rng):
    for x in (rng.normal(size=(5, 2)), rng.integers(0, 9, size=(5,))):
        sample, batch = student.of_one_tensor(x, 1, [4, 0, 2])
        for result, wanted in ((sample, x[1]), (batch, x[[4, 0, 2]])):
            expect.dtype(result, str(x.dtype))
            expect.equal(result, np.asarray(wanted))


@test_case(
    name="slices and numbers beyond the last",
    points=1,
    hidden=True,
    failure_message="A slice of a dataset has the form of a sample; a number beyond the last is an IndexError.",
)
def slices(student, rng):
    arrays = _samples(rng, 6)
    expect.equal(student.sample_by_slice(arrays, 2, 5), tuple(a[2:5] for a in arrays))
    for index in (6, -7):
        expect.raises(IndexError, student.sample, arrays, index)
    expect.raises(IndexError, student.gathered, arrays, [0, 6])


@test_case(
    name="unequal lengths are refused with all lengths",
    points=1,
    hidden=True,
    failure_message="A ValueError names the lengths when they differ; no tensor, or a single number, is one too.",
)
def unequal_lengths(student, rng):
    n = int(rng.integers(11, 50))
    x, y = np.zeros((n, 2)), np.arange(n)
    expect.equal(student.length([x, y]), n)
    expect.raises(ValueError, student.length, [x, y[1:]], mentions=[str(n), str(n - 1)])
    expect.raises(ValueError, student.length, [x, y, y[2:]], mentions=[str(n), str(n - 2)])
    for arrays in ([], [np.float32(3)], [y, np.float32(3)]):
        expect.raises(ValueError, student.length, arrays)


@test_case(
    name="a dataset lies on the caller's memory, a batch on its own",
    points=1,
    hidden=True,
    failure_message="Wrapping an array must not copy it: a data set may fill half the memory. A batch is a copy.",
)
def memory(student, rng):
    x = rng.normal(size=(6, 3)).astype("float32")
    value = float(np.float32(rng.uniform(5, 9)))
    before, after = _pair(student.samples_after_writing(x, value, [5, 2]))
    expect.equal(before, x[[5, 2]])
    expect.equal(after, np.full((2, 3), value, dtype="float32"))


def _pair(result):
    """The two parts of a result, once it is known to have two."""
    expect.equal(len(result), 2)
    return result


@test_case(
    name="a batch costs no loop over its samples",
    points=2,
    hidden=True,
    failure_message="The lines of Python that run for a batch of 400 are as many as for one of 20: index once.",
)
def no_loop(student, rng):
    n = int(rng.integers(380, 420))
    for what in ("TensorDataset.gather", "Subset.gather"):
        few, many = student.steps_run(what, 20), student.steps_run(what, n)
        expect.between(few, 2, 400, "lines of Python run for a batch of 20")
        expect.between(many, 2, few + 40, f"lines of Python run for a batch of {n}")
