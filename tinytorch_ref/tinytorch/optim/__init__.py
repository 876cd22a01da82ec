"""Optimizers and learning-rate schedulers, named as in torch.optim; written in a06_optimizers."""

from tinytorch._names import facade as _facade
from tinytorch.optim import lr_scheduler as lr_scheduler

__getattr__, __dir__ = _facade(__name__)
