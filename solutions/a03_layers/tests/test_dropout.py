"""Task 6: dropout keeps the mean, follows the mode and the seed."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "dropout"
title = "Dropout"
points = None


def _array(rng, *shape):
    return rng.normal(size=shape).astype("float32")


@test_case(name="an element is 0 or x / (1 - p)", points=3)
def zero_or_scaled(student, rng):
    x, p = _array(rng, 60, 50), float(rng.uniform(0.6, 0.85))
    got = student.dropout(x, p, int(rng.integers(1000)))
    expect.shape(got, x.shape)
    expect.close(got, np.where(got == 0, 0, x / (1 - p)))
    expect.between(np.mean(got == 0), p - 0.06, p + 0.06, f"share of zeros for p = {p:.3f}")


@test_case(name="evaluation mode switches dropout off", points=2)
def follows_the_mode(student, rng):
    x, p = _array(rng, 30, 40), float(rng.uniform(0.15, 0.35))
    expect.equal(student.dropout_layer(x, p, False), x)
    expect.between(np.mean(student.dropout_layer(x, p, True) == 0), p - 0.1, p + 0.1, f"share of zeros for p = {p:.3f}")


@test_case(
    name="the mean stays",
    points=2,
    hidden=True,
    failure_message=(
        "p is the probability to drop, and what is kept grows by 1 / (1 - p): the mean over many draws is the input."
    ),
)
def mean_stays(student, rng):
    for p in (0.1, 0.9, float(rng.uniform(0.2, 0.8))):
        got = student.dropout(np.ones((200, 300), "float32"), p, int(rng.integers(1000)))
        expect.shape(got, (200, 300))
        expect.between(got.mean(), 0.95, 1.05, f"mean of dropped-out ones for p = {p:.3f}")
        expect.between(np.mean(got == 0), p - 0.01, p + 0.01, f"share of zeros for p = {p:.3f}")
        rows, columns = (got == 0).mean(axis=1), (got == 0).mean(axis=0)
        expect.between(
            max(rows.std(), columns.std()), 0.005, 0.06, "spread of the share of zeros over rows and columns"
        )


@test_case(
    name="masks follow manual_seed",
    points=2,
    hidden=True,
    failure_message=(
        "Every call draws a new mask from generator(): the same seed gives the same masks in the same order."
    ),
)
def seeded(student, rng):
    x, seed = 1 + rng.random((40, 50)).astype("float32"), int(rng.integers(1, 10_000))
    first, second = student.dropout_twice(x, 0.5, seed)
    again, _ = student.dropout_twice(x, 0.5, seed)
    other, _ = student.dropout_twice(x, 0.5, seed + 1)
    expect.shape(first, x.shape)
    expect.equal(again, first)
    for different in (second, other):
        expect.shape(different, x.shape)
        expect.between(np.mean((different == 0) == (first == 0)), 0.4, 0.6, "share of elements with equal fate")


@test_case(
    name="p of 0 and of 1, and what is no probability",
    points=1,
    hidden=True,
    failure_message=(
        "p = 0 drops nothing, p = 1 everything (and divides by nothing). Other numbers are ValueErrors that name p."
    ),
)
def limits(student, rng):
    x, high = _array(rng, 5, 6), float(rng.uniform(1.01, 1.9))
    expect.equal(student.dropout(x, 0.0, 1), x)
    expect.equal(student.dropout(x, 1.0, 1), np.zeros_like(x))
    expect.equal([student.dropout_made(p) for p in (0, 1, 0.25)], [0, 1, 0.25])
    for p in (-0.1, high, float("nan")):
        expect.raises(ValueError, student.dropout_made, p, mentions=[str(p)])
        expect.raises(ValueError, student.dropout, x, p, 1, mentions=[str(p)])


@test_case(
    name="training= wins over the mode",
    points=2,
    hidden=True,
    failure_message=(
        "Dropout.forward(x, training=False) drops nothing in training mode, training=True drops in evaluation mode."
    ),
)
def override(student, rng):
    x = _array(rng, 30, 40)
    for mode in (True, False):
        expect.equal(student.dropout_layer(x, 0.5, mode, training=False), x)
        share = np.mean(student.dropout_layer(x, 0.5, mode, training=True) == 0)
        expect.between(share, 0.4, 0.6, "share of zeros with training=True")
    expect.equal(student.dropout_layer(x, 0.5, True, False), x)


@test_case(
    name="the dtype stays, and so does the input",
    points=1,
    hidden=True,
    failure_message="The mask has the dtype of the input (float32 for integers); the input is not written to.",
)
def dtypes(student, rng):
    x, p = 1 + rng.random((20, 30)), float(rng.uniform(0.2, 0.6))
    for given, expected in ((x.astype("float32"), "float32"), (x, "float64"), (np.ones((20, 30), "int64"), "float32")):
        got = student.dropout(given, p, 3)
        expect.dtype(got, expected)
        expect.shape(got, given.shape)
        expect.close(got, np.where(got == 0, 0, given / (1 - p)))
    wide = student.dropout(x, p, 3)
    expect.shape(wide, x.shape)
    expect.close(wide, np.where(wide == 0, 0, x / (1 - p)), rtol=1e-14, atol=0)
    expect.equal(student.input_after_dropout(x, p), x)
