"""The leaderboard: from a line in a test file to a place in a table, and who cannot get on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autograder import build, leaderboard, parity
from autograder.batch import ledger
from autograder.batch.gradebook import Gradebook
from autograder.course import Column, load_course
from autograder.errors import GraderError, UserError
from autograder.grade import Grader
from autograder.judge.cases import Status
from autograder.leaderboard import Row, ranked
from autograder.tests import minicourse
from autograder.tests.attacks.uploads import zipped
from autograder.tests.minicourse import numbers, put_numbers

TENSOR = "tinytorch/core/tensor.py"
COLUMNS = "points: 10, leaderboard: [{name: digits}, {name: error, order: asc}], due: 2027-01"

# The mean may be rounded: that is what entries differ in. Its error is measured here, and so are its digits.
CASES = '''
"""Means, as exact as they come."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "mean"
title = "Means"
points = None


@test_case(name="mean of a vector", points=4)
def vector(student, rng):
    x = rng.uniform(1, 2, size=8)
    got = student.mean(x)
    expect.record("error", got - x.mean() if np.size(got) == 1 and isinstance(got, float) else got)
    expect.close(got, x.mean(), rtol=0.1)


@test_case(name="mean of a matrix", points=1, hidden=True)
def matrix(student, rng):
    x = np.full((2, 2), 1.5)
    got = student.mean(x)
    expect.close(got, 1.5, rtol=0.1)
    expect.record("digits", len(str(got)))
'''
EXACT, ROUNDED = "return float(np.mean(x))", "return round(float(np.mean(x)), 1) + 0.0"


def course_with_a_board(root: Path, columns: str = COLUMNS, cases: str = CASES):
    minicourse.write(root)
    declared = (root / "course.yaml").read_text()
    assert declared.count("points: 10, due: 2027-01") == 1
    (root / "course.yaml").write_text(declared.replace("points: 10, due: 2027-01", columns))
    (root / "solutions/a01_numbers/tests/test_mean.py").write_text(cases)
    return load_course(root)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    made = course_with_a_board(tmp_path_factory.mktemp("board") / "course")
    build.build(made)
    return made


@pytest.fixture(scope="module")
def grader(course):
    with Grader(course, course.assignment("a01")) as made:
        yield made


def graded(grader, folder: Path, **parts: str) -> tuple[dict, dict[str, float]]:
    """results.json of a submission, and what it has for the leaderboard."""
    grader.grade(put_numbers(folder / "work", numbers(**parts)), folder / "out")
    results = json.loads((folder / "out" / "results.json").read_text())
    return results, {entry["name"]: entry["value"] for entry in results.get("leaderboard", [])}


# From the test file to results.json.


def test_numbers_that_the_tests_record_stand_in_results_in_the_order_of_the_declaration(grader, tmp_path):
    results, _ = graded(grader, tmp_path, mean=EXACT)
    assert results["leaderboard"] == [
        {"name": "digits", "value": 3.0, "order": "desc"},
        {"name": "error", "value": 0.0, "order": "asc"},
    ]
    record = json.loads((tmp_path / "out" / "record.json").read_text())
    assert [c["recorded"] for c in record["cases"] if c["recorded"]] == [[["error", 0.0]], [["digits", 3.0]]]


def test_a_case_that_fails_records_nothing_although_the_line_was_reached(grader, tmp_path):
    results, found = graded(grader, tmp_path, mean="return 100.0 if np.ndim(x) == 1 else 1.5")
    assert found == {"digits": 3.0}
    assert [row["status"] for row in results["tests"]].count("failed") == 1


@pytest.mark.parametrize("answer", ["float('nan')", "float('inf')", "'0.0'", "None", "True", "{'error': 0}", "-1e999"])
def test_what_is_no_finite_number_is_the_students_mistake_and_no_entry(answer, grader, tmp_path):
    results, found = graded(grader, tmp_path, mean=f"return {answer}")
    assert "error" not in found
    assert not results["extra_data"]["needs_a_person"]


def test_whoever_is_not_graded_is_not_on_the_board(grader, tmp_path):
    grader.grade(put_numbers(tmp_path / "work", "def broken(:\n"), tmp_path / "out")
    assert "leaderboard" not in json.loads((tmp_path / "out" / "results.json").read_text())


def test_scores_shown_later_keep_the_board_back_too(course, grader, tmp_path):
    from dataclasses import replace

    from autograder import score

    grade = grader.grade(put_numbers(tmp_path / "work", numbers(mean=EXACT))).grade
    assert "leaderboard" in score.results(grade, 0.0)
    assert "leaderboard" not in score.results(replace(grade, visibility="after_due_date"), 0.0)
    assert "leaderboard" not in score.results(replace(grade, complete=False), 0.0)


def test_two_machines_may_measure_different_numbers_under_the_same_names(grader, tmp_path):
    grader.grade(put_numbers(tmp_path / "work", numbers(mean=EXACT)), tmp_path / "out")
    ours = (tmp_path / "out" / "results.json").read_bytes()
    assert ours.count(b'"value": 3.0') == 1
    assert parity.difference(ours, ours.replace(b'"value": 3.0', b'"value": 2.5e-07')) is None
    assert "digits" in parity.difference(ours, ours.replace(b'"name": "digits"', b'"name": "letters"'))
    assert parity.difference(ours, ours.replace(b'"score": 10', b'"score": 11'))


# Nobody writes it but the judge.

FORGED = '{"score": 99, "leaderboard": [{"name": "digits", "value": 99, "order": "desc"}]}'
FORGERIES = {
    "results.json written wherever it may be, now and at the end": f"""
import atexit, os
def forge():
    for place in (".", "..", "/tmp", "/autograder/results", os.path.expanduser("~"), "out", "../out"):
        try:
            open(os.path.join(place, "results.json"), "w").write('''{FORGED}''')
        except OSError:
            pass
forge()
atexit.register(forge)
""",
    "the same as output": f"print('''{FORGED}''', flush=True)",
    "numbers recorded by the student's own code": """
try:
    from autograder import expect
    expect.record("digits", 99)
    expect._recorded.set({"digits": 99.0, "error": -99.0})
    expect.record = lambda name, value: None
except BaseException:
    pass
""",
    "the module under another name": """
import sys
for module in list(sys.modules.values()):
    for name in ("record", "_recorded", "_number"):
        if hasattr(module, name):
            try:
                setattr(module, name, lambda *a, **k: 99.0)
            except BaseException:
                pass
""",
    "a row on the wire": """
import os
row = b'{"recorded": {"digits": 99, "error": -99}, "leaderboard": [{"name": "digits", "value": 99}], "ok": 99}\\n'
for number in range(3, 20):
    try:
        os.write(number, row)
    except OSError:
        pass
""",
}


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_student_cannot_put_a_number_there(kind, grader, tmp_path):
    """Either the honest numbers stand there or none: never one that the student's program chose."""
    results, found = graded(grader, tmp_path, mean=EXACT, top=FORGERIES[kind])
    assert found.items() <= {"digits": 3.0, "error": 0.0}.items()
    assert results["score"] <= 10
    # The one that breaks the wire breaks its own case; the others are judged as if nothing had been tried.
    assert found or kind == "a row on the wire" or results["score"] == 0


class_that_lies = """
class Lie(float):
    def __new__(cls, value):
        return float.__new__(cls, value)
    def __sub__(self, other):
        return -99.0
    __rsub__ = __sub__
    def __str__(self):
        return "9" * 40
    __repr__ = __str__
"""


def test_an_object_that_lies_about_itself_arrives_as_the_plain_number_that_it_is(grader, tmp_path):
    _, found = graded(grader, tmp_path, mean="return Lie(float(np.mean(x)))", top=class_that_lies)
    assert found.items() <= {"digits": 3.0, "error": 0.0}.items()


# One declaration.


@pytest.mark.parametrize(
    ("columns", "cases", "words"),
    [
        (COLUMNS.replace("error", "mistakes"), CASES, "record 'error', which is no column"),
        ("points: 10, due: 2027-01", CASES, "none declared"),
        (COLUMNS.replace("{name: digits}, ", "{name: digits}, {name: speed}, "), CASES, "'speed', and 0 lines"),
        (COLUMNS, CASES.replace("    expect.close(got, 1.5", '    expect.record("error", 1 * got)\n    expect.close(got, 1.5'),
         "'error', and 2 lines"),
    ],
)  # fmt: skip
def test_tests_and_declaration_name_the_same_columns(columns, cases, words, tmp_path):
    made = course_with_a_board(tmp_path / "course", columns, cases)
    with pytest.raises(GraderError, match=words), Grader(made, made.assignment("a01")):
        pass


def test_a_column_stands_once_and_goes_up_or_down(tmp_path):
    for columns, words in (
        ("[{name: a}, {name: a}]", "two columns 'a'"),
        ("[{name: a, order: up}]", "asc"),
        ("[{name: ''}]", "name"),
    ):
        with pytest.raises(UserError, match=words):
            course_with_a_board(tmp_path / words.replace(" ", ""), f"points: 10, leaderboard: {columns}, due: 2027-01")


# Places.

UP_DOWN = (Column(name="right"), Column(name="bytes", order="asc"))


def placed(*rows: tuple[str, dict[str, float]]) -> list[tuple[int | None, str, bool]]:
    return [(p.place, p.row.who, p.front) for p in ranked([Row(*row) for row in rows], UP_DOWN)]


def test_the_first_column_decides_then_the_next_and_equals_share_a_place():
    assert placed(
        ("dora", {"right": 0.9, "bytes": 10}),
        ("carl", {"right": 0.97, "bytes": 30}),
        ("Bert", {"right": 0.97, "bytes": 20}),
        ("anna", {"right": 0.97, "bytes": 20}),
        ("emil", {"right": 0.8, "bytes": 10}),
    ) == [(1, "anna", True), (1, "Bert", True), (3, "carl", False), (4, "dora", True), (5, "emil", False)]


def test_missing_numbers_are_worse_than_any_and_a_row_without_numbers_has_no_place():
    assert placed(
        ("none", {}),
        ("half", {"bytes": 1}),
        ("whole", {"right": 0.1, "bytes": 99}),
        ("alike", {"right": 0.1}),
    ) == [(1, "whole", True), (2, "alike", False), (3, "half", True), (None, "none", False)]


# From a batch, and from files.


def test_a_batch_a_folder_of_results_and_a_single_file_show_the_same_numbers(course, tmp_path, tito, monkeypatch):
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    for name, mean in (("ann", EXACT), ("ben", ROUNDED), ("cy", "return 100.0"), ("dee", EXACT)):
        zipped(uploads, [(TENSOR, numbers(mean=mean))]).rename(uploads / f"{name}.zip")
    monkeypatch.setenv("TITO_COURSE", str(course.root))
    out = tmp_path / "out"
    status, _, errors = tito("grade", "a01", uploads, "--out", out)
    assert status == 0, errors
    with Gradebook(out / "gradebook.sqlite") as book:
        kept = {attempt.label: ledger.leaderboard(book, attempt.id) for attempt in ledger.attempts(book, "a01_numbers")}
    assert kept["ann"] == kept["dee"] == {"digits": 3.0, "error": 0.0}
    assert kept["cy"] == {}

    monkeypatch.chdir(out)
    status, from_book, errors = tito("olympics")
    assert (status, errors) == (0, "")
    lines = [line.split() for line in from_book.splitlines()]
    assert lines[0] == ["Numbers:", "4", "entries"]
    assert lines[1] == ["place", "who", "digits", "↓", "error", "↑"]
    by_name = {line[2] if line[1] == "*" else line[1]: line for line in lines[2:]}
    assert by_name["cy"] == ["-", "cy", "-", "-", "no", "entry", "passed"]
    assert {by_name[n][0] for n in ("ann", "dee")} in ({"1"}, {"2"})

    (out / "gradebook.sqlite").unlink()
    status, from_files, _ = tito("olympics", out)
    for name in ("ann", "ben", "cy", "dee"):
        row = next(line.split() for line in from_files.splitlines() if name in line)
        assert [w for w in row if w != name] == [w for w in by_name[name] if w != name] or name in " ".join(row)
    one = next(out.rglob("ann/results.json"))
    status, alone, _ = tito("olympics", one)
    assert (status, alone.splitlines()[0], alone.splitlines()[2].split()) == (
        0, "Numbers: 1 entry", ["1", "*", "ann", "3", "0"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is no results file"),
        ("[]", "is no results file"),
        ('{"extra_data": {"assignment": "a02_words"}}', "is not about a01_numbers"),
        ('{"extra_data": {"assignment": "a01_numbers"}, "leaderboard": [{"name": "digits"}]}', "is no results file"),
        ('{"extra_data": {"assignment": "a01_numbers"}, "leaderboard": [{"name": "digits", "value": "x"}]}', "results"),
    ],
)
def test_a_file_that_is_none_of_ours_is_one_line(content, words, course, tmp_path):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(UserError, match=words):
        leaderboard.gather(course, course.assignment("a01"), [tmp_path])


def test_an_empty_place_and_a_course_without_a_board_say_what_to_do(course, mini, tmp_path):
    for place, words in ((tmp_path, "holds no gradebook.sqlite"), (tmp_path / "nowhere", "there is no")):
        with pytest.raises(UserError, match=words):
            leaderboard.gather(course, course.assignment("a01"), [place])
    assert leaderboard.subject_of(course, None).key == "a01_numbers"
    with pytest.raises(UserError, match="a02_words has no leaderboard"):
        leaderboard.subject_of(course, "a02")
    with pytest.raises(UserError, match="no assignment of this course"):
        leaderboard.subject_of(mini, None)


def test_names_that_would_steer_the_terminal_are_shown_as_they_are(course, tmp_path, tito, monkeypatch):
    monkeypatch.setenv("TITO_COURSE", str(course.root))
    folder = tmp_path / "all" / "evil\x1b[2Jname"
    folder.mkdir(parents=True)
    numbers = [{"name": "digits", "value": 4.0, "order": "desc"}, {"name": "error", "value": 1e-9, "order": "asc"}]
    results = {"extra_data": {"assignment": "a01_numbers"}, "leaderboard": numbers}
    (folder / "results.json").write_text(json.dumps(results))
    status, shown, _ = tito("olympics", tmp_path / "all")
    assert status == 0 and "\x1b[2J" not in shown and "1e-09" in shown


def test_a_recorded_number_is_only_of_a_case_that_passed():
    from autograder.judge.cases import CaseResult, Verdict

    def case(number: int, status: Status, **recorded: float) -> CaseResult:
        plain = {"message": "", "detail": "", "seed": 0, "recorded": tuple(recorded.items())}
        return CaseResult("f", f"c{number}", f"1.{number}", "t", False, 1, status, **plain)

    verdict = Verdict("a01", (case(1, Status.PASSED, a=1.0), case(2, Status.FAILED, b=2.0), case(3, Status.PASSED)))
    assert verdict.recorded == {"a": 1.0}
