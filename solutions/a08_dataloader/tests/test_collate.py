"""Samples into a batch: structure, dtypes, and samples that do not fit together."""

import numpy as np
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


@test_case(
    name="samples without a tuple become one batch",
    points=1,
    hidden=True,
    failure_message="Numbers, arrays and tensors are stacked; tensors keep their dtype, float64 arrays become float32.",
)
def alone(student, rng):
    x = rng.normal(size=(3, 5))
    batch = student.collated(list(x))
    expect.dtype(batch, "float32")
    expect.close(batch, x)
    expect.equal(student.collated_tensors(list(x)), x)
    numbers = [float(v) for v in x[0]]
    expect.close(student.collated(numbers), x[0])
    expect.dtype(student.collated(numbers), "float32")
    expect.equal(student.collated([True, False, True]), np.array([True, False, True]))


@test_case(
    name="dicts, lists and text in samples",
    points=1,
    hidden=True,
    failure_message="Structure is kept at every depth: a dict of batches for dicts, a list for lists, of texts too.",
)
def nested(student, rng):
    x, y = rng.normal(size=(3, 2)).astype("float32"), rng.integers(0, 9, size=3)
    names = ["ant", "bee", "cow"]
    samples = [{"pair": [x[i], (int(y[i]), 2 * int(y[i]))], "name": names[i]} for i in range(3)]
    expect.equal(student.collated(samples), {"pair": [x, (y, 2 * y)], "name": names})
    expect.equal(student.kinds_collated(x), ["list", "tuple"])


@test_case(
    name="samples that do not fit together are refused with their shapes",
    points=1,
    hidden=True,
    failure_message="A ValueError names the shapes that differ. An empty list is one too; None is a TypeError.",
)
def misfits(student, rng):
    n = int(rng.integers(3, 9))
    good = [np.ones(n), np.ones(n)]
    expect.equal(student.collated(good), np.ones((2, n)))
    expect.raises(ValueError, student.collated, [np.ones(n), np.ones(n + 1)], mentions=[f"({n},)", f"({n + 1},)"])
    expect.raises(ValueError, student.collated, [])
    expect.raises(ValueError, student.collated, [(1, 2), (3,)])
    expect.raises(TypeError, student.collated, [None, None])
