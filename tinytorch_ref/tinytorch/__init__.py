"""TinyTorch: a PyTorch-like machine-learning framework on NumPy, written one assignment at a time.

    import tinytorch as tt
    from tinytorch import nn, optim, data

A name is imported from the assignment that writes it when it is first used (see `_names.py`).
"""

from tinytorch import data as data
from tinytorch import nn as nn
from tinytorch import optim as optim
from tinytorch import random as random
from tinytorch._names import AssignmentMissing as AssignmentMissing
from tinytorch._names import composition as composition
from tinytorch._names import facade as _facade
from tinytorch.dispatch import use_kernels as use_kernels
from tinytorch.random import manual_seed as manual_seed

__version__ = "0.1.0"
__getattr__, __dir__ = _facade(__name__)

if "tinytorch/core/autograd.py" in composition()["files"]:
    # Rules have to be registered before the first op runs, or that op would not be recorded.
    import tinytorch.core.autograd as _autograd  # noqa: F401
