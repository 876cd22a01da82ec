"""Log-softmax: the logarithm of softmax, finite even where softmax itself is rounded to zero."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "log_softmax"
title = "Log-softmax"
points = None


def _log_softmax(x, dim):
    shifted = x.astype("float64") - x.max(axis=dim, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))


@test_case(name="log_softmax is the logarithm of softmax", points=3)
def is_the_logarithm(student, rng):
    x = 3 * rng.normal(size=(4, 5))
    expect.close(student.log_softmax(x), _log_softmax(x, -1), rtol=1e-12, atol=1e-12)
    expect.close(np.exp(_log_softmax(x, -1)), student.softmax(x), rtol=1e-12, atol=1e-12)


@test_case(
    name="log_softmax stays finite where softmax is zero",
    points=5,
    hidden=True,
    failure_message="For logits 0 and 500 the answer is -500 and 0, though softmax rounds the first to 0.",
)
def stays_finite(student, rng):
    gaps = rng.uniform(150, 2000, size=(3, 4)).astype("float32")
    x = np.concatenate([np.zeros((3, 1), dtype="float32"), -gaps], axis=1) + float(rng.integers(100, 500))
    result = student.quietly("log_softmax", x)
    expect.finite(result)
    expect.close(result, _log_softmax(x, -1))


@test_case(
    name="log_softmax along every dim",
    points=2,
    hidden=True,
    failure_message="log_softmax along dim works for each dim, for one logit alone, and for logits around 1000.",
)
def any_dim(student, rng):
    x = (3 * rng.normal(size=rng.integers(2, 5, size=3))).astype("float32")
    for level in (-1000, 1000):
        for dim in range(-3, 3):
            expect.close(student.quietly("log_softmax", x + level, dim=dim), _log_softmax(x + level, dim))
    expect.close(student.log_softmax(x[:1, :1], 0), np.zeros((1, 1, x.shape[2])))
