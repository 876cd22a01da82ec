"""Measuring models and making them smaller and faster: one module an assignment, a14 to a19."""

from tinytorch._names import facade as _facade

__getattr__, __dir__ = _facade(__name__)
