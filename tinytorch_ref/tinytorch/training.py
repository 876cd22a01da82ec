"""The training loop, metrics and plots; written in a07_training."""

from tinytorch._names import facade as _facade

__getattr__, __dir__ = _facade(__name__)
