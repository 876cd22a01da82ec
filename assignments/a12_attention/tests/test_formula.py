"""Task 2: scaled_dot_product_attention, its weights, its output and its gradients."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "formula"
title = "The formula"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def _by_hand(q, k, v, allowed=True, scale=None):
    """Output and weights in float64, one query at a time: softmax over the keys that it may look at."""
    leading = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    q, k, v = (np.broadcast_to(x, (*leading, *x.shape[-2:])).astype("float64") for x in (q, k, v))
    weights = np.zeros((*leading, q.shape[-2], k.shape[-2]))
    allowed = np.broadcast_to(allowed, weights.shape)
    for place in np.ndindex(weights.shape[:-1]):
        keys = np.flatnonzero(allowed[place])
        if len(keys):
            scores = k[place[:-1]][keys] @ q[place] * (q.shape[-1] ** -0.5 if scale is None else scale)
            e = np.exp(scores - scores.max())
            weights[place][keys] = e / e.sum()
    return weights @ v, weights


@test_case(name="weights and output of a few queries and keys", points=3)
def a_few(student, rng):
    q, k, v = _arrays(rng, (3, 4), (5, 4), (5, 2))
    output, weights = student.formula(q, k, v)
    expect.dtype(output, "float32")
    expected, expected_weights = _by_hand(q, k, v)
    expect.close(weights, expected_weights, rtol=1e-4, atol=1e-5)
    expect.close(output, expected, rtol=1e-4, atol=1e-5)


@test_case(name="keys that are masked get no weight, the others all of it", points=2)
def masked_keys(student, rng):
    q, k, v = _arrays(rng, (2, 4, 8), (2, 6, 8), (2, 6, 8))
    allowed = rng.random((4, 6)) < 0.5
    allowed[np.arange(4), rng.integers(0, 6, 4)] = True
    output, weights = student.formula(q, k, v, mask=allowed)
    expected, expected_weights = _by_hand(q, k, v, allowed)
    expect.equal(weights[:, ~allowed], np.zeros((2, int((~allowed).sum()))))
    expect.close(weights.sum(-1), np.ones((2, 4)))
    expect.close(weights, expected_weights, rtol=1e-4, atol=1e-5)
    expect.close(output, expected, rtol=1e-4, atol=1e-5)


@test_case(name="shapes that do not fit are named", points=1)
def shapes_that_do_not_fit(student, rng):
    q, k, v = _arrays(rng, (2, 3, 4), (2, 5, 4), (2, 5, 6))
    expect.shape(student.formula(q, k, v)[0], (2, 3, 6))
    short, few, other = _arrays(rng, (2, 5, 3), (2, 4, 6), (3, 5, 4))
    expect.raises(ValueError, student.formula, q, short, v, mentions=["(2, 3, 4)", "(2, 5, 3)"])
    expect.raises(ValueError, student.formula, q, k, few, mentions=["(2, 5, 4)", "(2, 4, 6)"])
    expect.raises(ValueError, student.formula, q, other, v, mentions=["(2, 3, 4)", "(3, 5, 4)"])
