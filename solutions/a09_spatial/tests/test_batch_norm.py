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


@test_case(
    name="the running variance is the unbiased one",
    points=2,
    hidden=True,
    failure_message="Normalise with the variance divided by n; keep the one divided by n - 1 (n numbers a channel).",
)
def running_variance(student, rng):
    x, (mean, var) = _images(rng, 2, 3, 2, 1), _running(rng)
    output, _, got = student.normalised(x, mean, var, training=True)
    expect.close(got, 0.9 * var + 0.1 * _of_batch(x)[1] * 4 / 3, rtol=1e-4, atol=1e-5)
    expect.close(output, _normalised(x, *_of_batch(x), [1] * 3, [0] * 3), rtol=1e-4, atol=1e-4)


@test_case(
    name="gradients in training flow through mean and variance",
    points=4,
    hidden=True,
    failure_message=(
        "Mean and variance of the batch change with x: without the two correction terms a constant added to x would"
        " seem to change the output. Check that the gradient of x adds up to 0 in every channel."
    ),
)
def training_gradients(student, rng):
    for eps_matters in (False, True):
        x = _images(rng, 3, 3, 4, 2) * np.float32(1e-3 if eps_matters else 1)
        weight, bias, g = rng.normal(size=3), rng.normal(size=3), rng.normal(size=x.shape)
        g = g.astype("float32")
        mean, var = _of_batch(x)
        y = _normalised(x, mean, var, [1] * 3, [0] * 3)
        sums = [(g * y).sum(axis=(0, 2, 3)), g.sum(axis=(0, 2, 3), dtype="float64")]
        to_x = (g - (_column(sums[1]) + y * _column(sums[0])) / 24) * _column(weight / np.sqrt(var + 1e-5))
        arrays = [a.astype("float32") for a in (weight, bias, g)]
        got = student.normalisation_gradients(x, *arrays, *_running(rng), True)
        for actual, expected in zip(got, (to_x, *sums), strict=True):
            expect.close(actual, expected, rtol=2e-3, atol=2e-3 if eps_matters else 2e-5)
            expect.dtype(actual, "float32")


@test_case(
    name="gradients in evaluation take the statistics as they are",
    points=2,
    hidden=True,
    failure_message="Running statistics do not depend on x: its gradient is g * weight / √(var + eps), nothing more.",
)
def evaluation_gradients(student, rng):
    x, (mean, var), (weight, bias) = _images(rng), _running(rng), rng.normal(size=(2, 3)).astype("float32")
    g = rng.normal(size=x.shape).astype("float32")
    got = student.normalisation_gradients(x, weight, bias, g, mean, var, False)
    y = _normalised(x, mean, var, [1] * 3, [0] * 3)
    expected = (
        g * _column(weight / np.sqrt(var + 1e-5)), (g * y).sum(axis=(0, 2, 3)), g.sum(axis=(0, 2, 3), dtype="float64")
    )  # fmt: skip
    for actual, right in zip(got, expected, strict=True):
        expect.close(actual, right, rtol=1e-3, atol=1e-4)
    some = student.normalisation_gradients(x, weight, bias, g, mean, var, False, frozen=[0, 1])
    expect.equal(some[:2], [None, None])
    expect.close(some[2], expected[2], rtol=1e-3, atol=1e-4)


@test_case(
    name="a channel far from 0 loses no digits",
    points=1,
    hidden=True,
    failure_message="Subtract the mean before you multiply: x * scale and mean * scale are large and nearly equal.",
)
def far_from_zero(student, rng):
    x = (rng.normal(size=(4, 2, 6, 6)) * 0.05 + rng.uniform(3e3, 6e3)).astype("float32")
    mean, var = _of_batch(x)
    got, *_ = student.normalised(x, mean.astype("float32"), var.astype("float32"))
    expect.close(got, _normalised(x, mean.astype("float32"), var, [1, 1], [0, 0]), rtol=1e-4, atol=1e-3)


@test_case(
    name="statistics run on under no_grad, in place",
    points=1,
    hidden=True,
    failure_message="Without a record there is no node to read the statistics from: compute them. Write into the arrays.",
)
def under_no_grad(student, rng):
    x, (mean, var) = _images(rng), _running(rng)
    now = _of_batch(x)
    for got in (student.normalised_without_record(x, mean, var), student.statistics_after_recording(x, mean, var)):
        expect.close(got[0], 0.9 * mean + 0.1 * now[0], atol=1e-5)
        expect.close(got[1], 0.9 * var + 0.1 * now[1] * 80 / 79, rtol=1e-4, atol=1e-5)


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


@test_case(
    name="running statistics are state, weight and bias are parameters",
    points=2,
    hidden=True,
    failure_message=(
        "register_buffer makes state that is saved and not trained. With affine=False there are no parameters; with"
        " track_running_stats=False there is no state, and evaluation uses the batch."
    ),
)
def state(student, rng):
    batch, x = _images(rng), _images(rng)
    saved, parameters, output = student.saved_and_loaded(batch, x)
    expect.equal(sorted(saved), ["bias", "running_mean", "running_var", "weight"])
    expect.equal(parameters, ["weight", "bias"])
    mean, var = _of_batch(batch)
    mean, var = 0.1 * mean, 0.9 + 0.1 * var * 80 / 79
    expect.close(saved["running_mean"], mean, atol=1e-5)
    expect.close(output, _normalised(x, mean, var, [1] * 3, [0] * 3), rtol=1e-3, atol=1e-3)
    for options, names in (
        ({"affine": False}, ["running_mean", "running_var"]),
        ({"track_running_stats": False}, ["bias", "weight"]),
    ):
        got, output = student.without_parameters(batch, options)
        expect.equal(got, names)
        used = (mean, var) if options.get("track_running_stats", True) else _of_batch(batch)
        expect.close(output, _normalised(batch, *used, [1] * 3, [0] * 3), rtol=1e-3, atol=1e-3)
