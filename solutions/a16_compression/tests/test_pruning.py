"""Task 2: the weights of the smallest absolute value become 0."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "pruning"
title = "The smallest weights"
points = None


def _layers(rng, *shapes, scales=None):
    scales = scales or [1.0] * len(shapes)
    weights = [(rng.normal(size=shape) * scale).astype("float32") for shape, scale in zip(shapes, scales, strict=True)]
    biases = [(rng.normal(size=shape[1]) * 1e-4).astype("float32") for shape in shapes]
    return weights, biases


def _without_smallest(arrays, count):
    """The arrays with the `count` smallest of all of them set to 0; no two are equal."""
    sizes = np.sort(np.concatenate([np.abs(a).reshape(-1) for a in arrays]))
    limit = sizes[count - 1] if count else -1.0
    return [np.where(np.abs(a) <= limit, 0, a) for a in arrays]


@test_case(name="those that go are the smallest of all layers together", points=2)
def smallest(student, rng):
    weights, biases = _layers(rng, (7, 9), (9, 4), scales=(1.0, 0.2))
    for sparsity in (0.3, 0.9):
        count = round(sparsity * 99)
        after, kept, back, same = student.pruned(weights, biases, sparsity)
        expect.equal(after, _without_smallest(weights, count))
        expect.equal([back, same], [True, True])
        expect.equal(kept, biases)


@test_case(name="biases and normalisation stay, shared weights count once", points=2)
def biases_stay(student, rng):
    before, after = student.pruned_mixed(int(rng.integers(99)), 0.95)
    weights = [n for n in ("table.weight", "first.weight", "conv.weight", "heads.0.weight", "heads.1.weight")]
    for key in before:
        if before[key].ndim == 1:
            expect.equal(after[key], before[key])
    total = sum(before[key].size for key in weights)
    expect.equal(sum(int((after[key] == 0).sum()) for key in weights), round(0.95 * total))


@test_case(
    name="from every layer its share",
    points=2,
    hidden=True,
    failure_message=(
        "scope='layer' takes the share of each weight from that weight alone; scope='global' compares all of them, and"
        " a layer of small weights loses nearly everything."
    ),
)
def scopes(student, rng):
    weights, biases = _layers(rng, (10, 12), (12, 5), scales=(1.0, 0.01))
    after, _, _, same = student.pruned(weights, biases, 0.4, scope="layer")
    expect.equal(after, [_without_smallest([w], round(0.4 * w.size))[0] for w in weights])
    expect.equal(same, True)
    after, _, _, _ = student.pruned(weights, biases, 60 / 180, scope="global")
    expect.equal(after, _without_smallest(weights, 60))
    expect.equal([int((w == 0).sum()) >= 55 for w in after], [False, True])


@test_case(
    name="exactly so many, whatever is equal and whatever is 0 already",
    points=3,
    hidden=True,
    failure_message=(
        "Weights of equal size go until the count is right, round(sparsity * n), no more and no less. Zeros are the"
        " smallest, so pruning twice to the same share changes nothing. The sign does not matter."
    ),
)
def exact(student, rng):
    equal = np.where(rng.random((8, 8)) < 0.5, 0.5, -0.5).astype("float32")
    for sparsity in (0.0, 0.25, 0.6):
        after, *_ = student.pruned([equal], [np.ones(8)], sparsity)
        expect.equal(int((after[0] == 0).sum()), round(sparsity * 64))
        expect.equal(np.unique(np.abs(after[0][after[0] != 0])), np.array([0.5], "float32"))
    weights, _ = _layers(rng, (6, 10), (10, 4))
    twice = student.pruned_twice(weights, 0.5, 0.8)
    expect.equal(twice, _without_smallest(weights, 80))
    expect.equal(student.pruned_twice(weights, 0.5, 0.5), _without_smallest(weights, 50))
    expect.equal(student.pruned_twice(weights, 0.5, 0.2), _without_smallest(weights, 50))
    stays = student.kept([np.array([3.0, -1.0]), np.array([[-4.0], [0.5]])], 0.5)
    expect.equal(stays, [np.array([True, False]), np.array([[True], [False]])])


@test_case(
    name="what is skipped is neither pruned nor counted",
    points=1,
    hidden=True,
    failure_message="With skip the share is one of the remaining weights; those that are skipped stay, however small.",
)
def skipped(student, rng):
    weights, biases = _layers(rng, (8, 10), (10, 5), scales=(0.001, 1.0))
    after, *_ = student.pruned(weights, biases, 0.5, skip=["0"])
    expect.equal(after[0], weights[0])
    expect.equal(after[1], _without_smallest([weights[1]], 25)[0])


@test_case(
    name="a share is no per cent",
    points=2,
    hidden=True,
    failure_message=(
        "A sparsity is a share from 0 up to, not including, 1: 90 is a ValueError, not everything. The default is 0.9, and"
        " a scope that is neither 'global' nor 'layer' is refused. Nothing has been pruned then."
    ),
)
def shares(student, rng):
    before, after = student.pruned_mixed(int(rng.integers(99)), 0.0)
    expect.equal(after, before)
    weights, biases = _layers(rng, (10, 10))
    expect.equal(int((student.pruned(weights, biases, 0.99)[0][0] == 0).sum()), 99)
    for bad in (90, 1.0, -0.1, float("nan")):
        expect.raises(ValueError, student.pruned, weights, biases, bad)
    expect.raises(ValueError, student.pruned, weights, biases, 0.5, scope="local", mentions=["local"])
