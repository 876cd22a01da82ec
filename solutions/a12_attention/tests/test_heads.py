"""Task 7: the layer: heads split and merged, masks for all of them, gradients of every parameter."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "heads"
title = "Several heads"
points = None

EIGHT = [f"{layer}_proj.{part}" for layer in ("q", "k", "v", "out") for part in ("weight", "bias")]


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def _parameters(rng, size, bias=True):
    """Weights and biases of the four layers, in their order."""
    shapes = [shape for _ in range(4) for shape in ((size, size), (size,))[: 2 if bias else 1]]
    return [a / 2 for a in _arrays(rng, *shapes)]


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


def _layer_by_hand(x, num_heads, parameters, allowed=True, key=None, value=None):
    """The layer one sequence and one head at a time; `allowed` broadcasts to (batch, heads, T, S)."""
    key = x if key is None else key
    value = key if value is None else value
    weights, biases = (parameters[::2], parameters[1::2]) if len(parameters) == 8 else (parameters, [0.0] * 4)
    q, k, v = (x @ w + b for x, w, b in zip((x, key, value), weights, biases, strict=False))
    allowed = np.broadcast_to(allowed, (len(x), num_heads, q.shape[1], k.shape[1]))
    size = x.shape[-1] // num_heads
    heads = np.zeros(x.shape)
    for i, h in np.ndindex(len(x), num_heads):
        part = slice(h * size, (h + 1) * size)
        heads[i, :, part] = _by_hand(q[i, :, part], k[i, :, part], v[i, :, part], allowed[i, h])[0]
    return heads @ weights[3] + biases[3]


@test_case(name="four linear layers, and sizes that cannot be split", points=2)
def four_layers(student, rng):
    heads, size = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    named, numbers = student.described(heads * size, heads)
    shapes = [[heads * size, heads * size], [heads * size]] * 4
    expect.equal(named, [[name, shape, True] for name, shape in zip(EIGHT, shapes, strict=True)])
    expect.equal(numbers, [heads * size, heads, size])
    named, _ = student.described(heads * size, heads, bias=False)
    expect.equal([name for name, _, _ in named], EIGHT[::2])
    for size, heads in ((10, 4), (8, 0)):
        expect.raises(ValueError, student.described, size, heads, mentions=[str(size), str(heads)])


@test_case(name="features are split into heads", points=2)
def split(student, rng):
    (x,) = _arrays(rng, (2, 5, 12))
    heads = student.split(x, 3)
    expect.shape(heads, (2, 3, 5, 4))
    for h in range(3):
        expect.equal(heads[:, h], x[..., 4 * h : 4 * h + 4])


@test_case(name="heads are merged again", points=1)
def merged(student, rng):
    (heads,) = _arrays(rng, (2, 3, 5, 4))
    expect.equal(student.merged(heads), np.concatenate([heads[:, h] for h in range(3)], axis=-1))


@test_case(name="the layer on a batch of sequences", points=4)
def on_a_batch(student, rng):
    (x,), parameters = _arrays(rng, (2, 5, 6)), _parameters(rng, 6)
    got = student.through_layer(x, 3, parameters)
    expect.dtype(got, "float32")
    expect.close(got, _layer_by_hand(x, 3, parameters), rtol=1e-4, atol=1e-4)


@test_case(
    name="one head, one feature a head, one position, one sequence, no bias",
    points=2,
    hidden=True,
    failure_message=(
        "The layer works for any number of dimensions before (positions, features), none included, and for heads of any"
        " size, whatever the batch."
    ),
)
def other_sizes(student, rng):
    for shape, heads in (((3, 4, 6), 1), ((1, 4, 6), 6), ((2, 1, 8), 2), ((4, 4, 4), 4)):
        (x,), parameters = _arrays(rng, shape), _parameters(rng, shape[-1], bias=shape[0] != 3)
        got = student.through_layer(x, heads, parameters)
        expect.close(got, _layer_by_hand(x, heads, parameters), rtol=1e-4, atol=1e-4)
        expect.close(student.through_layer(x[0], heads, parameters), got[0], rtol=1e-4, atol=1e-4)
        deep = student.through_layer(np.stack([x, x[::-1]]), heads, parameters)
        expect.close(deep, np.stack([got, got[::-1]]), rtol=1e-4, atol=1e-4)


@test_case(
    name="masks for all, for each sequence, for each head",
    points=3,
    hidden=True,
    failure_message=(
        "(T, S) holds for everything, (batch, T, S) for all heads of a sequence, (batch, heads, T, S) for one head."
        " is_causal comes in addition."
    ),
)
def masks(student, rng):
    (x,), parameters = _arrays(rng, (3, 4, 6)), _parameters(rng, 6)
    for shape in ((4, 4), (3, 4, 4), (3, 1, 4), (1, 4, 4), (3, 3, 4, 4), (3, 1, 1, 4)):
        mask = rng.random(shape) < 0.6
        spread = mask[:, None] if mask.ndim == 3 else mask
        got = student.through_layer(x, 3, parameters, mask.astype(int).tolist())
        expect.close(got, _layer_by_hand(x, 3, parameters, spread), rtol=1e-4, atol=1e-4)
        got = student.through_layer(x, 3, parameters, mask, True)
        expected = _layer_by_hand(x, 3, parameters, spread & np.tri(4, dtype=bool))
        expect.close(got, expected, rtol=1e-4, atol=1e-4)


@test_case(
    name="looking at another sequence",
    points=2,
    hidden=True,
    failure_message="Queries come from x, keys from key, values from value (or from key where there is none).",
)
def another_sequence(student, rng):
    x, key, value = _arrays(rng, (2, 3, 6), (2, 5, 6), (2, 5, 6))
    parameters = _parameters(rng, 6)
    alone, both = student.through_layer_to(x, key, value, 2, parameters)
    expect.close(alone, _layer_by_hand(x, 2, parameters, key=key), rtol=1e-4, atol=1e-4)
    expect.close(both, _layer_by_hand(x, 2, parameters, key=key, value=value), rtol=1e-4, atol=1e-4)
    (narrow,) = _arrays(rng, (2, 3, 5))
    expect.raises(ValueError, student.through_layer, narrow, 2, parameters, mentions=["(2, 3, 5)", "6"])


@test_case(
    name="project, attend and combine are the parts of forward",
    points=2,
    hidden=True,
    failure_message=(
        "A cache will come between these methods: project gives the queries, keys and values of every head, attend"
        " knows nothing of the layers, combine merges the heads and runs out_proj."
    ),
)
def parts(student, rng):
    (x,), parameters = _arrays(rng, (2, 4, 6)), _parameters(rng, 6)
    allowed = rng.random((2, 4, 4)) < 0.7
    *projected, heads, out = student.in_parts(x, 2, parameters, allowed)
    for got, weight, bias in zip(projected, parameters[::2], parameters[1::2], strict=False):
        expect.shape(got, (2, 2, 4, 3))
        expect.close(np.concatenate([got[:, 0], got[:, 1]], axis=-1), x @ weight + bias, rtol=1e-4, atol=1e-4)
    expect.close(heads, _by_hand(*projected, allowed[:, None])[0], rtol=1e-4, atol=1e-4)
    expect.close(out, _layer_by_hand(x, 2, parameters, allowed[:, None]), rtol=1e-4, atol=1e-4)


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


@test_case(
    name="gradients of the input and of every parameter",
    points=3,
    hidden=True,
    failure_message="Each of the eight parameters, and the input through all three projections, gets its gradient.",
)
def gradients(student, rng):
    x, g = (a.astype("float64") for a in _arrays(rng, (2, 3, 4), (2, 3, 4)))
    parameters = [p.astype("float64") for p in _parameters(rng, 4)]
    allowed = np.tri(3, dtype=bool)
    allowed[1, 0] = bool(rng.integers(2))
    found = student.layer_gradients(x, 2, parameters, g, allowed)
    expected = _slopes(lambda x, *ps: (_layer_by_hand(x, 2, ps, allowed) * g).sum(), [x, *parameters])
    for gradient, slopes in zip(found, expected, strict=True):
        expect.close(gradient, slopes, rtol=1e-5, atol=1e-6)
