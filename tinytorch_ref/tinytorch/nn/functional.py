"""Functions without parameters, named as in torch.nn.functional; each comes from the assignment that writes it."""

from tinytorch._names import facade as _facade

__getattr__, __dir__ = _facade(__name__)
