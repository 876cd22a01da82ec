# ruff: noqa
# tries: raise an exception that cannot be printed
# score: 5
# honest reader: `double` is right, `mean` only raises.

import numpy as np


class Mute(Exception):
    def __str__(self):
        raise SystemExit(0)

    __repr__ = __str__


class NoText(Exception):
    def __str__(self):
        return 5


def double(x):
    return np.asarray(x) * 2


def mean(x):
    raise Mute() if np.ndim(x) == 1 else NoText()
