# ruff: noqa
# tries: print 200 MB
# score: 5
# honest reader: `double` is right, `mean` is not.

import os

import numpy as np


def double(x):
    return np.asarray(x) * 2


def mean(x):
    block = b"\x1b[2J" + b"x" * (1 << 20)
    for _ in range(200):
        os.write(1, block)
        os.write(2, b"\xff\xfe\n")
    return 0.0
