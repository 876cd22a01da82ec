"""Before any test runs, the linked composition of the reference is made anew: a solution written since the install
counts."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.compose import refresh_linked
from autograder.course import load_course

ROOT = Path(__file__).parent
pytest_plugins = ["autograder.tests.hearing"]


def pytest_configure(config):
    # Tests make courses of their own and find them from where they are; a course that the shell names would hide them.
    os.environ.pop("TITO_COURSE", None)
    # Under pytest-xdist only the controller does this; its workers start afterwards.
    if not hasattr(config, "workerinput"):
        refresh_linked(load_course(ROOT), ROOT / ".composition" / "reference")


@pytest.fixture(autouse=True)
def _switches_are_off() -> Iterator[None]:
    """What a program switches on once for its whole process, kernels and the flushing of denormals, no test inherits.

    The tests of a process come in any order, and a fixture of a whole file may have run such a program.
    """
    _switch_off()
    yield
    _switch_off()


def _switch_off() -> None:
    if dispatch := sys.modules.get("tinytorch.dispatch"):
        dispatch.use_kernels(False)
    if denormals := sys.modules.get("tinytorch.denormals"):
        denormals.flush_denormals(False)
