"""1969: one layer cannot learn XOR, two can. Trained on noisy corners, judged on points whose labels stay here."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "xor"
title = "XOR, 1969"
points = None

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def _points(rng, n):
    """n points near each corner of the unit square (within 0.25), shuffled; the label is the XOR of the corner."""
    corners = np.repeat(CORNERS, n, axis=0)
    order = rng.permutation(len(corners))
    x = corners + rng.uniform(-0.25, 0.25, size=corners.shape)
    return x[order].astype("float32"), (corners[:, 0] != corners[:, 1])[order].astype("float32")


def _right(answer, labels):
    logits = answer["logits"]
    expect.shape(logits, labels.shape)
    return float(np.mean((logits > 0) == (labels > 0.5)))


@test_case(name="one layer gets no more than three corners of four", points=40)
def one_layer(student, rng):
    (x, y), (others, labels) = _points(rng, 25), _points(rng, 50)
    answer = student.learn(1, x, y, others, int(rng.integers(1 << 30)))
    expect.between(_right(answer, labels), 0.2, 0.8, "the share of right points")
    expect.between(answer["losses"][-1], 0.6, 0.7, "the loss, near ln 2: the neuron knows nothing")


@test_case(name="two layers get every corner", points=60)
def two_layers(student, rng):
    (x, y), (others, labels) = _points(rng, 25), _points(rng, 50)
    answer = student.learn(2, x, y, others, int(rng.integers(1 << 30)))
    expect.between(_right(answer, labels), 1.0, 1.0, "the share of right points")
