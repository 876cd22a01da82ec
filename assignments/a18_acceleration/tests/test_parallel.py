"""Tasks 11 and 12: gradients in buckets, and training on several ranks that equals training on one."""

from itertools import pairwise

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "parallel"
title = "Many workers, one model"
points = None


def _network(rng, *sizes):
    """Weights and biases of linear layers with tanh between them."""
    return [
        (rng.normal(0, 0.5, size=pair).astype("f4"), rng.normal(0, 0.1, size=pair[1]).astype("f4"))
        for pair in pairwise(sizes)
    ]


def _train(weights, batches, lr, momentum):
    """Losses and parameters of one process, in float64: mean squared error, gradient descent with momentum."""
    params = [np.array(a, "f8") for pair in weights for a in pair]
    speeds, losses = [np.zeros_like(p) for p in params], []
    for x, target in batches:
        values = [x.astype("f8")]
        for i in range(0, len(params), 2):
            z = values[-1] @ params[i] + params[i + 1]
            values.append(np.tanh(z) if i + 2 < len(params) else z)
        error = values[-1] - target
        losses.append((error**2).mean())
        g, gradients = 2 * error / error.size, []
        for i in range(len(params) - 2, -1, -2):
            if i + 2 < len(params):
                g = g * (1 - values[i // 2 + 1] ** 2)
            gradients[:0] = [values[i // 2].T @ g, g.sum(0)]
            g = g @ params[i].T
        for p, speed, gradient in zip(params, speeds, gradients, strict=True):
            speed *= momentum
            speed += gradient
            p -= lr * speed
    return losses, params


def _batches(rng, counts):
    return [(rng.normal(size=(n, 4)).astype("f4"), rng.normal(size=(n, 2)).astype("f4")) for n in counts]


def _expect_training(answers, weights, batches, lr=0.1, momentum=0.9):
    losses, params = _train(weights, batches, lr, momentum)
    for got_losses, got_params in answers:
        expect.close(got_losses, losses, rtol=1e-5, atol=1e-6)
        for got, want in zip(got_params, params, strict=True):
            expect.close(got, want, rtol=1e-5, atol=2e-6)
        # All ranks hold the same bits.
        for got, first in zip(got_params, answers[0][1], strict=True):
            expect.equal(got, first)


@test_case(name="buckets are filled from the last array on", points=1)
def buckets(student, rng):
    shapes, dtypes = [[10], [5], [20], [3], [4]], ["float32"] * 5
    expect.equal(student.buckets(shapes, dtypes, 48), [[4, 3], [2], [1], [0]])
    expect.equal(student.buckets(shapes, dtypes, 1000), [[4, 3, 2, 1, 0]])
    expect.equal(student.buckets(shapes, dtypes, 28), [[4, 3], [2], [1], [0]])
    expect.equal(student.buckets(shapes, dtypes, 1), [[4], [3], [2], [1], [0]])


@test_case(name="gradients of all ranks are added up, and missing ones are zeros", points=2)
def gradients(student, rng):
    shapes = [[3, 4], [4], [4, 2], [2]]
    ranks = [[rng.normal(size=shape).astype("f4") for shape in shapes] for _ in range(3)]
    ranks[1][2] = None
    ranks[2] = [None] * 4
    for limit in (1 << 20, 40):
        for got, _ in student.reduced_gradients(shapes, ranks, limit):
            expect.equal(len(got), 4)
            for i, shape in enumerate(shapes):
                want = sum(g[i].astype("f8") for g in ranks if g[i] is not None)
                expect.shape(got[i], shape)
                expect.close(got[i], want, rtol=1e-5, atol=1e-6)


@test_case(name="training on two ranks equals training on one", points=2)
def equal(student, rng):
    weights, batches = _network(rng, 4, 6, 2), _batches(rng, [8] * 5)
    _expect_training(student.trained_together(2, weights, batches, 0.1, 0.9), weights, batches)


@test_case(name="training in two processes", points=1)
def processes(student, rng):
    weights, batches = _network(rng, 4, 6, 2), _batches(rng, [6, 7, 3])
    losses, params = student.trained_by_processes(2, weights, batches, 0.1, 0.9)
    _expect_training([[losses, params]], weights, batches)
