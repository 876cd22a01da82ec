"""Task 10: a trained model through a plan."""

from itertools import pairwise

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "pipeline"
title = "All together"
points = None


def _weights(rng, *sizes):
    return [rng.normal(size=(a, b)).astype("float32") for a, b in pairwise(sizes)]


def _dense(weights):
    return 4 * sum(w.size + w.shape[1] for w in weights)


@test_case(name="stage after stage, and the model itself stays", points=2)
def stages(student, rng):
    weights = _weights(rng, 12, 20, 10, 4)
    found, share, lost, final, before, after, met = student.compressed(
        weights, {"prune_ratio": 0.5, "rank_ratio": 0.4, "sparsity": 0.5}
    )
    expect.equal([stage[0] for stage in found], ["original", "neurons", "low rank", "zeros", "stored"])
    expect.equal(after, before)
    expect.equal(found[0][1:4], [12 * 20 + 20 * 10 + 10 * 4 + 34, 0.0, _dense(weights)])
    expect.equal(found[1][1], 12 * 10 + 10 * 5 + 5 * 4 + 19)
    expect.equal(found[2][1], 4 * 22 + 2 * 15 + 1 * 9 + 19)
    expect.close(found[3][2], round(0.5 * 127) / 127)
    expect.equal([list(w.shape) for w in final], [[12, 4], [4, 10], [10, 2], [2, 5], [5, 1], [1, 4]])
    expect.close(share, found[-1][3] / found[0][3])
    expect.equal([lost, met], [None, []])


@test_case(name="the names of the public course", points=1)
def names(student, rng):
    weights = _weights(rng, 10, 12, 4)
    found, sparsity = student.compressed_by_config(weights, {"magnitude_prune": 0.7})
    expect.equal([stage[0] for stage in found], ["original", "zeros", "stored"])
    expect.close(sparsity, round(0.7 * 168) / 168)
    expect.raises(ValueError, student.compressed_by_config, weights, {"magic": 1}, mentions=["magic"])
    expect.close(student.class_methods(weights), [0.5, (6 * 10) / 168])
