"""Tasks 9 and 10: batch normalisation, its running statistics and its gradients."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "batch_norm"
title = "Batch normalisation"
points = None


def _images(rng, n=4, c=3, h=5, w=4):
    """Images whose channels differ in mean and spread."""
    spread, centre = rng.uniform(0.5, 4, (c, 1, 1)), rng.uniform(-6, 6, (c, 1, 1))
    return (rng.normal(size=(n, c, h, w)) * spread + centre).astype("float32")


def _running(rng, c=3):
    return rng.normal(size=c).astype("float32"), rng.uniform(0.5, 3, c).astype("float32")


def _column(values):
    return np.asarray(values, "float64")[:, None, None]


def _normalised(x, mean, var, weight, bias, eps=1e-5):
    return (x - _column(mean)) / np.sqrt(_column(var) + eps) * _column(weight) + _column(bias)


def _of_batch(x):
    return x.mean(axis=(0, 2, 3), dtype="float64"), x.var(axis=(0, 2, 3), dtype="float64")


@test_case(name="in training every channel has the mean bias and the deviation weight", points=2)
def of_the_batch(student, rng):
    x, (weight, bias) = _images(rng), rng.uniform(0.5, 2, (2, 3)).astype("float32")
    got, *_ = student.normalised(x, *_running(rng), weight, bias, training=True)
    expect.shape(got, x.shape)
    expect.close(got.mean(axis=(0, 2, 3)), bias, atol=1e-4)
    expect.close(got.std(axis=(0, 2, 3)), weight, rtol=1e-3, atol=1e-4)
    expect.dtype(got, "float32")


@test_case(name="in evaluation with the running statistics, which stay", points=2)
def of_the_past(student, rng):
    x, (mean, var), (weight, bias) = _images(rng), _running(rng), rng.uniform(0.5, 2, (2, 3)).astype("float32")
    got, mean_after, var_after = student.normalised(x, mean, var, weight, bias)
    expect.close(got, _normalised(x, mean, var, weight, bias), rtol=1e-4, atol=1e-4)
    expect.equal([mean_after, var_after], [mean, var])
    whole = rng.integers(-9, 10, (2, 3, 2, 2))
    expect.dtype(student.normalised_integers(whole, mean, var), "float32")
    expect.close(student.normalised(x, mean, var)[0], _normalised(x, mean, var, [1] * 3, [0] * 3), rtol=1e-4, atol=1e-4)


@test_case(name="the running mean moves a tenth of the way", points=2)
def running_mean(student, rng):
    x, (mean, var) = _images(rng), _running(rng)
    _, got, _ = student.normalised(x, mean, var, training=True)
    expect.close(got, 0.9 * mean + 0.1 * _of_batch(x)[0], atol=1e-5)
    momentum = float(rng.uniform(0.2, 0.4))
    _, got, _ = student.normalised(x, mean, var, training=True, momentum=momentum)
    expect.close(got, (1 - momentum) * mean + momentum * _of_batch(x)[0], atol=1e-5)


@test_case(name="the layer trains on batches and evaluates on what it has seen", points=2)
def modes(student, rng):
    batches, x = [_images(rng) for _ in range(3)], _images(rng)
    evaluated, trained = student.layer_through_modes(batches, x, momentum=0.5)
    mean, var = np.zeros(3), np.ones(3)
    for batch in batches:
        now = _of_batch(batch)
        mean, var = 0.5 * mean + 0.5 * now[0], 0.5 * var + 0.5 * now[1] * 80 / 79
    expect.close(evaluated, _normalised(x, mean, var, [1] * 3, [0] * 3), rtol=1e-3, atol=1e-3)
    expect.close(trained, _normalised(x, *_of_batch(x), [1] * 3, [0] * 3), rtol=1e-3, atol=1e-3)
