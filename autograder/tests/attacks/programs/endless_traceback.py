# ruff: noqa
# tries: raise from the depth of an endless recursion, with hooks that run on the way
# score: 5
# honest reader: `double` is right, `mean` only raises.

import sys

import numpy as np

sys.excepthook = sys.unraisablehook = sys.displayhook = lambda *args: print("x" * 10_000_000)


def double(x):
    return np.asarray(x) * 2


def mean(x):
    return mean(x)
