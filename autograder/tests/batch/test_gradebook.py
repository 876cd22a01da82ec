"""The gradebook's file: two writers, other programs' files, marks by hand, exports."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.batch import gradebook as module
from autograder.batch import ledger
from autograder.batch.gradebook import Gradebook
from autograder.batch.models import Person
from autograder.errors import UserError
from autograder.tests.batch.conftest import Bench, Replayed, put_zips

WRITER = """
import sys
import time
from pathlib import Path
from autograder.batch.gradebook import Gradebook
from autograder.batch.models import Person

path, who, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    time.sleep(0.002)  # whoever is quick must not be done before the other is awake
    with Gradebook(path, who=who) as book:
        with book.transaction():
            student = book.add_people([Person("Ann", sid="1"), Person(f"only {who} {number}", sid=f"{who}{number}")])
        book.add_marks([("a01", student[Person("Ann", sid="1")], float(number), f"{who} {number}")])
"""


def test_two_who_write_at_once_lose_nothing(tmp_path):
    """Both begin without a file, so that they also race to make it; each opens it anew for every mark."""
    path, count = tmp_path / "g.sqlite", 60
    command = [sys.executable, "-c", WRITER, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    writers = [subprocess.Popen([*command, who, str(count)], text=True, **pipes) for who in ("ta1", "ta2")]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    assert [(writer.communicate()[1], writer.returncode) for writer in writers] == [("", 0)] * 2
    with Gradebook(path) as book:
        marks = book.marks()
        for who in ("ta1", "ta2"):
            assert [(m.points, m.comment) for m in marks if m.who == who] == [(n, f"{who} {n}") for n in range(count)]
        assert len(marks) == 2 * count
        assert {mark.student for mark in marks} == {next(s.id for s in book.directory() if s.person.sid == "1")}
        assert len(list(book.directory())) == 1 + 2 * count
        order = [mark.who for mark in marks]
    assert order != sorted(order), "one was done before the other began: nothing was tested"


def test_a_mark_waits_for_a_batch_that_is_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.2)
    with Gradebook(tmp_path / "g.sqlite") as batch, Gradebook(tmp_path / "g.sqlite") as ta:
        with batch.transaction():
            (student,) = batch.add_people([Person("Ann")]).values()
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                ta.add_marks([("a01", student, 1.0, "")])
            assert ta.marks() == ()  # reading never waits
        assert ta.add_marks([("a01", student, 1.0, "")]) == 1


def test_what_fails_in_the_middle_leaves_nothing(tmp_path):
    with Gradebook(tmp_path / "g.sqlite") as book:
        with pytest.raises(RuntimeError), book.transaction():
            book.add_people([Person("Ann")])
            raise RuntimeError
        assert list(book.directory()) == []
        with pytest.raises(sqlite3.IntegrityError):
            book.add_marks([("a01", 77, 1.0, "of nobody")])


@pytest.mark.parametrize("kind", ["another program's", "no database", "a newer one", "a folder"])
def test_a_file_that_is_no_gradebook_of_ours_is_refused_and_left_alone(kind, tmp_path):
    path = tmp_path / "g.sqlite"
    if kind == "no database":
        path.write_bytes(b"hello, I am a letter" * 100)
    elif kind == "a folder":
        path.mkdir()
    else:
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE students (x)" if kind == "another program's" else "PRAGMA user_version = 99")
        if kind == "a newer one":
            db.execute(f"PRAGMA application_id = {module.APPLICATION}")
        db.close()
    before = path.read_bytes() if path.is_file() else None
    words = {"a newer one": "made by a newer tito", "another program's": "a database of another program"}
    with pytest.raises(UserError, match=words.get(kind, r"g.sqlite")):
        Gradebook(path)
    if kind != "a newer one":
        assert (path.read_bytes() if path.is_file() else None) == before


def test_a_gradebook_that_is_not_there_is_not_made_by_looking(tmp_path):
    with pytest.raises(UserError, match="there is no gradebook"):
        Gradebook(tmp_path / "g.sqlite", existing=True)
    assert list(tmp_path.iterdir()) == []


# With a batch in it.


@pytest.fixture
def graded(bench: Bench, outcomes, monkeypatch) -> Bench:
    put_zips(bench.folder)
    bench.grade(Replayed(outcomes))
    monkeypatch.setenv("TITO_GRADEBOOK", str(bench.out / "gradebook.sqlite"))
    return bench


def test_the_gradebook_keeps_what_a_report_needs(graded, outcomes, mini):
    with graded.book as book:
        attempts = {attempt.label: attempt for attempt in ledger.attempts(book)}
        cases = ledger.cases(book, attempts["dee"].id)
        for name, attempt in attempts.items():
            assert ledger.written(book, attempt.id) == (outcomes[f"{name}.zip"].results, outcomes[f"{name}.zip"].record)
    assert [(c.key, c.status, c.earned) for c in cases] == [
        ("double.integers", "crashed", 0), ("double.matrix", "crashed", 0), ("mean.vector", "passed", 2),
        ("mean.matrix", "passed", 2), ("mean.same", "passed", 1),
    ]  # fmt: skip
    assert all(case.seconds > 0 and case.memory_kb > 0 and case.seed > 0 for case in cases)
    dee = attempts["dee"]
    assert (dee.state, dee.score, dee.course_version, len(dee.course_digest), len(dee.sha256)) == (
        "graded",
        5,
        "1",
        64,
        64,
    )
    assert json.loads(dee.versions).keys() == {"python", "numpy", "machine"}
    assert attempts["garbage"].state == "rejected"


def test_a_mark_by_hand_is_added_to_the_grade_and_the_last_one_counts(graded, tito):
    assert tito("gradebook", "mark", "a01", "ann", "--points", 7.5, "--comment", "own numbers", "--by", "Tom") == (
        0, "a01_numbers: ann has 7.5 of 10\n", "",
    )  # fmt: skip
    status, out, _ = tito("gradebook", "mark", "1", "ANN", "--points", 8, "--by", "Tina")
    assert (status, out) == (0, "a01_numbers: ann has 8 of 10 (before: 7.5 by Tom)\n")
    status, out, _ = tito("gradebook", "show", "ann")
    assert status == 0
    assert "a01_numbers: Graded, 18 of 20" in out
    assert "by hand: 7.5 by Tom" in out and "(replaced)" in out and "own numbers" in out and "by hand: 8 by Tina" in out
    assert "2.2 mean of a matrix (failed)" in tito("gradebook", "show", "cy")[1]
    everybody = tito("gradebook", "show")[1].splitlines()
    assert [line.split() for line in everybody if " ann " in line] == [
        ["a01", "ann", "Graded", "1", "10", "8", "18/20"]
    ]
    assert len(everybody) == 10


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mark", "a01", "amn", "--points", 1), "no student is called 'amn'; the nearest are ann"),
        (("mark", "a01", "ann", "--points", 11), "11 points are not from 0 to 10"),
        (("mark", "a01", "ann", "--points", "nan"), "nan points are not from 0 to 10"),
        (("mark", "a07", "ann", "--points", 1), "no assignment is called 'a07'"),
        (("show", "nobody at all"), "no student is called 'nobody at all'"),
        (("export", "--format", "canvas"), "which assignment?"),
        (("import", "a01", "gone.csv"), "cannot read gone.csv"),
        (("show", "--gradebook", "gone.sqlite"), "there is no gradebook gone.sqlite"),
    ],
)
def test_a_wrong_command_is_one_line_and_status_two_and_changes_nothing(words, said, graded, tito):
    status, out, err = tito("gradebook", *words)
    assert (status, out) == (2, "")
    assert said in err and err.count("\n") == 1
    with graded.book as book:
        assert book.marks() == ()


def test_marks_by_csv_are_entered_all_or_none(graded, tito, tmp_path):
    file = tmp_path / "marks.csv"
    file.write_text("student,points,comment\nann,8,good\nbne,7,\nCY,11,\nben,,not yet\nann,1,\n")
    status, _, err = tito("gradebook", "import", "a01", file)
    assert status == 2
    assert err.splitlines() == [
        "error: nothing was entered:",
        "marks.csv:3: no student is called 'bne'; the nearest are ben",
        "marks.csv:4: 11 points are not from 0 to 10 (policies.reflection_points in course.yaml)",
        "marks.csv:6: ann stands in marks.csv:2 already; keep one line",
    ]
    with graded.book as book:
        assert book.marks() == ()
    file.write_text("student,points,comment\nann,8,good\nben,7,\n")
    assert tito("gradebook", "import", "a01", file)[1] == "a01_numbers: 2 marks entered, 0 were there already\n"
    assert tito("gradebook", "import", "a01", file)[1] == "a01_numbers: 0 marks entered, 2 were there already\n"
    file.write_text("student,point\nann,8\n")
    assert "marks.csv:1: unknown column 'point'; did you mean 'points'?" in tito("gradebook", "import", "a01", file)[2]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_exports_hold_tests_and_marks_and_blanks_where_nothing_is_known(graded, tito, tmp_path):
    with graded.book as book:
        with book.transaction():
            book.add_people([Person("=1+1, Zoe", "zoe@uni.edu", "5")], enrolled=True)
            book.db.execute("UPDATE gradings SET state = 'grader error' WHERE attempt = "
                            "(SELECT id FROM attempts WHERE label = 'ben')")  # fmt: skip
        book.add_marks([("a01_numbers", book.directory().find("ann").id, 8, "")])
    found = {row["SID"]: row for row in rows(tito("gradebook", "export", "a01", "--format", "gradescope")[1])}
    totals = {sid: (row["Total Score"], row["Status"]) for sid, row in found.items()}
    assert (
        totals["ann"] == ("18", "Graded") and totals["cy"] == ("7", "Graded") and totals["garbage"] == ("0", "Graded")
    )
    assert totals["ben"] == ("", "Ungraded") and totals["5"] == ("", "Missing")
    assert found["5"]["Last Name"] == "'=1+1"
    cy = found["cy"]
    assert (cy["2.1: mean of a vector (2 pts)"], cy["2.2: mean of a matrix (2 pts)"], cy["Max Points"]) == (
        "2",
        "0",
        "20",
    )
    assert (found["ann"]["Reflection"], cy["Reflection"]) == ("8", "")
    canvas = rows(tito("gradebook", "export", "a01", "--format", "canvas", "--column", "a01 (77)")[1])
    assert (canvas[0]["Student"].strip(), canvas[0]["a01 (77)"]) == ("Points Possible", "20")
    assert {row["SIS Login ID"]: row["a01 (77)"] for row in canvas}["ann"] == "18"
    assert tito("gradebook", "export", "--format", "json", "-o", tmp_path / "all.json")[0] == 0
    whole = json.loads((tmp_path / "all.json").read_text())
    by = {s["student"]["login"] or s["student"]["sid"]: s for s in whole["assignments"]["a01_numbers"]}
    assert (by["ann"]["total"], by["ben"]["total"], by["5"]["counted"]) == (18, None, None)
    assert [case["status"] for case in by["dee"]["attempts"][0]["cases"]][:2] == ["crashed", "crashed"]


def test_what_tito_marks_exports_tito_reads_again_as_a_roster(graded, tito, tmp_path):
    """The Canvas export has the columns of Canvas's own, which is what a roster may be."""
    from autograder.batch.people import read_roster

    tito("gradebook", "export", "a01", "--format", "canvas", "-o", tmp_path / "c.csv")
    assert {person.login for person in read_roster(Path(tmp_path / "c.csv"))} >= {"ann", "ben", "cy"}
