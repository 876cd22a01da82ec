# ruff: noqa
# tries: raise with 30 MB of text and a chain of a thousand causes
# score: 5
# honest reader: `double` is right, `mean` only raises.

import numpy as np


def double(x):
    return np.asarray(x) * 2


def mean(x):
    error = None
    for number in range(1000):
        previous, error = error, ValueError("x" * (30 << 20) if number == 999 else "y")
        error.__cause__ = previous
    raise error
