"""1957: one neuron separates two clouds of points. The judge draws the clouds and looks at the line itself."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "perceptron"
title = "Perceptron, 1957"
points = None


def _clouds(rng, n, distance=3.4):
    """Two clouds of n points within 1.5 of centres that lie `distance` apart, shuffled; labels -1 and +1."""
    angle = rng.uniform(0, 2 * np.pi)
    centre = distance / 2 * np.array([np.cos(angle), np.sin(angle)])
    cloud = rng.normal(size=(2 * n, 2))
    cloud *= np.minimum(1, 1.5 / np.linalg.norm(cloud, axis=1, keepdims=True))
    labels = np.repeat([-1.0, 1.0], n)
    cloud += labels[:, None] * centre + rng.normal(size=2)
    order = rng.permutation(2 * n)
    return cloud[order].astype("float32"), labels[order].astype("float32")


@test_case(name="separates two clouds without a mistake", points=100)
def separates(student, rng):
    x, y = _clouds(rng, 100)
    answer = student.separate(x, y)
    expect.equal(answer["predictions"], y)
    expect.equal(answer["mistakes"][-1], 0)
    w1, w2, b = answer["lines"][-1]
    expect.equal(np.sign(x.astype("float64") @ np.array([w1, w2]) + b), y.astype("float64"))
