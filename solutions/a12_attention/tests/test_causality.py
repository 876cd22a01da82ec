"""Tasks 1 to 7: whatever the form, no output knows of a later token."""

import itertools

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "causality"
title = "Causality"
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


def _check_no_leak(outputs, exactly):
    """`outputs` as a probe returns them: first undisturbed, then with another token at position 0, 1, ..."""
    before, after = outputs[0], outputs[1:]
    for t, output in enumerate(after):
        if exactly:
            expect.equal(output[..., :t, :], before[..., :t, :])
        else:
            expect.close(output[..., :t, :], before[..., :t, :])
        moved = np.abs(output - before)[..., t:, :].max(axis=-1)
        expect.true(bool((moved > 1e-6).all()), f"position {t} is seen from {t} and from every later position")


@test_case(name="another token changes no output before it", points=2)
def another_token(student, rng):
    q, k, v, *news = _arrays(rng, (2, 6, 4), (2, 6, 4), (2, 6, 4), (4,), (4,), (4,))
    outputs = student.when_changed("formula", q, k, v, news, is_causal=True)
    expect.shape(outputs, (7, 2, 6, 4))
    _check_no_leak(outputs, exactly=False)


@test_case(name="the first position sees itself, the second two", points=2)
def first_positions(student, rng):
    q, k, v = _arrays(rng, (4, 8), (4, 8), (4, 3))
    output, weights = student.formula(q, k, v, is_causal=True)
    expect.close(output[0], v[0])
    expect.equal(weights > 0, np.array([[j <= i for j in range(4)] for i in range(4)]))
    share = 1 / (1 + np.exp((q[1] @ k[0] - q[1] @ k[1]) / np.sqrt(8)))
    expect.close(output[1], share * v[1] + (1 - share) * v[0], rtol=1e-4, atol=1e-5)


@test_case(
    name="for every token, in every form, to the last bit",
    points=5,
    hidden=True,
    failure_message=(
        "A weight of a later token that is 0 exactly leaves no trace in any earlier output. Compare is_causal in all"
        " three forms (in tiles of several sizes), masks of the same shape, and the layer."
    ),
)
def no_leak(student, rng):
    n = int(rng.integers(9, 14))
    q, k, v, *news = _arrays(rng, *[(2, 3, n, 8)] * 3, (8,), (8,), (8,))
    news = [5 * new for new in news]
    settings = [("formula", {}), ("attention", {}), ("tiled", {}), ("tiled", {"block": 1}), ("tiled", {"block": 4})]
    for form, options in settings:
        outputs = student.when_changed(form, q, k, v, news, is_causal=True, **options)
        expect.shape(outputs, (n + 1, 2, 3, n, 8))
        _check_no_leak(outputs, exactly=True)
        outputs = student.when_changed(form, q, k, v, news, mask=np.tri(n), **options)
        _check_no_leak(outputs, exactly=True)
    parameters = [a / 4 for a in _arrays(rng, *[(12, 12), (12,)] * 4)]
    x, new = _arrays(rng, (2, n, 12), (12,))
    _check_no_leak(student.layer_when_changed(x, 3, parameters, 2 * new), exactly=True)


@test_case(
    name="causal and masked at once, and lengths that differ",
    points=2,
    hidden=True,
    failure_message=(
        "A query looks at a key if both the mask and causality allow it. With other numbers of keys than of queries,"
        " query i still sees keys 0 to i."
    ),
)
def both_at_once(student, rng):
    for queries, keys in ((5, 5), (3, 7), (7, 3)):
        q, k, v = _arrays(rng, (2, queries, 4), (2, keys, 4), (2, keys, 3))
        allowed = rng.random((queries, keys)) < 0.6
        allowed[0, 0] = False  # which leaves the first query nothing
        expected = _by_hand(q, k, v, allowed & np.tri(queries, keys, dtype=bool))[0]
        for form, options in (("formula", {}), ("attention", {}), ("tiled", {"block": 2})):
            got = student.output_of(form, q, k, v, mask=allowed, is_causal=True, **options)
            expect.close(got, expected, rtol=1e-4, atol=1e-5)
            got = student.output_of(form, q, k, v, is_causal=True, **options)
            expect.close(got, _by_hand(q, k, v, np.tri(queries, keys, dtype=bool))[0], rtol=1e-4, atol=1e-5)


@test_case(
    name="no gradient flows from an output to a later token",
    points=3,
    hidden=True,
    failure_message="With a gradient on one row of the output only, keys and values after it get exactly 0.",
)
def no_gradient_forward(student, rng):
    n = int(rng.integers(5, 9))
    q, k, v, ones = _arrays(rng, *[(2, n, 4)] * 4)
    forms = (("formula", {}), ("attention", {}), ("tiled", {"block": 3}))
    for (form, options), t in itertools.product(forms, range(1, n - 1)):
        g = np.zeros_like(q)
        g[:, t] = ones[:, t]
        _, dq, dk, dv = student.gradients_of(form, q, k, v, g, is_causal=True, **options)
        for gradient in (dk, dv):
            expect.equal(gradient[:, t + 1 :], np.zeros((2, n - t - 1, 4)))
            expect.true(bool((np.abs(gradient[:, : t + 1]).max(-1) > 1e-9).all()), "tokens up to the row get gradients")
        expect.equal(dq[:, np.arange(n) != t], np.zeros((2, n - 1, 4)))
