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


@test_case(
    name="buckets of any sizes, of one dtype each",
    points=1,
    hidden=True,
    failure_message=(
        "An array goes into the bucket under way if its bytes still fit and the dtype is the same, else it opens the"
        " next one. A large array alone may exceed the limit."
    ),
)
def more_buckets(student, rng):
    sizes = [int(n) for n in rng.integers(1, 30, size=20)]
    dtypes = [str(d) for d in rng.choice(["float32", "float32", "float64"], size=20)]
    limit, want = 200, []
    for i in reversed(range(20)):
        taken = sum(sizes[j] * np.dtype(dtypes[j]).itemsize for j in want[-1]) if want else 0
        fits = taken + sizes[i] * np.dtype(dtypes[i]).itemsize <= limit
        if want and fits and dtypes[want[-1][0]] == dtypes[i]:
            want[-1].append(i)
        else:
            want.append([i])
    expect.equal(student.buckets([[n] for n in sizes], dtypes, limit), want)
    expect.equal(student.buckets([], [], limit), [])


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


@test_case(
    name="a bucket is one all-reduce, not one for each parameter",
    points=1,
    hidden=True,
    failure_message="Lay the gradients of a bucket end to end, reduce that, and cut it up again: 2 (n - 1) messages.",
)
def messages(student, rng):
    # What is cut for three ranks leaves no rest: that is another case's question.
    shapes = [[3 * int(n)] for n in rng.integers(1, 4, size=12)]
    ranks = [[rng.normal(size=shape).astype("f4") for shape in shapes] for _ in range(3)]
    for got, sent in student.reduced_gradients(shapes, ranks, 1 << 20):
        expect.equal(sent, 4)
        for i in range(12):
            expect.close(got[i], sum(g[i].astype("f8") for g in ranks), rtol=1e-5, atol=1e-6)


@test_case(name="training on two ranks equals training on one", points=2)
def equal(student, rng):
    weights, batches = _network(rng, 4, 6, 2), _batches(rng, [8] * 5)
    _expect_training(student.trained_together(2, weights, batches, 0.1, 0.9), weights, batches)


@test_case(
    name="unequal shares, and ranks without examples",
    points=2,
    hidden=True,
    failure_message=(
        "The mean over a share of 3 of 7 examples counts 3/7, not a half, and the sum over the ranks is no mean of"
        " means. A rank whose share is empty adds zeros and takes part in every all-reduce."
    ),
)
def unequal(student, rng):
    weights, batches = _network(rng, 4, 5, 2), _batches(rng, [7, 1, 5, 2, 10])
    for ranks in (1, 2, 3, 4):
        _expect_training(student.trained_together(ranks, weights, batches, 0.1, 0.9), weights, batches)
    expect.equal(student.shares(7, 3), [[0, 3], [3, 5], [5, 7]])


@test_case(name="training in two processes", points=1)
def processes(student, rng):
    weights, batches = _network(rng, 4, 6, 2), _batches(rng, [6, 7, 3])
    losses, params = student.trained_by_processes(2, weights, batches, 0.1, 0.9)
    _expect_training([[losses, params]], weights, batches)


@test_case(
    name="rank 0's weights for all, random numbers of its own for each",
    points=1,
    hidden=True,
    failure_message=(
        "Before the first step all ranks take rank 0's weights. Then each seeds with seed + rank: forked workers would"
        " all draw the same numbers, and drop the same units."
    ),
)
def beginning(student, rng):
    weights, seed = _network(rng, 4, 3, 2), int(rng.integers(1000))
    for rank, (params, numbers) in enumerate(student.begun_by_processes(3, weights, seed)):
        for got, want in zip(params, [a for pair in weights for a in pair], strict=True):
            expect.equal(got, want)
        expect.close(numbers, np.random.default_rng(seed + rank).random(3), rtol=1e-12)


@test_case(
    name="a worker that dies is an error, not a wait without end",
    points=1,
    hidden=True,
    failure_message="Let WorkerError through: a rank that has lost its neighbour has nothing to compute.",
)
def dead(student, rng):
    weights, batches = _network(rng, 4, 3, 2), _batches(rng, [6, 6])
    batches[1][1][5] = 77.0
    expect.raises(
        RuntimeError, student.trained_by_processes, 2, weights, batches, 0.1, 0.9, dies=77.0, mentions=["rank 1"]
    )
