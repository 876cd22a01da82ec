# ruff: noqa
# tries: crash during the import
# score: 0
# honest reader: Nothing can be imported.

import sys

import numpy as np

(sys.modules.get("ctypes") or __import__("cty" + "pes")).string_at(0)


def double(x):
    return np.asarray(x) * 2


def mean(x):
    return np.sum(x) / np.size(x)
