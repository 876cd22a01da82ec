"""The names of `tinytorch.olympics` where programs written for the public TinyTorch look for them."""

from tinytorch._names import facade as _facade

__getattr__, __dir__ = _facade(__name__)
