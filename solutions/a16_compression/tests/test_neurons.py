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


@test_case(
    name="channels, and what normalisation adds to them",
    points=2,
    hidden=True,
    failure_message=(
        "A channel is its kernel, its bias, and its scale and shift in the normalisation behind it: that turns a channel"
        " of zeros into a constant unless both are 0. Running statistics and the answers' layer stay."
    ),
)
def channels(student, rng):
    for norm in (True, False):
        before, after = student.images_zeroed(int(rng.integers(999)), 0.5, norm)
        makers = [("0", "1"), ("4", "5"), ("9", None)] if norm else [("0", None), ("3", None), ("7", None)]
        touched = set()
        for maker, scale in makers:
            w = before[f"{maker}.weight"]
            linear = w.ndim == 2
            gone = _smallest(np.sqrt((w.astype("float64") ** 2).sum(axis=0 if linear else (1, 2, 3))), 0.5)
            expect.equal(after[f"{maker}.weight"], np.where(gone if linear else gone[:, None, None, None], 0, w))
            touched.add(f"{maker}.weight")
            owners = [f"{maker}.bias"] if f"{maker}.bias" in before else []
            for key in owners + ([f"{scale}.weight", f"{scale}.bias"] if scale else []):
                expect.equal(after[key], np.where(gone, 0, before[key]))
                touched.add(key)
        for key in set(before) - touched:
            expect.equal(after[key], before[key])


@test_case(
    name="one neuron stays, and what is skipped stays",
    points=1,
    hidden=True,
    failure_message=(
        "round(ratio * O) neurons go, but never all. Layers in skip keep theirs. Zeros already there are among those that"
        " go."
    ),
)
def edges(student, rng):
    weights, biases = _layers(rng, 4, 2, 5, 3)
    after, _, _ = student.neurons_zeroed(weights, biases, 0.95)
    expect.equal([int((w != 0).any(axis=0).sum()) for w in after], [1, 1, 3])
    after, after_biases, _ = student.neurons_zeroed(weights, biases, 0.6, skip=["0"])
    expect.equal([after[0], after_biases[0]], [weights[0], biases[0]])
    expect.equal(int((after[1] != 0).any(axis=0).sum()), 2)
    weights[1][:, :2] = 0
    after, _, _ = student.neurons_zeroed(weights, biases, 0.4)
    expect.equal(after[1], weights[1])


@test_case(
    name="models whose neurons nobody can take out are refused",
    points=1,
    hidden=True,
    failure_message=(
        "A single layer has answers only; a sigmoid makes 1/2 of 0. Where no layer can lose neurons, structured_prune is a"
        " ValueError, and so is a ratio that is no share."
    ),
)
def refused(student, rng):
    weights, biases = _layers(rng, 4, 6, 2)
    expect.equal(student.neurons_zeroed(weights, biases, 0.0)[0], weights)
    for what in ("one layer", "sigmoid", "ratio"):
        expect.raises(ValueError, student.neurons_refused, what)
