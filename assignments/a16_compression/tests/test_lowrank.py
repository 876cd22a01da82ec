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
