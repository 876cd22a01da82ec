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
