"""The course under attack: the miniature course with canaries in everything that a student must never see.

Same two functions, five cases and ten points: `double` is worth 5 (2 public, 3 hidden), `mean` is worth 5 (2 public, 3
hidden). Limits are short so that time-outs are quick.
"""

from __future__ import annotations

from pathlib import Path

from autograder.tests import minicourse

SECRET_TEXT = "canary-heliotrope"  # stands in hidden tests and in the solution's source
SECRET_NUMBER = "31337"  # begins every hidden input
SECRET_NAMES = ("umbrella_matrix", "umbrella_mean", "umbrella_same")  # the hidden cases' functions
CANARIES = (SECRET_TEXT, SECRET_NUMBER)

HEAD = '''
"""Canaries."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "{name}"
title = "{name}"
points = None
'''

TEST_DOUBLE = HEAD.format(name="double") + '''

@test_case(name="doubles integers", points=2)
def integers(student, rng):
    x = rng.integers(1, 100, size=5)
    expect.equal(student.double(x), 2 * x)


@test_case(name="doubles a matrix", points=3, hidden=True, failure_message="More than one dimension?")
def umbrella_matrix(student, rng):
    x = rng.normal(size=(3, 4))
    x[0] = 31337.25  # canary-heliotrope
    expect.close(student.double(x), 2 * x)
'''

TEST_MEAN = HEAD.format(name="mean") + '''

@test_case(name="mean of a vector", points=2)
def vector(student, rng):
    x = rng.normal(size=9)
    expect.close(student.mean(x), x.mean())


@test_case(name="mean of a matrix", points=2, hidden=True)
def umbrella_mean(student, rng):
    x = rng.normal(size=(3, 5))
    x[0] = 31337.25  # canary-heliotrope
    expect.close(student.mean(x), x.mean())


@test_case(name="agrees with the reference", points=1, hidden=True)
def umbrella_same(student, reference, rng):
    x = rng.normal(size=(2, 2))
    x[0] = 31337.25  # canary-heliotrope
    expect.close(student.mean(x), reference.mean(x))
'''


def write(root: Path, processes: int = 0) -> Path:
    """Write the course below `root`, closed to other users as a course with hidden tests has to be, and return it."""
    minicourse.write(root)
    text = (root / "course.yaml").read_text(encoding="utf-8")
    for before, after in (
        ("case_seconds: 2", f"case_seconds: 0.7\n  processes: {processes}"),
        ("import_seconds: 5", "import_seconds: 1.5"),
    ):
        assert before in text
        text = text.replace(before, after)
    (root / "course.yaml").write_text(text, encoding="utf-8")
    numbers = root / "solutions" / "a01_numbers"
    (numbers / "tests" / "test_double.py").write_text(TEST_DOUBLE.lstrip("\n"), encoding="utf-8")
    (numbers / "tests" / "test_mean.py").write_text(TEST_MEAN.lstrip("\n"), encoding="utf-8")
    solution = numbers / "tinytorch" / "core" / "tensor.py"
    solution.write_text(solution.read_text(encoding="utf-8") + f"\nCANARY = '{SECRET_TEXT}'\n", encoding="utf-8")
    root.chmod(0o700)
    return root
