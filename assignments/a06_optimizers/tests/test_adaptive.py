"""Tasks 5 and 6: RMSprop, plain, centered and with momentum, and Adagrad, which never forgets."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "adaptive"
title = "RMSprop and Adagrad"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@test_case(name="RMSprop divides by the root of the mean square", points=2)
def rmsprop_steps(student, rng):
    start, g = _arrays(rng, (6,), (6,))
    g += np.sign(g)
    (first,), (second,) = student.trained("RMSprop", [start], [[g], [2 * g]], lr=0.1, alpha=0.9)
    expect.close(first, start - 0.1 * np.sign(g) / np.sqrt(0.1), atol=1e-5)
    expect.close(second, first - 0.1 * np.sign(g) * 2 / np.sqrt(0.09 + 0.4), atol=1e-5)


@test_case(name="Adagrad divides by the root of the sum of squares", points=2)
def adagrad_steps(student, rng):
    start, g = _arrays(rng, (6,), (6,))
    g += np.sign(g)
    (first,), (second,), (third,) = student.trained("Adagrad", [start], [[g], [2 * g], [-g]], lr=0.1)
    expect.close(first, start - 0.1 * np.sign(g), atol=1e-5)
    expect.close(second, first - 0.1 * np.sign(g) * 2 / np.sqrt(5), atol=1e-5)
    expect.close(third, second + 0.1 * np.sign(g) / np.sqrt(6), atol=1e-5)
