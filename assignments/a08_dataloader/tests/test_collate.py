"""Samples into a batch: structure, dtypes, and samples that do not fit together."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "collate"
title = "Samples into a batch"
points = None


@test_case(name="tuples of arrays and numbers become a tuple of batches", points=2)
def tuples(student, rng):
    images = rng.normal(size=(4, 2, 3)).astype("float32")
    labels = rng.integers(0, 100, size=4)
    batch = student.collated([(image, int(label)) for image, label in zip(images, labels, strict=True)])
    expect.equal(batch, (images, labels))
    expect.dtype(batch[1], "int64")
