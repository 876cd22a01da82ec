"""Assignment 19's names where other programs look for them: `from tinytorch.bench import Benchmark`."""

from tinytorch._names import facade as _facade

__getattr__, __dir__ = _facade(__name__)
