"""Tasks 5 and 6: attention in tiles: the same numbers, and memory in proportion to the length."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "tiled"
title = "In tiles"
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


@test_case(name="tiles give the same output", points=3)
def same_output(student, rng):
    q, k, v = _arrays(rng, (2, 5, 4), (2, 12, 4), (2, 12, 3))
    expected = _by_hand(q, k, v)[0]
    for block in (4, 12, 100):
        got = student.output_of("tiled", q, k, v, block=block)
        expect.dtype(got, "float32")
        expect.close(got, expected, rtol=1e-5, atol=1e-5)


@test_case(
    name="tiles of any size, under any mask",
    points=3,
    hidden=True,
    failure_message=(
        "The last tile may be smaller. Every tile needs its own part of the mask, and a mask with one row or one column"
        " holds for all of them. A block below 1 is a ValueError."
    ),
)
def any_tiles(student, rng):
    queries, keys = int(rng.integers(7, 11)), int(rng.integers(9, 14))
    q, k, v = _arrays(rng, (2, 3, queries, 4), (1, 3, keys, 4), (3, keys, 5))
    for shape in ((queries, keys), (1, keys), (queries, 1), (2, 1, queries, keys)):
        allowed = rng.random(shape) < 0.7
        for block in (1, 3, keys - 1):
            got = student.output_of("tiled", q, k, v, mask=allowed, block=block)
            expect.close(got, _by_hand(q, k, v, allowed)[0], rtol=1e-5, atol=1e-5)
            got = student.output_of("tiled", q, k, v, mask=allowed, is_causal=True, block=block)
            causal = allowed & np.tri(queries, keys, dtype=bool)
            expect.close(got, _by_hand(q, k, v, causal)[0], rtol=1e-5, atol=1e-5)
    q, k, v = _arrays(rng, (2, 4), (2, 4), (2, 3))
    allowed = np.array([[True, False], [rng.random() < 0.5, True]])
    for settings in ({}, {"is_causal": True}):
        got = student.output_of("tiled", q, k, v, mask=allowed, block=1, **settings)
        expect.close(got, _by_hand(q, k, v, allowed)[0], rtol=1e-5, atol=1e-5)
    expect.raises(ValueError, student.output_of, "tiled", q, k, v, block=0, mentions=["0"])


@test_case(
    name="scores that rise or fall by thousands from tile to tile",
    points=2,
    hidden=True,
    failure_message=(
        "When a tile brings a larger score, everything collected before is scaled down to it; when it does not, the"
        " tile is. No exponential is ever taken of a positive number."
    ),
)
def rising_scores(student, rng):
    q, k, v = _arrays(rng, (4, 3), (12, 3), (12, 2))
    q[:, 0] = 1
    for slope in (0.5, 2000.0, -2000.0):
        steps = k.copy()
        steps[:, 0] = slope * (np.arange(12) // 2) + rng.normal(size=12)
        expected = _by_hand(q, steps, v, scale=1.0)[0]
        for block in (1, 2, 5):
            got = student.output_of("tiled", q, steps, v, scale=1.0, block=block)
            expect.close(got, expected, rtol=1e-3, atol=1e-3)


@test_case(
    name="queries that see nothing of the first tiles, or of any",
    points=3,
    hidden=True,
    failure_message=(
        "Before its first allowed key a row's largest score is -inf: -inf - -inf is NaN, so shift by 0 there. Rows that"
        " stay so end as zeros, on the way back too."
    ),
)
def blind_tiles(student, rng):
    q, k, v, g = _arrays(rng, (2, 4, 3), (2, 9, 3), (2, 9, 2), (2, 4, 2))
    allowed = np.zeros((4, 9), bool)
    allowed[0, 5:] = True
    allowed[1, 8] = True
    allowed[2, 2] = True
    for block in (2, 3, 9):
        got, *gradients = student.gradients_of("tiled", q, k, v, g, mask=allowed, block=block)
        expect.close(got, _by_hand(q, k, v, allowed)[0], rtol=1e-5, atol=1e-5)
        expect.close(got[:, 1], v[:, 8], rtol=1e-5, atol=1e-5)
        for gradient in gradients:
            expect.finite(gradient)
        expect.equal(gradients[0][:, 3], np.zeros((2, 3)))
        expect.close(gradients[2][:, 2], g[:, 2], rtol=1e-5, atol=1e-5)


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


def _check_gradients(student, rng, shapes, blocks, allowed=True, **settings):
    arrays = [a.astype("float64") for a in _arrays(rng, *shapes)]
    g = rng.normal(size=_by_hand(*arrays)[0].shape)
    scale = settings.get("scale")
    expected = _slopes(lambda q, k, v: (_by_hand(q, k, v, allowed, scale)[0] * g).sum(), arrays)
    for block in blocks:
        _, *found = student.gradients_of("tiled", *arrays, g, block=block, **settings)
        for gradient, slopes in zip(found, expected, strict=True):
            expect.close(gradient, slopes, rtol=1e-5, atol=1e-6)


@test_case(name="gradients from tiles", points=3)
def gradients(student, rng):
    _check_gradients(student, rng, ((3, 4), (5, 4), (5, 2)), (2, 5))


@test_case(
    name="gradients from tiles under masks, and of inputs that broadcast",
    points=3,
    hidden=True,
    failure_message=(
        "dq is a sum over all tiles; dk and dv of a tile are complete. The scale belongs to dq and to dk, and what was"
        " stretched gets the sum of its gradients."
    ),
)
def gradients_of_more(student, rng):
    allowed = rng.random((3, 5)) < 0.6
    allowed[1] = False
    _check_gradients(student, rng, ((2, 3, 4), (2, 5, 4), (2, 5, 2)), (2, 3), allowed, mask=allowed)
    _check_gradients(student, rng, ((2, 2, 2, 3), (1, 2, 5, 3), (5, 2)), (2,), scale=float(rng.uniform(0.5, 2)))
    _check_gradients(student, rng, ((4, 3), (6, 3), (2, 6, 2)), (1, 4), np.tri(4, 6, dtype=bool), is_causal=True)


def _memory(student, rng, form, lengths, **settings):
    """Peaks in bytes for each length, on the way forward and on the way back."""
    found = []
    for n in lengths:
        q, k, v, g = _arrays(rng, *[(n, 8)] * 4)
        forward, backward, got = student.peaks(form, q, k, v, g, **settings)
        rows = np.tri(n, dtype=bool)[[0, n // 3, n - 1]] if settings.get("is_causal") else True
        expected = _by_hand(q[[0, n // 3, n - 1]], k, v, rows)[0]
        expect.close(got[[0, n // 3, n - 1]], expected, rtol=1e-3, atol=1e-4)
        found.append((forward, backward))
    return found


@test_case(
    name="memory grows like n, not like n²",
    points=3,
    hidden=True,
    failure_message=(
        "Twice the length may take twice the memory, not four times: hold one tile of scores at a time, no list of"
        " them, and no n by n mask for is_causal. The result is collected as the tiles pass."
    ),
)
def linear_memory(student, rng):
    n = int(rng.integers(240, 272))
    lengths = (n, 2 * n, 4 * n)
    whole = [forward for forward, _ in _memory(student, rng, "attention", lengths)]
    for settings in ({}, {"is_causal": True}):
        tiled = [forward for forward, _ in _memory(student, rng, "tiled", lengths, block=16, **settings)]
        for longer, shorter in zip(tiled[1:], tiled, strict=False):
            expect.between(longer / shorter, 1, 2.6, "growth of the peak with twice the length")
        expect.between(tiled[-1] / whole[-1], 0, 0.15, f"peak of the tiled form over that of the whole at {4 * n}")
        expect.true(tiled[-1] / whole[-1] < 0.5 * tiled[0] / whole[0], "the longer, the more tiles save")


@test_case(
    name="the way back needs no more than that either",
    points=2,
    hidden=True,
    failure_message=(
        "Keep one number a row on the way forward and compute the tiles again: saved weights, all tiles together, are n"
        " by n again."
    ),
)
def linear_memory_backward(student, rng):
    n = int(rng.integers(240, 272))
    ((_, whole),) = _memory(student, rng, "attention", (4 * n,))
    ((_, shorter), (_, longer)) = _memory(student, rng, "tiled", (2 * n, 4 * n), block=16)
    expect.between(longer / shorter, 1, 2.6, "growth of the peak with twice the length")
    expect.between(longer / whole, 0, 0.15, f"peak of the tiled form over that of the whole at {4 * n}")
