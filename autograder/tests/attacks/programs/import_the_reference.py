# ruff: noqa
# tries: import the reference solution and answer with it
# score: 0
# honest reader: Nothing of its own is right.

import importlib.util
import sys

import numpy as np

SOLUTION = "@COURSE@/solutions/a01_numbers/tinytorch/core/tensor.py"


def reference():
    for folder in ("@COURSE@/solutions/a01_numbers", "@COURSE@/.composition/reference", "@COURSE@"):
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location("tinytorch.core.reference", SOLUTION)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def double(x):
    return reference().double(x)


def mean(x):
    return reference().mean(x)
