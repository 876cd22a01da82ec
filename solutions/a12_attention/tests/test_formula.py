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


def _slopes(fn, arrays, step=1e-5):
    """Gradients of the number fn(*arrays) by central differences in float64, one array for each."""
    arrays = [np.array(a, dtype="float64") for a in arrays]
    found = []
    for a in arrays:
        slopes = np.zeros(a.shape)
        for index in np.ndindex(a.shape):
            here, ends = a[index], []
            for there in (here + step, here - step):
                a[index] = there
                ends.append(fn(*arrays))
            a[index] = here
            slopes[index] = (ends[0] - ends[1]) / (2 * step)
        found.append(slopes)
    return found


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


@test_case(
    name="a query that may look nowhere gets zeros",
    points=3,
    hidden=True,
    failure_message=(
        "Softmax of nothing but -inf is NaN, and a large negative number in its place makes all weights equal. Weights"
        " and output of such a query are 0; the other rows do not change."
    ),
)
def nowhere(student, rng):
    q, k, v = _arrays(rng, (2, 5, 4), (2, 6, 4), (2, 6, 3))
    for shape in ((5, 6), (5, 1), (2, 5, 6)):
        allowed = rng.random(shape) < 0.6
        allowed[..., int(rng.integers(5)), :] = False
        allowed[..., 0, 0] = True
        if allowed.ndim == 2:
            allowed[1] = True
        output, weights = student.formula(q, k, v, mask=allowed)
        expected, expected_weights = _by_hand(q, k, v, allowed)
        expect.close(weights, expected_weights, rtol=1e-4, atol=1e-5)
        expect.close(output, expected, rtol=1e-4, atol=1e-5)
    output, weights = student.formula(q, k, v, mask=np.zeros((1, 6)))
    expect.equal(weights, np.zeros((2, 5, 6)))
    expect.equal(output, np.zeros((2, 5, 3)))


@test_case(
    name="leading dimensions: batches, heads, and those that broadcast",
    points=3,
    hidden=True,
    failure_message="The last two dimensions are positions and features, whatever stands before them.",
)
def leading_dimensions(student, rng):
    shapes = [
        ((2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 6)),
        ((2, 3, 4, 8), (1, 3, 5, 8), (3, 5, 8)),
        ((4, 8), (2, 5, 8), (5, 3)),
        ((3, 4, 4), (3, 4, 4), (3, 4, 4)),
    ]
    for left, middle, right in shapes:
        q, k, v = _arrays(rng, left, middle, right)
        allowed = rng.random((left[-2], middle[-2])) < 0.7
        allowed[:, 0] = True
        output, weights = student.formula(q, k, v, mask=allowed)
        expected, expected_weights = _by_hand(q, k, v, allowed)
        expect.close(weights, expected_weights[(0,) * (expected_weights.ndim - weights.ndim)], rtol=1e-4, atol=1e-5)
        expect.close(output, expected, rtol=1e-4, atol=1e-5)


@test_case(
    name="gradients through the output and through the weights",
    points=3,
    hidden=True,
    failure_message=(
        "Everything between q, k, v and the two results is made of ops of tensors, none of arrays. Nothing flows back"
        " through what is masked, nor through a query that may look nowhere."
    ),
)
def gradients(student, rng):
    q, k, v, g, h = (a.astype("float64") for a in _arrays(rng, (2, 3, 4), (4, 4), (2, 4, 3), (2, 3, 3), (2, 3, 4)))
    allowed = rng.random((3, 4)) < 0.7
    allowed[1] = [True, False, True, False]
    allowed[2] = False

    def weighed(q, k, v):
        output, weights = _by_hand(q, k, v, allowed)
        return (output * g).sum() + (weights * h).sum()

    found = student.gradients_of_both(q, k, v, g, h, mask=allowed)
    for gradient, expected in zip(found, _slopes(weighed, [q, k, v]), strict=True):
        expect.close(gradient, expected, rtol=1e-5, atol=1e-6)
    expect.equal(found[0][:, 2], np.zeros((2, 4)))


@test_case(name="shapes that do not fit are named", points=1)
def shapes_that_do_not_fit(student, rng):
    q, k, v = _arrays(rng, (2, 3, 4), (2, 5, 4), (2, 5, 6))
    expect.shape(student.formula(q, k, v)[0], (2, 3, 6))
    short, few, other = _arrays(rng, (2, 5, 3), (2, 4, 6), (3, 5, 4))
    expect.raises(ValueError, student.formula, q, short, v, mentions=["(2, 3, 4)", "(2, 5, 3)"])
    expect.raises(ValueError, student.formula, q, k, few, mentions=["(2, 5, 4)", "(2, 4, 6)"])
    expect.raises(ValueError, student.formula, q, other, v, mentions=["(2, 3, 4)", "(3, 5, 4)"])


@test_case(
    name="another scale, large scores, and float64",
    points=2,
    hidden=True,
    failure_message=(
        "`scale` replaces 1 / √D. Scores of thousands give no overflow, and the dtype of the result is that of the"
        " inputs: a NumPy number among the factors would make float32 float64."
    ),
)
def other_scales(student, rng):
    q, k, v = _arrays(rng, (3, 4), (5, 4), (5, 2))
    k = k[np.argsort(k @ q[0])]  # the scores of the first query rise
    for scale in (float(rng.uniform(0.5, 2)), 0.0, 1000.0):
        output, weights = student.formula(q, k, v, scale=scale)
        expect.dtype(weights, "float32")
        expect.dtype(output, "float32")
        expect.close(output, _by_hand(q, k, v, scale=scale)[0], rtol=1e-3, atol=1e-3)
        expect.close(student.output_of("attention", q, k, v, scale=scale), output, rtol=1e-3, atol=1e-3)
        expect.close(student.output_of("tiled", q, k, v, scale=scale, block=2), output, rtol=1e-3, atol=1e-3)
    q, k, v = (a.astype("float64") for a in (q, k, v))
    output, _ = student.formula(q, k, v, dtype="float64")
    expect.dtype(output, "float64")
    expect.close(output, _by_hand(q, k, v)[0], rtol=1e-10)
