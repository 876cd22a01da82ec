"""Task 6: dropout keeps the mean, follows the mode and the seed."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "dropout"
title = "Dropout"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


@test_case(name="an element is 0 or x / (1 - p)", points=3)
def zero_or_scaled(student, rng):
    x, p = _array(rng, 60, 50), float(rng.uniform(0.6, 0.85))
    got = student.dropout(x, p, int(rng.integers(1000)))
    expect.shape(got, x.shape)
    expect.close(got, np.where(got == 0, 0, x / (1 - p)))
    expect.between(np.mean(got == 0), p - 0.06, p + 0.06, f"share of zeros for p = {p:.3f}")


@test_case(name="evaluation mode switches dropout off", points=2)
def follows_the_mode(student, rng):
    x, p = _array(rng, 30, 40), float(rng.uniform(0.15, 0.35))
    expect.equal(student.dropout_layer(x, p, False), x)
    expect.between(np.mean(student.dropout_layer(x, p, True) == 0), p - 0.1, p + 0.1, f"share of zeros for p = {p:.3f}")
