# ruff: noqa
# tries: write to the wire without an end
# score: 5
# honest reader: `double` is right, `mean` answers nonsense.

import os
import struct
import sys

import numpy as np


def wire():
    """(descriptor of the requests, descriptor of the replies, the module that encodes)."""
    frame = sys._getframe()
    while frame.f_code.co_name != "serve":
        frame = frame.f_back
    return frame.f_locals["requests"], frame.f_locals["replies"], sys.modules["autograder.observe.wire"]


def double(x):
    return np.asarray(x) * 2


def mean(x):
    _, replies, _ = wire()
    while True:
        os.write(replies, (b"\xff" * 65536, b"\0\0\0\1[" * 10000)[np.ndim(x) - 1])
