"""Tasks 15 and 16: features by one definition, and what tells that they are not."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "features"
title = "Features"
points = None


def _table(rng, n):
    return {
        "metres": rng.uniform(1, 50, size=n),
        "seconds": rng.uniform(0.2, 9, size=n),
        "kilos": rng.uniform(1, 1.5, size=n),
        "colour": rng.integers(0, 3, size=n),
    }


def _raw(table):
    return np.stack([table["metres"] / np.maximum(table["seconds"], 1), 2 * table["kilos"]], axis=1)


def _scaled(table, train):
    raw = _raw(train)
    return (_raw(table) - raw.mean(axis=0)) / raw.std(axis=0)


@test_case(name="features of a table, scaled by the training data", points=1)
def tables(student, rng):
    train, live = _table(rng, 40), _table(rng, 6)
    X, computed, row, mean, std = student.fitted(train, live)
    expect.close(X, _scaled(train, train), rtol=1e-9)
    expect.close(computed, _scaled(live, train), rtol=1e-9)
    expect.close(row, _scaled(live, train)[0], rtol=1e-9)
    expect.close([mean, std], [_raw(train).mean(axis=0), _raw(train).std(axis=0)], rtol=1e-9)


@test_case(
    name="a feature that never varies, tables that do not fit, and nothing fitted",
    points=1,
    hidden=True,
    failure_message="A deviation of 0 is taken as 1. A missing column is a LookupError that names it; no fit a ValueError.",
)
def edges(student, rng):
    train, live = _table(rng, 20), _table(rng, 3)
    X, computed, *_ = student.fitted(train, live, "more")
    expect.equal([X[:, 2], computed[:, 2]], [np.zeros(20), np.zeros(3)])
    _, computed, *_ = student.fitted({**train, "kilos": np.full(20, 2.0)}, live)
    expect.close(computed[:, 1], 2 * live["kilos"] - 4)  # never varied in training, and does here
    expect.raises(LookupError, student.raw, {"metres": [1.0], "seconds": [1.0]}, mentions=["kilos", "load"])
    expect.raises(ValueError, student.raw, {**train, "kilos": np.ones(3)}, mentions=["3", "20"])
    expect.raises(ValueError, student.unfitted, train)
    expect.close(student.raw({"metres": [3], "seconds": [2], "kilos": [1]}), [[1.5, 2.0]])


@test_case(
    name="a fingerprint changes with every definition",
    points=1,
    hidden=True,
    failure_message="Name, inputs, order and code of every feature belong into it, and nothing else.",
)
def fingerprint(student, rng):
    changes = [None, "name", "input", "order", "constant", "more"]
    expect.equal(student.fingerprints(changes), [True, False, False, False, False, False])


@test_case(name="what training learned travels with the model, and what was served is compared", points=1)
def travels(student, rng):
    train, live = _table(rng, 30), _table(rng, 4)
    expect.close(student.through_registry(train, live), _scaled(live, train), rtol=1e-9)
    expect.raises(ValueError, student.through_registry, train, live, "constant", mentions=["definitions"])
    train, live = _table(rng, 30), _table(rng, 8)
    ok, differences, skewed = student.skew(train, live)
    expect.equal([ok, differences, skewed], [True, {"speed": 0.0, "load": 0.0}, []])
    amount, row = float(rng.uniform(0.1, 0.9)), int(rng.integers(8))
    ok, differences, skewed = student.skew(train, live, [[1, row, -amount], [0, 3, 1e-9]])
    expect.equal([ok, skewed], [False, ["load"]])
    expect.close(differences["load"], amount)


@test_case(
    name="missing numbers, and definitions that look at other rows",
    points=1,
    hidden=True,
    failure_message="NaN in place of a number is a difference, an infinite one. Rows computed alone show what looks around.",
)
def hidden_skew(student, rng):
    train, live = _table(rng, 30), _table(rng, 8)
    ok, differences, skewed = student.skew(train, live, [[0, 2, np.nan]])
    expect.equal([ok, differences["speed"], differences["load"], skewed], [False, np.inf, 0.0, ["speed"]])
    live["metres"][1] = np.nan
    expect.equal(student.skew(train, live)[0], True)
    live = _table(rng, 8)
    expect.equal(student.skew(train, live, alone=True)[::2], [True, []])
    ok, _, skewed = student.skew(train, live, change="batch", alone=True)
    expect.equal([ok, skewed], [False, ["centred"]])


@test_case(
    name="what is rounding and what is not, and features of other rows",
    points=1,
    hidden=True,
    failure_message=(
        "Up to atol + rtol |expected| is rounding, so a large number may be off by more than a small one. Features of"
        " another shape are a ValueError, also where NumPy would stretch them."
    ),
)
def rounding(student, rng):
    train, live, rtol = _table(rng, 30), _table(rng, 8), float(rng.uniform(1e-4, 1e-3))
    large, small = (int(row) for row in rng.permutation(8)[:2])
    live["kilos"][large] *= 1000
    reach = rtol * abs(_scaled(live, train)[large, 1])
    for row, amount, fine in ((large, 0.9, True), (large, -1.1, False), (small, 0.9, False)):
        ok, differences, skewed = student.skew(train, live, [[1, row, amount * reach]], rtol=rtol, atol=0.0)
        expect.equal([ok, skewed], [fine, [] if fine else ["load"]])
        expect.close(differences["load"], abs(amount) * reach, rtol=1e-6)
    for atol, fine in ((0.011, True), (0.009, False)):
        expect.equal(student.skew(train, live, [[0, small, 0.01]], rtol=0.0, atol=atol)[0], fine)
    expect.equal(student.skew(train, live, rtol=0.0, atol=0.0), [True, {"speed": 0.0, "load": 0.0}, []])
    for rows in (1, 7):
        expect.raises(ValueError, student.skew, train, live, rows=rows)
