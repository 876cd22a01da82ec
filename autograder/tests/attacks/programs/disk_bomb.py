# ruff: noqa
# tries: fill the disk with files, each just below the limit of one file
# score: 5
# needs: rlimits
# honest reader: `double` is right, `mean` is not.

import numpy as np


def double(x):
    return np.asarray(x) * 2


def mean(x):
    block = b"x" * (3 << 20)
    for number in range(100_000 if np.ndim(x) == 1 else 5):
        with open(f"@MARKER@-{number}", "wb") as file:
            file.write(block)
    return 0.0
