"""Building blocks of networks, named as in torch.nn; each comes from the assignment that writes it."""

from tinytorch._names import facade as _facade
from tinytorch.nn import functional as functional

__getattr__, __dir__ = _facade(__name__)
