"""`tito prove draws`: a case that a right program fails by bad luck is found, and one that never does is not accused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.course import Course, load_course
from autograder.tests import minicourse

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def course(mini: Course, tmp_path: Path) -> Course:
    """A course of its own, to be changed."""
    root = minicourse.write(tmp_path / "course")
    shutil.copytree(mini.root / "assignments", root / "assignments")
    return load_course(root)


def prove(course: Course, *options: str) -> tuple[int, str]:
    found = subprocess.run(
        [sys.executable, "-m", "autograder", "prove", "draws", *options, "--jobs", "1"],
        env={"PATH": "", "PYTHONPATH": str(REPOSITORY), "TITO_COURSE": str(course.root), "COLUMNS": "200"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert "Traceback" not in found.stderr, found.stderr
    return found.returncode, found.stdout


def test_a_case_that_fails_under_some_draws_is_named_with_its_seeds_and_no_other(course):
    """Not either the one that asks the reference."""
    tests = course.solution("a01_numbers") / "tests/test_double.py"
    text = tests.read_text()
    unlucky = text.replace("expect.equal(student.double(x), 2 * x)", "expect.equal(student.double(x), 2 * x % 180)")
    tests.write_text(unlucky)
    assert unlucky != text
    status, said = prove(course, "--draws", "60")
    (line,) = (line for line in said.splitlines() if "draws fail" in line)
    failures = int(line.split(": ")[1].split(" of 60 ")[0])
    # Each of five numbers is 90 or more with a chance of a tenth.
    assert status == 1 and 10 < failures < 45 and "a01_numbers double.integers: " in line
    assert said.count("  seed ") == 3 and "asked: student.double(" in said
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.startswith("a0")}
    assert rows["a01_numbers"] == ["5", "300", "60", "1"] and rows["a02_words"][-2:] == ["60", "0"]


def test_slow_cases_get_fewer_draws_but_one(course):
    status, said = prove(course, "a01", "--draws", "60", "--seconds", "0")
    assert status == 0 and " 5      5       1 " in said, said
