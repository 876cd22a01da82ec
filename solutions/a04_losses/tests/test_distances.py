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


@test_case(
    name="Huber is half the square up to delta",
    points=1,
    hidden=True,
    failure_message="Up to a delta of 10, an error of 9 counts 81/2.",
)
def huber_parabola(student, rng):
    delta = float(rng.uniform(5, 20))
    x, y = rng.uniform(0, delta, size=(2, 6))
    expect.close(student.loss("huber_loss", x, y, delta=delta, reduction="none"), (x - y) ** 2 / 2)


@test_case(
    name="Huber's branches meet for every delta",
    points=2,
    hidden=True,
    failure_message="At |d| = delta parabola and line have the same value, delta²/2, and the same slope, delta.",
)
def huber_meets(student, rng):
    for delta in (float(rng.uniform(0.1, 0.6)), float(rng.uniform(1.5, 4.0))):
        d = delta * np.array([0, 0.5, 0.999, 1, 1.001, 1.5, 3, 100])
        for sign in (1, -1):
            result = student.loss("huber_loss", sign * d, np.zeros(8), delta=delta, reduction="none")
            expect.close(result, _huber(sign * d, np.zeros(8), delta), rtol=1e-9, atol=1e-12)


@test_case(
    name="every dim counts in the mean",
    points=1,
    hidden=True,
    failure_message="The mean divides by the number of all elements, whatever the shape, not by the rows.",
)
def every_dim(student, rng):
    shape = tuple(int(n) for n in rng.integers(2, 5, size=3))
    x, y = rng.normal(size=(2, *shape))
    d = x - y
    expect.close(student.loss("mse_loss", x, y), np.mean(d**2))
    expect.close(student.loss("l1_loss", x, y), np.mean(np.abs(d)))
    expect.close(student.loss("huber_loss", x, y), np.mean(_huber(x, y, 1.0)))
    expect.close(student.loss("mse_loss", x[0, 0, 0], y[0, 0, 0]), d[0, 0, 0] ** 2)


@test_case(
    name="predictions and targets of two shapes are an error",
    points=2,
    hidden=True,
    failure_message="(N, 1) and (N,) broadcast to (N, N). That is never meant: raise a ValueError with both shapes.",
)
def shapes_differ(student, rng):
    n = int(rng.integers(3, 9))
    x, y = rng.uniform(0.1, 0.9, size=(2, n)).astype("float32")
    for function in ("mse_loss", "l1_loss", "huber_loss", "binary_cross_entropy"):
        expect.raises(ValueError, student.loss, function, x[:, None], y, mentions=[f"({n}, 1)", f"({n},)"])
    expect.raises(ValueError, student.loss_of_tensors, "mse_loss", x, y[:-1], mentions=[f"({n},)", f"({n - 1},)"])


@test_case(
    name="a delta that is not above zero is an error",
    points=1,
    hidden=True,
    failure_message="delta = 0 is a loss that is always 0. Raise a ValueError that says which delta came.",
)
def bad_delta(student, rng):
    x, y = rng.normal(size=(2, 4)).astype("float32")
    expect.close(student.loss("huber_loss", x, y, delta=0.5), np.mean(_huber(x, y, 0.5)))
    for delta in (0.0, -float(rng.integers(1, 9))):
        expect.raises(ValueError, student.loss, "huber_loss", x, y, delta=delta, mentions=[str(delta)])
