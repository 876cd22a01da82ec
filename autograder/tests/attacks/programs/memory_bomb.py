# ruff: noqa
# tries: allocate until the machine has no memory left
# score: 5
# needs: rlimits
# honest reader: `double` is right, `mean` never answers.

import numpy as np

KEPT = []


def double(x):
    return np.asarray(x) * 2


def mean(x):
    while True:
        KEPT.append(np.ones(1 << 22))
