"""Task 2: fans, gains, and random weights of the right size."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "init"
title = "Initialisation"
points = None


def _is_uniform(drawn, std):
    """Mean 0, this standard deviation, and nothing outside ±√3 of it: 20,000 draws or more."""
    expect.dtype(drawn, "float32")
    expect.between(drawn.std() / std, 0.97, 1.03, "standard deviation, divided by what it should be,")
    expect.between(abs(drawn.mean()) / std, 0, 0.05, "mean, in standard deviations,")
    expect.between(
        abs(drawn).max() / std, 1.70, 1.7321, "largest number, in standard deviations (√3 for uniform draws),"
    )


def _is_normal(drawn, std):
    """Mean 0, this standard deviation, and tails: 20,000 draws or more."""
    expect.dtype(drawn, "float32")
    expect.between(drawn.std() / std, 0.97, 1.03, "standard deviation, divided by what it should be,")
    expect.between(abs(drawn.mean()) / std, 0, 0.05, "mean, in standard deviations,")
    expect.between(np.mean(abs(drawn) > 2 * std), 0.035, 0.057, "share of draws beyond two standard deviations")


@test_case(name="fan-in and fan-out of linear and convolution weights", points=3)
def fans(student, rng):
    a, b, h, w = (int(i) for i in rng.choice(np.arange(2, 12), size=4, replace=False))
    got = student.fans([a, b], [a, b, h, w], [a, b, h])
    expect.equal(got, [(a, b), (b * h * w, a * h * w), (b * h, a * h)])


@test_case(name="gains of the usual activations", points=1)
def gains(student, rng):
    expect.close(student.gains("linear", "sigmoid", "tanh", "relu", "selu"), [1, 1, 5 / 3, np.sqrt(2), 0.75])
    slope = float(rng.uniform(0.1, 0.9))
    expect.close(student.gain("leaky_relu", slope), np.sqrt(2 / (1 + slope**2)))


@test_case(name="uniform and normal draws fill a tensor in place", points=2)
def fill(student, rng):
    low = float(rng.uniform(-5, 5))
    held, got = student.held_after_filling("uniform_", np.zeros((100, 300), "float32"), low, low + 4)
    expect.equal(got, held)
    _is_uniform(held - np.float32(low + 2), 4 / np.sqrt(12))
    mean, std = float(rng.uniform(-5, 5)), float(rng.uniform(0.5, 2))
    held, got = student.held_after_filling("normal_", np.zeros((100, 300), "float32"), mean, std)
    expect.equal(got, held)
    _is_normal(held - np.float32(mean), std)
