"""Points: the late policy to the minute, and results.json to the key."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from autograder import parity, record, score
from autograder.course import Course, load_course
from autograder.judge.cases import CaseResult, Status, Verdict
from autograder.tests import minicourse

BERLIN = ZoneInfo("Europe/Berlin")
DUE = datetime(2027, 1, 1, 12, tzinfo=BERLIN)  # the mini course's, with ten minutes of grace, 10 % a day, three days


def late(course: Course, submitted: datetime | None, due: datetime | None = None) -> score.Lateness | None:
    return score.lateness(course, course.assignment("a01"), submitted, due)


# The late policy.


@pytest.mark.parametrize(
    ("by", "percent"),
    [
        (timedelta(days=-30), 0),
        (timedelta(0), 0),
        (timedelta(minutes=10), 0),
        (timedelta(minutes=10, microseconds=1), 10),
        (timedelta(hours=5), 10),
        (timedelta(days=1, minutes=10), 10),
        (timedelta(days=1, minutes=10, seconds=1), 20),
        (timedelta(days=3, minutes=10), 30),
        (timedelta(days=3, minutes=11), 100),
        (timedelta(days=300), 100),
    ],
)
def test_each_day_or_part_of_one_after_the_grace_costs_the_same_until_nothing_is_left(by, percent, mini):
    found = late(mini, DUE + by)
    assert (found.percent if found else 0) == percent


def test_an_unknown_time_is_not_late(mini):
    assert late(mini, None) is None


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
def test_the_zone_in_which_the_upload_s_time_is_written_does_not_matter(zone, mini):
    ours, theirs = (
        late(mini, DUE + timedelta(hours=30)),
        late(mini, (DUE + timedelta(hours=30)).astimezone(ZoneInfo(zone))),
    )
    assert ours == theirs
    assert ours.days == 2


def test_a_day_is_twenty_four_hours_also_where_the_clock_is_put_forward(tmp_path):
    root = minicourse.write(tmp_path)
    declared = root / "course.yaml"
    declared.write_text(declared.read_text().replace("due: 2027-01-01T12:00:00", "due: 2027-03-27T12:00:00"))
    course = load_course(root)
    due = datetime(2027, 3, 27, 11, tzinfo=timezone.utc)  # the night after it is one hour short
    limit = due + timedelta(hours=24, minutes=10)
    assert limit.astimezone(BERLIN).strftime("%d %H:%M") == "28 13:10"
    assert late(course, limit).days == 1
    assert late(course, limit + timedelta(seconds=1)).days == 2


def test_an_extension_replaces_the_due_date_of_the_course(mini):
    extended = DUE + timedelta(days=2)
    assert late(mini, extended, extended) is None
    found = late(mini, extended + timedelta(hours=1), extended)
    assert (found.percent, found.by) == (10, timedelta(hours=1))
    assert late(mini, DUE - timedelta(hours=1), DUE - timedelta(days=1)).percent == 10


def test_the_reason_says_when_it_was_due_how_late_it_came_and_the_rule(mini):
    assert late(mini, DUE + timedelta(days=1, hours=2, minutes=5)).reason == (
        "due 2027-01-01 12:00 CET, submitted 1 day 2 hours late: 20 % of the points earned "
        "(10 % a day or part of one, nothing after 3 days)"
    )
    assert "submitted 11 minutes late" in late(mini, DUE + timedelta(minutes=11, seconds=59)).reason


@pytest.mark.parametrize(
    ("policy", "by", "percent"),
    [
        ("{grace_minutes: 0, percent_per_day: 40, max_days: 9}", timedelta(days=2, hours=1), 100),
        ("{grace_minutes: 0, percent_per_day: 0, max_days: 1}", timedelta(days=1), 0),
        ("{grace_minutes: 0, percent_per_day: 5, max_days: 0}", timedelta(seconds=1), 100),
        ("{grace_minutes: 0, percent_per_day: 2.5, max_days: 9}", timedelta(days=3), 7.5),
    ],
)
def test_other_policies(policy, by, percent, tmp_path):
    root = minicourse.write(tmp_path)
    declared = root / "course.yaml"
    declared.write_text(declared.read_text().replace("{grace_minutes: 10, percent_per_day: 10, max_days: 3}", policy))
    assert late(load_course(root), DUE + by).percent == percent


# results.json.


def result(
    number: str, status: Status = Status.PASSED, points: float = 2, hidden: bool = False, **other: Any
) -> CaseResult:
    identity = "case" + number.replace(".", "")
    given = {"message": "", "detail": "", "seed": 7, **other}
    return CaseResult("file", identity, number, f"title of {number}", hidden, points, status, **given)


def graded(*cases: CaseResult, **other: Any) -> score.Grade:
    return score.Grade("a01_numbers", "Numbers", Verdict("a01_numbers", cases), 10, **other)


SCHEMA = {
    "score": (int, float), "execution_time": (int, float), "output": str, "output_format": str,
    "test_output_format": str,
    "test_name_format": str, "visibility": str, "stdout_visibility": str, "extra_data": dict, "tests": list,
}  # fmt: skip
ROW = {
    "number": str, "name": str, "score": (int, float), "max_score": (int, float), "status": str, "output": str,
    "tags": list,
    "visibility": str, "extra_data": dict,
}  # fmt: skip
EXTRA = {
    "assignment": str, "possible": (int, float), "earned": (int, float), "deduction": (int, float), "submission": str,
    "seed": int, "complete": bool, "needs_a_person": bool,
}  # fmt: skip


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def check_schema(text: str) -> dict[str, Any]:
    """results.json as Gradescope wants it: strict JSON, exactly these keys, these types, these words."""
    found = json.loads(text, parse_constant=refuse)
    for part, schema in [(found, SCHEMA), (found["extra_data"], EXTRA), *((row, ROW) for row in found["tests"])]:
        assert part.keys() == schema.keys()
        for key, kind in schema.items():
            assert isinstance(part[key], kind), key
            assert type(part[key]) is not bool or kind is bool, key
    assert {found["output_format"], found["test_output_format"], found["test_name_format"]} == {"text"}
    assert (found["visibility"], found["stdout_visibility"]) == ("visible", "hidden")
    assert {row["status"] for row in found["tests"]} <= {"passed", "failed"}
    assert {row["visibility"] for row in found["tests"]} <= {"visible"}
    assert all(isinstance(tag, str) for row in found["tests"] for tag in row["tags"])
    assert sum(row["score"] for row in found["tests"]) == pytest.approx(found["score"])
    return found


def text_of(grade: score.Grade) -> str:
    return json.dumps(score.results(grade, 1.23456), allow_nan=False)


@pytest.mark.parametrize("status", list(Status))
def test_every_way_to_end_has_a_row_and_only_a_pass_has_points(status):
    found = check_schema(text_of(graded(result("1.1"), result("1.2", status, 3, True, message="why"))))
    row = found["tests"][1]
    passed = status is Status.PASSED
    assert row == {
        "number": "1.2",
        "name": "title of 1.2",
        "score": 3 if passed else 0,
        "max_score": 3,
        "status": "passed" if passed else "failed",
        "output": "why" if passed else f"[{status.value}]\nwhy",
        "tags": ["file", "hidden", status.value],
        "visibility": "visible",
        "extra_data": {"case": "file.case12", "status": status.value, "seed": 7},
    }
    assert found["score"] == (5 if passed else 2)
    assert found["extra_data"]["needs_a_person"] is (status is Status.GRADER_ERROR)
    assert ("The staff has to look at this submission" in found["output"]) is (status is Status.GRADER_ERROR)


def test_what_was_found_of_the_whole_stands_at_the_top():
    grade = graded(
        result("1.1"), rejected="the zip is empty", remarks=("a remark",), explanation="This looks like: x",
        digest="d" * 64, seed=5,
        complete=False,
    )  # fmt: skip
    found = check_schema(text_of(grade))
    assert found["output"].split("\n\n") == [
        "Not graded: the zip is empty",
        "Grading was interrupted; the cases below that have not run count as 0 here. Submit again or tell the staff.",
        "a remark",
        "This looks like: x",
    ]
    assert found["extra_data"] == {
        "assignment": "a01_numbers", "possible": 10, "earned": 2, "deduction": 0, "submission": "d" * 64, "seed": 5,
        "complete": False, "needs_a_person": False,
    }  # fmt: skip
    assert found["execution_time"] == 1.235


def test_lateness_is_a_row_of_its_own_and_the_rows_still_add_up(mini):
    grade = graded(
        result("1.1", points=2.5), result("1.2", points=3), lateness=late(mini, DUE + timedelta(days=1, hours=1))
    )
    found = check_schema(text_of(grade))
    assert [row["score"] for row in found["tests"]] == [2.5, 3, -1.1]
    assert (found["score"], grade.earned, grade.deduction) == (4.4, 5.5, 1.1)
    row = found["tests"][2]
    assert (row["number"], row["name"], row["max_score"], row["tags"]) == ("L", "Late submission", 0, ["late policy"])
    assert row["output"].startswith("-1.1 points: due 2027-01-01 12:00 CET")
    assert row["extra_data"] == {"percent": 20.0, "days": 2}


def test_a_late_zero_is_zero_and_not_minus_zero(mini):
    text = text_of(graded(result("1.1", Status.FAILED), lateness=late(mini, DUE + timedelta(days=9))))
    assert check_schema(text)["score"] == 0
    assert "-0.0" not in text


def test_points_add_up_without_the_dust_of_binary_fractions():
    cases = [result(f"1.{n}", points=0.1) for n in range(1, 11)]
    found = check_schema(text_of(graded(*cases)))
    assert (found["score"], found["extra_data"]["earned"]) == (1.0, 1.0)


def test_a_field_is_cut_well_below_what_the_platform_takes():
    found = check_schema(text_of(graded(result("1.1", Status.FAILED, message="x" * 10**6), remarks=("y" * 10**6,))))
    for text in (found["output"], found["tests"][0]["output"]):
        assert 19_900 < len(text) <= 20_000
    assert found["output"].endswith("\n[cut here]")


# The same bytes each time.


def test_a_graded_submission_has_exactly_the_schema(grader, submission, tmp_path):
    out = tmp_path / "out"
    grader.grade(submission(mean="return 0 / 0"), out, DUE + timedelta(hours=1))
    found = check_schema((out / "results.json").read_text(encoding="utf-8"))
    assert [row["number"] for row in found["tests"]] == ["1.1", "1.2", "2.1", "2.2", "2.3", "L"]
    assert found["score"] == 4.5


MIXED = {
    "double": "print('twice', x)\nreturn [np.nan, float('inf'), -0.0, 'x'][:np.size(x)]",
    "mean": "raise ValueError(f'{x!r:.40}')",
}


def test_twenty_gradings_give_the_same_bytes_with_both_cores_busy(grader, submission, tmp_path, busy_cores):
    folder = submission(**MIXED)
    texts = []
    for number in range(20):
        out = tmp_path / str(number)
        grader.grade(folder, out)
        texts.append((out / "results.json").read_bytes())
    assert len(texts) == 20
    assert [parity.difference(texts[0], text) for text in texts[1:]] == [None] * 19
    assert b"twice" in texts[0]


def test_another_name_place_and_time_of_the_same_code_give_the_same_bytes(grader, submission, tmp_path):
    texts = []
    for name in ("one", "another name \u00e9"):
        out = tmp_path / f"out of {name}"
        grader.grade(submission(name, **MIXED), out)
        texts.append((out / "results.json").read_bytes())
    assert parity.difference(*texts) is None
    (changed := tmp_path / "one" / "tinytorch" / "core" / "tensor.py").write_text(changed.read_text() + "# a comment\n")
    grader.grade(tmp_path / "one", tmp_path / "third")
    assert parity.difference(texts[0], (tmp_path / "third" / "results.json").read_bytes()) is not None


def test_results_are_written_after_each_file_with_what_is_known(grader, submission, tmp_path, monkeypatch):
    written: list[dict[str, Any]] = []
    whole = record.write_json

    def note(path: Path, data: Any) -> None:
        if path.name == "results.json":
            written.append(check_schema(json.dumps(data)))
        whole(path, data)

    monkeypatch.setattr(record, "write_json", note)
    grader.grade(submission(), tmp_path / "out")
    assert [found["extra_data"]["complete"] for found in written] == [False] * (len(written) - 1) + [True]
    assert [found["score"] for found in written] == [2, 4, 7, 10]
    assert "Grading was interrupted" in written[0]["output"]
    assert "Grading was interrupted" not in written[-1]["output"]
