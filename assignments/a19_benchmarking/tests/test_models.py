"""Task 6: accuracy, latency and memory of models, measured alike."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "models"
title = "A benchmark of several models"
points = None


def _data(rng, n, classes=4):
    """Inputs (n, classes) and labels of which a model with the weight eye is right about three quarters."""
    inputs = rng.normal(size=(n, classes)).astype("float32")
    labels = np.where(rng.random(n) < 0.75, inputs.argmax(1), rng.integers(0, classes, n))
    return inputs, labels


@test_case(name="accuracy is measured", points=2)
def accuracy(student, rng):
    inputs, labels = _data(rng, 60)
    weight = rng.normal(size=(4, 4)).astype("float32")
    expected = ((inputs @ weight).argmax(1) == labels).mean()
    got, recorded, training = student.accuracy(weight, inputs, labels)
    expect.close(got, expected, rtol=1e-9)
    expect.equal([recorded, training], [False, True])


@test_case(name="latency of models in milliseconds", points=1)
def latency(student, rng):
    # Parts of a power of two: sums of them are exact, so no sample differs from the others by rounding.
    seconds = dict(zip(("base", "quick", "slow"), (rng.integers(10, 50, 3) / 1024).tolist(), strict=True))
    got = student.benchmark(seconds, np.eye(4), (1, 4), 2, 8, int(rng.integers(1 << 30)))
    for name, one in seconds.items():
        expect.close(got["latency"][name], [1e3 * one] * 8, rtol=1e-6)
    expect.equal(got["units"], ["ms"] * 3)
    expect.equal([got["same"], got["training"]], [True, False])
