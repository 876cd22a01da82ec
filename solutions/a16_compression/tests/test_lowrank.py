"""Task 8: two thin matrices for a thick one."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "lowrank"
title = "Low rank"
points = None


def _nearest(matrix, rank):
    """The nearest matrix of a rank, in float64."""
    u, s, v = np.linalg.svd(matrix.astype("float64"), full_matrices=False)
    return (u[:, :rank] * s[:rank]) @ v[:rank]


@test_case(name="the nearest matrix of a rank", points=2)
def nearest(student, rng):
    for m, n in ((9, 6), (5, 8)):
        matrix = rng.normal(size=(m, n)).astype("float32")
        rank = int(rng.integers(1, 5))
        u, s, v = student.factors(matrix, rank=rank)
        expect.equal([list(u.shape), list(s.shape), list(v.shape)], [[m, rank], [rank], [rank, n]])
        expect.close(s, np.linalg.svd(matrix.astype("float64"), compute_uv=False)[:rank], rtol=1e-4)
        expect.close((u * s) @ v, _nearest(matrix, rank), rtol=1e-3, atol=1e-4)


@test_case(
    name="the rank from a ratio",
    points=1,
    hidden=True,
    failure_message=(
        "The whole part of rank_ratio * min(m, n), at least 1; half by default. A Tensor does as well as an array. What is"
        " no matrix, a ratio of 0 or more than 1 and a rank that the matrix cannot have are ValueErrors."
    ),
)
def ratios(student, rng):
    matrix = rng.normal(size=(12, 7)).astype("float32")
    for ratio, rank in ((0.5, 3), (0.01, 1), (1.0, 7), (0.45, 3)):
        u, s, v = student.factors_of_tensor(matrix, rank_ratio=ratio)
        expect.equal(len(s), rank)
        expect.close((u * s) @ v, _nearest(matrix, rank), rtol=1e-3, atol=1e-4)
    expect.equal(len(student.factors(matrix)[1]), 3)
    for settings in ({"rank_ratio": 0.0}, {"rank_ratio": 1.5}, {"rank": 0}, {"rank": 8}):
        expect.raises(ValueError, student.factors, matrix, **settings)
    expect.raises(ValueError, student.factors, matrix[0])


@test_case(
    name="the rank from a share of the energy",
    points=1,
    hidden=True,
    failure_message="The least rank whose first singular values, squared, have the share of the sum of all squares.",
)
def energies(student, rng):
    s = np.sort(rng.uniform(0.1, 3, size=12))[::-1].astype("float32")
    kept = np.cumsum(s.astype("float64") ** 2) / np.sum(s.astype("float64") ** 2)
    for energy in (0.3, 0.5, 0.9, 0.99):
        expect.equal(student.rank_kept(s, energy), int(np.argmax(kept >= energy)) + 1)
    expect.equal(student.rank_kept(s, 1.0), 12)
    expect.equal(student.rank_kept(np.array([4.0, 3.0]), 0.64), 1)
    expect.raises(ValueError, student.rank_kept, s, 90)


@test_case(name="which ranks pay", points=2)
def pays(student, rng):
    for m, n in ((400, 120), (10, 10), (6, 3), (1, 50), tuple(int(k) for k in rng.integers(2, 300, size=2))):
        paying = [k for k in range(1, m + n) if k * (m + n) < m * n]
        expect.equal(student.ranks_that_pay(m, n), max(paying, default=0))
    expect.equal(student.ranks_that_pay(4, 4), 1)


@test_case(name="a layer of two factors", points=1)
def layer(student, rng):
    weight, bias = rng.normal(size=(8, 6)).astype("float32"), rng.normal(size=6).astype("float32")
    rank, x = int(rng.integers(2, 5)), rng.normal(size=(2, 4, 8)).astype("float32")
    out, state, merged, merged_out, tensors = student.low_rank_layer(weight, bias, rank, x)
    expect.close(out, x @ _nearest(weight, rank) + bias, rtol=1e-3, atol=1e-4)
    expect.equal({key: list(a.shape) for key, a in state.items()}, {"down": [8, rank], "up": [rank, 6], "bias": [6]})
    expect.equal(state["bias"], bias)
    expect.close(merged, _nearest(weight, rank), rtol=1e-3, atol=1e-4)
    expect.close(merged_out, out, rtol=1e-4, atol=1e-4)
    expect.equal(tensors, 3)
    out, state, _, merged_out, tensors = student.low_rank_layer(weight, None, rank, x)
    expect.close(out, x @ _nearest(weight, rank), rtol=1e-3, atol=1e-4)
    expect.close(merged_out, out, rtol=1e-4, atol=1e-4)
    expect.equal([sorted(state), tensors], [["down", "up"], 2])


@test_case(
    name="factors that can be trained, and a bias of their own",
    points=1,
    hidden=True,
    failure_message=(
        "Both factors are parameters with the roots of the singular values in them; a bias is copied, since the layer that"
        " was factorised keeps its own."
    ),
)
def trainable(student, rng):
    weight, bias = rng.normal(size=(6, 5)).astype("float32"), rng.normal(size=5).astype("float32")
    x = rng.normal(size=(7, 6)).astype("float32")
    g_down, g_up, g_bias, down, up = student.low_rank_gradients(weight, bias, 3, x)
    ones = np.ones((7, 5))
    expect.close(g_down, x.T @ ones @ up.T, rtol=1e-3, atol=1e-4)
    expect.close(g_up, (x @ down).T @ ones, rtol=1e-3, atol=1e-4)
    expect.close(g_bias, np.full(5, 7.0))
    s = np.linalg.svd(weight.astype("float64"), compute_uv=False)[:3]
    expect.close([(down**2).sum(axis=0), (up**2).sum(axis=1)], [s, s], rtol=1e-3)
    expect.equal(student.low_rank_apart(weight, bias, 3), bias)


@test_case(
    name="a model with factors where they are smaller",
    points=1,
    hidden=True,
    failure_message=(
        "Only layers whose two factors have fewer elements than the weight are replaced, in a copy. Paths in skip,"
        " subclasses and layers that share their weight stay. With energy each layer has its own rank."
    ),
)
def models(student, rng):
    x = rng.normal(size=(5, 20)).astype("float32")
    seed, sizes = int(rng.integers(999)), [20, 30, 16, 4]
    # Ranks that pay are at most 11, 10 and 3; the layers have ranks up to 20, 16 and 4.
    kinds, out, _, bytes_, own = student.factorized(seed, sizes, x, rank_ratio=0.5)
    low = [["LowRankLinear", 10], ["LowRankLinear", 8], ["LowRankLinear", 2], ["_Scaled", None]]
    expect.equal(kinds, low)
    expect.equal(bytes_[0], 4 * (10 * 50 + 8 * 46 + 2 * 20 + 30 + 16 + 4 + 20))
    expect.shape(out, (5, 4))
    expect.equal(own, ["Linear", "Linear", "Linear", "_Scaled"])
    kinds, *_ = student.factorized(seed, sizes, x, rank_ratio=0.65, skip=["2"])
    expect.equal(kinds, [["Linear", None], ["LowRankLinear", 10], ["Linear", None], ["_Scaled", None]])
    kinds, out, expected, bytes_, _ = student.factorized(seed, sizes, x, energy=1.0)
    expect.equal([kind for kind, _ in kinds], ["Linear", "Linear", "Linear", "_Scaled"])
    expect.equal([bytes_[0], out], [bytes_[1], expected])
    kinds, *_ = student.factorized(seed, sizes, x, energy=0.4)
    expect.equal([kind for kind, _ in kinds[:2]], ["LowRankLinear"] * 2)
    # What two layers share is one matrix: two times two factors would be no less, and no longer shared.
    kinds, still = student.factorized_shared(seed, 20, 0.3)
    expect.equal([kinds, still], [["Linear", "Linear", "LowRankLinear"], True])
