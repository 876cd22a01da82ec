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
