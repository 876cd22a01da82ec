"""Extensions, late days, attempts a day, and which attempt counts."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from autograder import score
from autograder.batch import policy
from autograder.batch.models import Person
from autograder.batch.people import Directory, Student
from autograder.batch.policy import Allowance
from autograder.course import Course, Policies, load_course
from autograder.errors import UserError
from autograder.gradescope.entry import _terms
from autograder.gradescope.metadata import Metadata, read_metadata
from autograder.judge.cases import CaseResult, Status, Verdict
from autograder.tests import minicourse

BERLIN = ZoneInfo("Europe/Berlin")
DUE = datetime(2027, 1, 1, 12, tzinfo=BERLIN)  # of a01, with ten minutes of grace, 10 % a day, three days
DAY = timedelta(days=1)
CLASS = Directory([Student(1, Person("Ann Lee", "ann@uni.edu")), Student(2, Person("Ben Poe", "ben@uni.edu"))])


def read(course: Course, *lines: str) -> policy.Extensions:
    return policy.read_extensions("\n".join(lines) + "\n", "x.csv", course, CLASS)


def with_policies(course: Course, **policies: object) -> Course:
    return course.model_copy(update={"policies": Policies(**policies)})


# The file of extensions.


@pytest.mark.parametrize(
    ("line", "allowance"),
    [
        ("ann,a01,2027-01-05,,", Allowance(datetime(2027, 1, 5, 23, 59, tzinfo=BERLIN))),
        ("ann,a01,2027-01-05 18:30,,", Allowance(datetime(2027, 1, 5, 18, 30, tzinfo=BERLIN))),
        ("ann,a01,2027-01-05T17:30:00Z,,", Allowance(datetime(2027, 1, 5, 18, 30, tzinfo=BERLIN))),
        ("ann@uni.edu,1,,2,", Allowance(DUE + 2 * DAY)),
        ("ann,a01_numbers,,0.5,", Allowance(DUE + DAY / 2)),
        ("Ann Lee,a01,,,3", Allowance(None, 3)),
        ("lee ann,,,,4", Allowance(None, 0, 4)),
        ("ann,a01,,1,1", Allowance(DUE + DAY, 1)),
        ("ann,a02,,1,1", Allowance()),
        ("ben,a01,,1,1", Allowance()),
    ],
)
def test_what_a_line_grants(line, allowance, mini):
    found = read(mini, "student,assignment,due,days,late_days", line)
    assert found.of(1, mini.assignment("a01")) == allowance


BAD_LINES = {
    "ann,a01,,,": "nothing is granted",
    "ann,a01,soon,,": "due is 'soon'; write 2027-02-19",
    "ann,a01,2027-01-05,1,": "due and days both say until when",
    "ann,,2027-01-05,,": "a date is for one assignment",
    "ann,a09,,1,": "no assignment is called 'a09'",
    "ann,a01,,-1,": "days is -1; it cannot be less than 0",
    "ann,a01,,inf,": "days is inf",
    "ann,a01,,nan,": "days is nan",
    "ann,a01,,,1.5": "late_days is 1.5; late days are whole",
    "ann,a01,,,many": "late_days is 'many'; write a number",
    "ann,a01,,1,\nann@uni.edu,1,,2,": "Ann Lee stands in x.csv:2 already",
}


@pytest.mark.parametrize("lines", BAD_LINES)
def test_a_line_that_is_wrong_is_refused_with_its_number(lines, mini):
    number = 2 + lines.count("\n")
    with pytest.raises(UserError, match=f"x.csv:{number}: {BAD_LINES[lines]}"):
        read(mini, "student,assignment,due,days,late_days", lines)


def test_a_student_whom_nobody_knows_is_named_and_stops_nobody(mini):
    found = read(mini, "student,assignment,days", "annn lee,a01,1", "ben,a01,1")
    (unknown,) = found.unknown
    assert unknown.startswith("x.csv:2: no student is called 'annn lee'; the nearest are ann lee")
    assert found.of(2, mini.assignment("a01")).due == DUE + DAY


# Late days and the penalty.


@pytest.mark.parametrize(
    ("by", "free", "percent", "used"),
    [
        (timedelta(minutes=5), 2, 0, 0),
        (timedelta(hours=1), 0, 10, 0),
        (timedelta(hours=1), 1, 0, 1),
        (timedelta(hours=1), 9, 0, 1),
        (timedelta(hours=25), 1, 10, 1),
        (timedelta(days=4), 0, 100, 0),
        (timedelta(days=4), 1, 30, 1),
        (timedelta(days=5), 1, 100, 1),
        (timedelta(days=5), 5, 0, 5),
    ],
)
def test_late_days_are_used_before_points_are_taken(by, free, percent, used, mini):
    found = score.lateness(mini, mini.assignment("a01"), DUE + by, None, free)
    assert (found.percent, found.free_days) == (percent, used)
    assert ("late days used" in found.reason) == bool(used)


def test_an_upload_within_the_grace_period_says_so_and_loses_nothing(mini):
    late = score.lateness(mini, mini.assignment("a01"), DUE + timedelta(minutes=7))
    case = CaseResult("f", "c", "1.1", "t", False, 10, Status.PASSED, "", "", 0)
    results = score.results(score.Grade("a01_numbers", "N", Verdict("a01_numbers", (case,)), 10, lateness=late), 0)
    assert results["score"] == 10
    row = results["tests"][-1]
    assert (row["score"], row["status"]) == (0, "passed")
    assert "submitted 7 minutes late: within the grace period of 10 minutes" in row["output"]


def apply(course: Course, **given: object) -> policy.Applied:
    known = {"submitted": DUE, "allowances": [Allowance()], "spent": [0], "others": [()], **given}
    return policy.apply(course, course.assignment("a01"), **known)


@pytest.mark.parametrize(
    ("allowances", "spent", "due", "free"),
    [
        ([Allowance()], [0], None, 0),
        ([Allowance(None, 2, 0)], [5], None, 2),
        ([Allowance(None, 0, 4)], [1], None, 3),
        ([Allowance(None, 0, 4)], [9], None, 0),
        ([Allowance(None, 1, 4)], [1], None, 4),
        ([Allowance(DUE + DAY), Allowance(DUE + 3 * DAY), Allowance()], [0, 0, 0], DUE + 3 * DAY, 0),
        ([Allowance(None, 0, 4), Allowance(None, 0, 2)], [3, 0], None, 2),
    ],
)
def test_of_a_group_the_most_generous_allowance_counts_and_what_is_spent_is_spent(allowances, spent, due, free, mini):
    found = apply(mini, allowances=allowances, spent=spent, others=[()] * len(spent))
    assert (found.due, found.terms.free_days) == (due, free)
    own = [f"Your own due date is {due:%Y-%m-%d %H:%M %Z} (the course's: 2027-01-01 12:00 CET)."] if due else []
    assert list(found.terms.lines) == own


def test_an_upload_marked_late_without_a_time_says_that_nothing_is_taken(mini):
    assert "not by how much" in apply(mini, submitted=None, marked_late=True).terms.lines[0]
    assert apply(mini, marked_late=True).terms.lines == ()


# Attempts a day.

NIGHT = datetime(2026, 12, 31, 23, 30, tzinfo=timezone.utc)  # half past midnight in Berlin: the first of January


@pytest.mark.parametrize(
    ("before", "refused"),
    [
        ([], False),
        ([DUE - timedelta(hours=1)], False),
        ([DUE - timedelta(hours=1), DUE - timedelta(hours=2)], True),
        ([NIGHT, DUE - timedelta(hours=2)], True),
        ([NIGHT - timedelta(minutes=31), DUE - timedelta(hours=2)], False),
        ([DUE - DAY, DUE - DAY, DUE - DAY], False),
        ([DUE, DUE + timedelta(hours=1), DUE + timedelta(hours=2)], False),
    ],
)
def test_the_limit_counts_earlier_attempts_of_the_same_day_by_the_course_s_clock(before, refused, mini):
    limited = with_policies(mini, attempts_per_day=2)
    found = apply(limited, others=[before]).terms
    assert bool(found.refused) == refused
    if refused:
        assert found.refused.startswith("this is attempt 3 of 2027-01-01, and 2 a day are graded")
    # Gradescope's own list of previous submissions gives the same.
    assert bool(_terms(limited, Metadata(DUE, earlier=tuple(before))).refused) == refused
    assert apply(mini, others=[before]).terms.lines == ()


def test_gradescope_s_previous_submissions_are_read(tmp_path):
    file = tmp_path / "submission_metadata.json"
    previous = [{"submission_time": "2027-01-01T11:00:00+01:00"}, {"submission_time": "never"}, 3]
    file.write_text(json.dumps({"created_at": "2027-01-01T12:00:00+01:00", "previous_submissions": previous}))
    found = read_metadata(file, "Europe/Berlin")
    assert found.earlier == (DUE - timedelta(hours=1),)
    assert any("previous_submissions[1].submission_time" in note for note in found.notes)


def test_an_upload_of_unknown_time_is_graded_and_says_that_it_was_not_counted(mini):
    found = apply(with_policies(mini, attempts_per_day=1), submitted=None, others=[[DUE]]).terms
    assert not found.refused
    assert "not known when this came" in found.lines[0]


# Which attempt counts.


@dataclass(frozen=True)
class Tried:
    name: str
    submitted: datetime | None
    score: float
    refused: bool = False
    needs_a_person: bool = False


FIRST, SECOND, THIRD = (
    Tried(n, DUE + k * DAY, s) for k, (n, s) in enumerate([("first", 9), ("second", 9), ("third", 5)])
)


@pytest.mark.parametrize(
    ("attempts", "last", "best"),
    [
        ([], None, None),
        ([FIRST], "first", "first"),
        ([THIRD, FIRST, SECOND], "third", "second"),
        ([SECOND, FIRST, THIRD], "third", "second"),
        ([FIRST, replace(THIRD, refused=True)], "first", "first"),
        ([replace(FIRST, refused=True)], None, None),
        ([FIRST, replace(THIRD, needs_a_person=True)], "third", "third"),
        ([replace(FIRST, needs_a_person=True), SECOND], "second", "first"),
        ([Tried("a", None, 3), Tried("b", None, 2)], "b", "a"),
        ([FIRST, Tried("a", None, 3)], "first", "first"),
    ],
)
def test_the_attempt_that_counts(attempts, last, best, mini):
    for counted, expected in (("last", last), ("best", best)):
        found = policy.counted(with_policies(mini, attempt_counted=counted), attempts)
        assert (found.name if found else None) == expected


# In course.yaml, and in the results.


@pytest.mark.parametrize(
    ("line", "said", "visibility"),
    [
        ("attempts_per_day: 3", "At most 3 attempts a day are graded.", "visible"),
        ("attempt_counted: best", "The best of your attempts counts.", "visible"),
        ("score_shown: after due date", "Score and cases are shown after the due date.", "after_due_date"),
        ("attempts_per_day: 0, attempt_counted: last, score_shown: at once", "", "visible"),
    ],
)
def test_a_policy_is_one_line_in_course_yaml_and_one_in_the_results(line, said, visibility, tmp_path):
    root = minicourse.write(tmp_path)
    declared = root / "course.yaml"
    declared.write_text(declared.read_text() + f"policies: {{{line}}}\n")
    policies = load_course(root).policies
    case = CaseResult("f", "c", "1.1", "t", False, 10, Status.PASSED, "", "", 0)
    grade = score.Grade("a01_numbers", "N", Verdict("a01_numbers", (case,)), 10)
    plain = score.results(grade, 0)
    results = score.results(
        replace(grade, policies=score.policy_lines(policies), visibility=score.visibility(policies)), 0
    )
    assert results["output"] == said
    assert results["extra_data"].get("policies", []) == ([said] if said else [])
    assert {results["visibility"], *(row["visibility"] for row in results["tests"])} == {visibility}
    assert (results == plain) == (said == "")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("attempt_counted: first", "policies.attempt_counted: input should be 'last' or 'best'"),
        ("attempts_per_day: -1", "policies.attempts_per_day"),
        ("attempts_a_day: 1", "did you mean 'attempts_per_day'"),
    ],
)
def test_a_policy_that_is_none_is_an_error_with_its_line(line, words, tmp_path):
    root = minicourse.write(tmp_path)
    declared = root / "course.yaml"
    declared.write_text(declared.read_text() + f"policies:\n  {line}\n")
    number = len(declared.read_text().splitlines())
    with pytest.raises(UserError, match=rf"course.yaml:{number}: .*{words}|course.yaml:{number}: {words}"):
        load_course(root)
