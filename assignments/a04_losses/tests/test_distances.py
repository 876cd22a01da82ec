"""Squared, absolute and Huber's error: values, the place where Huber's branches meet, and shapes that must agree."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "distances"
title = "MSE, L1 and Huber"
points = None


def _huber(x, y, delta):
    d = np.abs(x.astype("float64") - y)
    return np.where(d <= delta, d**2 / 2, delta * (d - delta / 2))


@test_case(name="the mean squared error", points=3)
def mean_squared_error(student, rng):
    x, y = rng.normal(size=(2, 4, 3)).astype("float32")
    expect.close(student.loss("mse_loss", [1.0, 2.0, 3.0], [1.0, 4.0, 0.0]), 13 / 3)
    expect.close(student.loss("mse_loss", x, y), np.mean((x.astype("float64") - y) ** 2))


@test_case(name="the mean absolute error", points=2)
def mean_absolute_error(student, rng):
    x, y = rng.normal(size=(2, 5, 2)).astype("float32")
    expect.close(student.loss("l1_loss", [1.0, 2.0, 3.0], [1.0, 4.0, 0.0]), 5 / 3)
    expect.close(student.loss("l1_loss", x, y), np.mean(np.abs(x.astype("float64") - y)))


@test_case(name="Huber is a parabola near zero and a line far away", points=3)
def huber_values(student, rng):
    x, y = (2 * rng.normal(size=(2, 40))).astype("float32")
    expect.close(student.loss("huber_loss", [0.5, -3.0], [0.0, 0.0], reduction="none"), [0.125, 2.5])
    expect.close(student.loss("huber_loss", x, y, reduction="none"), _huber(x, y, 1.0))
