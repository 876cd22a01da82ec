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
