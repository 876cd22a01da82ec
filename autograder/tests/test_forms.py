"""What a student reads of a failed public case: the gate finds a message that lacks a part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autograder.judge.cases import CaseResult, Status
from autograder.validate import forms

WHOLE = (
    "asked:    student.double([1, 2])\nexpected: [2, 4] (shape (2,), int64)\ncame:     an array of shape (3,), int64"
)
SECTIONS = {"double.integers": "README.md#doubling"}


def case(message: str) -> CaseResult:
    return CaseResult("double", "integers", "1.1", "doubles", False, 2, Status.FAILED, message, "", 0)


def told(tmp_path, found: CaseResult, sections=SECTIONS) -> list[str]:
    handout = tmp_path / "README.md"
    handout.write_text("# Handout\n\n## Doubling\n")
    return list(forms.flaws(found, sections, handout))


def test_a_whole_message_has_no_flaw(tmp_path):
    assert told(tmp_path, case(WHOLE)) == []


@pytest.mark.parametrize(
    ("message", "flaw"),
    [
        (WHOLE.partition("\n")[2], "'doubles' fails without saying what was asked"),
        (WHOLE.replace("expected:", "wanted:"), "'doubles' fails without saying what was expected"),
        (WHOLE.replace("came:    ", "got:"), "'doubles' fails without saying what came"),
        (WHOLE.replace("student.double([1, 2])", "it"), "'doubles' does not show the call as one would type it: it"),
        (
            WHOLE.replace("of shape (3,), int64", "of three"),
            "'doubles' shows an array without its shape: an array of three",
        ),
    ],
)
def test_each_part_that_is_missing_is_told(tmp_path, message, flaw):
    assert told(tmp_path, case(message)) == [flaw]


def test_an_assertion_of_its_own_lacks_everything(tmp_path):
    assert len(told(tmp_path, case("AssertionError"))) == 3


def test_a_section_has_to_exist(tmp_path):
    sends = "'doubles' sends to README.md#{}, which does not exist"
    assert told(tmp_path, case(WHOLE), {"double.integers": "README.md#halving"}) == [sends.format("halving")]
    assert told(tmp_path, case(WHOLE), {}) == [sends.format("what-the-tests-look-for")]


def test_hidden_passed_and_skipped_cases_are_not_looked_at(tmp_path):
    bare = case("no")
    for other in (
        replace(bare, hidden=True),
        replace(bare, status=Status.PASSED),
        replace(bare, status=Status.SKIPPED),
    ):
        assert told(tmp_path, other) == []
