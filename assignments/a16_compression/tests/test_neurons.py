"""Task 6: whole neurons become 0."""

from itertools import pairwise

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "neurons"
title = "Neurons"
points = None


def _layers(rng, *sizes):
    weights = [rng.normal(size=(a, b)).astype("float32") for a, b in pairwise(sizes)]
    return weights, [rng.normal(size=w.shape[1]).astype("float32") for w in weights]


def _smallest(norms, ratio):
    """bool: the round(ratio * n) of the smallest length, one of them staying."""
    count = min(round(ratio * norms.size), norms.size - 1)
    return np.isin(np.arange(norms.size), np.argsort(norms)[:count])


@test_case(name="the length of a neuron's weights", points=1)
def lengths(student, rng):
    w = rng.normal(size=(5, 8)).astype("float32")
    expect.close(student.norms_of(w), np.sqrt((w.astype("float64") ** 2).sum(axis=0)))
    k = rng.normal(size=(4, 3, 2, 5)).astype("float32")
    expect.close(student.norms_of(k), np.sqrt((k.astype("float64") ** 2).sum(axis=(1, 2, 3))))


@test_case(name="columns and biases of the shortest are 0, those of the last layer stay", points=3)
def columns(student, rng):
    weights, biases = _layers(rng, 6, 10, 8, 3)
    weights[0] *= rng.uniform(0.5, 2, 10).astype("float32")
    ratio = float(rng.choice([0.3, 0.5, 0.7]))
    after, after_biases, back = student.neurons_zeroed(weights, biases, ratio)
    expect.equal(back, True)
    for i in (0, 1):
        gone = _smallest(np.sqrt((weights[i] ** 2).sum(axis=0)), ratio)
        expect.equal(after[i], np.where(gone, 0, weights[i]))
        expect.equal(after_biases[i], np.where(gone, 0, biases[i]))
    expect.equal([after[2], after_biases[2]], [weights[2], biases[2]])
