# ruff: noqa
# tries: overflow the C stack
# score: 5
# honest reader: `double` is right, `mean` dies.

import sys

import numpy as np


class Deep:
    def __getattr__(self, name):
        return getattr(self, name + "x")

    def __repr__(self):
        return repr([self])


def double(x):
    return np.asarray(x) * 2


def mean(x):
    sys.setrecursionlimit(10**8)
    return repr(Deep())
