"""Before any test runs, the linked composition of the reference is made anew: a solution written since the install
counts."""

import os
from pathlib import Path

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
