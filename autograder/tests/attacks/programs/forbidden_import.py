# ruff: noqa
# tries: use a library that already does the work, by an import statement
# score: 0
# honest reader: Refused before any test runs.

import numpy as np
import torch


def double(x):
    return np.asarray(x) * 2


def mean(x):
    return torch.tensor(x).mean().item()
