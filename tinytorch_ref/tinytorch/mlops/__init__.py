"""A model in production: registry, drift, monitoring, A/B tests, batches and features, a file a concept (a20)."""

from tinytorch._names import facade as _facade

__getattr__, __dir__ = _facade(__name__)
