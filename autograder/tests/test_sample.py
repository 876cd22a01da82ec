"""The sample submission of the README's first command: what it loses, and what its author is told."""

from pathlib import Path

import pytest

from autograder.course import load_course
from autograder.grade import Grader
from autograder.judge.cases import Status

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def graded():
    course = load_course(ROOT)
    with Grader(course, course.assignment("a01"), allow_weak_sandbox=True) as grader:
        yield grader.grade(ROOT / "samples" / "a01_submission.zip").grade


def test_the_sample_loses_what_it_has_wrong_and_what_it_has_not_written_and_nothing_else(graded):
    lost = {case.title: case.unwritten for case in graded.verdict.cases if case.status is not Status.PASSED}
    assert lost == {
        "number - tensor in the right order": False,
        "float64 never creeps in": False,
        "integer tensors divide to float32": False,
        "arange counts as range does": True,
        "arange with small steps keeps its digits": True,
    }


def test_the_sample_is_told_its_misconception_and_the_blank_it_left(graded):
    assert "1 - t computed as t - 1" in graded.explanation
    assert any("arange is not written yet" in remark for remark in graded.remarks)
