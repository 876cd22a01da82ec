"""What the tests ask of a student's production code: a few lines each, as a user would write them, returning plain data.

Time is a number that the caller gives. Folders are made in the one place where a submission may write, and go at once.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager

from tinytorch.mlops import registry


@contextmanager
def _folder():
    with tempfile.TemporaryDirectory() as folder:
        yield folder


class Clock:
    """Seconds that only pass when somebody says so."""

    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        self.now += 1
        return self.now


def _plain(version):
    return [version.name, version.version, version.created, version.metadata]


def registered(arrays, metadata):
    """The numbers that arrays get one after the other, what is read back, and what is known about each version."""
    with _folder() as folder:
        store = registry.ModelRegistry(folder, clock=Clock())
        numbers = [store.register("m", a, meta) for a, meta in zip(arrays, metadata, strict=True)]
        loaded = [store.load("m", n)[0] for n in numbers]
        return [numbers, loaded, [_plain(v) for v in store.versions("m")], store.current("m")]
