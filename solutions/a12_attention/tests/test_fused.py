"""Tasks 3 and 4: attention as one op, and its gradient in closed form."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "fused"
title = "One op"
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


def _check_gradients(student, rng, shapes, allowed=True, **settings):
    arrays = [a.astype("float64") for a in _arrays(rng, *shapes)]
    g = rng.normal(size=_by_hand(*arrays)[0].shape)
    scale = settings.get("scale")
    _, *found = student.gradients_of("attention", *arrays, g, **settings)
    expected = _slopes(lambda q, k, v: (_by_hand(q, k, v, allowed, scale)[0] * g).sum(), arrays)
    for gradient, slopes in zip(found, expected, strict=True):
        expect.close(gradient, slopes, rtol=1e-5, atol=1e-6)
    return found


@test_case(name="the output of the op", points=2)
def output(student, rng):
    q, k, v = _arrays(rng, (2, 3, 4), (2, 5, 4), (2, 5, 6))
    got = student.output_of("attention", q, k, v)
    expect.dtype(got, "float32")
    expect.close(got, _by_hand(q, k, v)[0], rtol=1e-4, atol=1e-5)


@test_case(
    name="the op with masks of every shape, with no keys, and with queries that may look nowhere",
    points=3,
    hidden=True,
    failure_message=(
        "A mask broadcasts to the scores. A row without any allowed score is shifted by 0 and divided by 1, so that it"
        " ends as zeros; so does a row of no scores at all."
    ),
)
def masks(student, rng):
    q, k, v = _arrays(rng, (2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 8))
    for shape in ((4, 5), (1, 5), (4, 1), (5,), (2, 1, 4, 5), (3, 1, 5), (2, 3, 4, 5)):
        allowed = rng.random(shape) < 0.5
        got = student.output_of("attention", q, k, v, mask=allowed)
        expect.close(got, _by_hand(q, k, v, allowed)[0], rtol=1e-4, atol=1e-5)
    for left, middle, right in (((4, 8), (2, 5, 8), (5, 3)), ((4, 8), (5, 8), (2, 5, 3))):
        q, k, v = _arrays(rng, left, middle, right)
        got = student.output_of("attention", q, k, v)
        expect.close(got, _by_hand(q, k, v)[0], rtol=1e-4, atol=1e-5)
    q, k, v = _arrays(rng, (3, 4), (0, 4), (0, 2))
    expect.equal(student.output_of("attention", q, k, v), np.zeros((3, 2)))


@test_case(name="gradients of q, k and v", points=4)
def gradients(student, rng):
    _check_gradients(student, rng, ((3, 4), (5, 4), (5, 2)))


@test_case(
    name="gradients with masks, another scale, and inputs that broadcast",
    points=4,
    hidden=True,
    failure_message=(
        "A masked weight passes nothing back. An input that was stretched over others gets the sum of all gradients"
        " (unbroadcast), and both q and k were multiplied by the scale."
    ),
)
def gradients_of_more(student, rng):
    allowed = rng.random((3, 4)) < 0.6
    blind = int(rng.integers(3))
    allowed[blind] = False
    shapes = ((2, 3, 4), (2, 4, 4), (2, 4, 2))
    to_q, _, _ = _check_gradients(student, rng, shapes, allowed, mask=allowed)
    expect.equal(to_q[:, blind], np.zeros((2, 4)))
    _check_gradients(student, rng, ((2, 2, 2, 3), (1, 2, 4, 3), (4, 2)), scale=float(rng.uniform(0.5, 2)))
    _check_gradients(student, rng, ((2, 3), (4, 3), (2, 4, 2)), np.tri(2, 4, dtype=bool), is_causal=True)


@test_case(
    name="one node in the record, gradients only where they are wanted, inputs left alone",
    points=2,
    hidden=True,
    failure_message=(
        "attention runs the op ATTENTION once. Its rule returns None for inputs that want no gradient, and neither rule"
        " writes into the arrays of q, k and v."
    ),
)
def one_node(student, rng):
    arrays = _arrays(rng, (3, 4), (5, 4), (5, 2))
    g = rng.normal(size=(3, 2))
    _, *expected = student.gradients_of("attention", *arrays, g)
    for form, op in (("attention", "attention"), ("tiled", "tiled_attention")):
        for which in range(3):
            names, gradients, left = student.recorded(form, *arrays, which, g)
            expect.equal(names, [op])
            expect.equal(left, arrays)
            expect.close(gradients[which], expected[which], rtol=1e-3, atol=1e-4)
            expect.equal([gradients[i] for i in range(3) if i != which], [None, None])


@test_case(
    name="the matrix of scores is made once",
    points=2,
    hidden=True,
    failure_message=(
        "Shift, exponential and division go into the array of the scores itself (-=, out=, /=); each further array of"
        " that size counts."
    ),
)
def made_once(student, rng):
    n = int(rng.integers(380, 420))
    q, k, v, g = _arrays(rng, *[(4, n, 8)] * 4)
    forward, backward, got = student.peaks("attention", q, k, v, g)
    expect.close(got[:, :2], _by_hand(q[:, :2], k, v)[0], rtol=1e-3, atol=1e-4)
    size = 4 * 4 * n * n
    expect.between(forward / size, 1, 1.7, "peak of the way forward, in matrices of scores,")
    expect.between(backward / size, 1, 3.6, "peak of the way back, in matrices of scores,")
