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
