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
