"""What a loss may be given: tensors, arrays and lists, in any dtype; and what it says when something does not fit."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "inputs"
title = "Targets, dtypes and errors"
points = None


def _cross_entropy(x, targets):
    x = x.astype("float64")
    return np.mean(np.log(np.exp(x).sum(axis=1)) - x[np.arange(len(x)), targets])


@test_case(name="targets are tensors, arrays or lists", points=3)
def forms_of_targets(student, rng):
    x = rng.normal(size=(5, 4)).astype("float32")
    y = rng.normal(size=(5, 4)).astype("float32")
    targets = rng.integers(0, 4, size=5)
    expected, squares = _cross_entropy(x, targets), np.mean((x.astype("float64") - y) ** 2)
    for form in (targets, targets.astype("int32"), targets.astype("float32"), [int(t) for t in targets]):
        expect.close(student.loss("cross_entropy", x, form), expected)
    expect.close(student.loss_of_tensors("cross_entropy", x, targets), expected)
    for form in (y, y.astype("float64"), [[float(v) for v in row] for row in y]):
        expect.close(student.loss("mse_loss", x, form), squares)
    expect.close(student.loss_of_tensors("mse_loss", x, y), squares)
