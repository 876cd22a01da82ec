"""A batch over a folder: every upload gets its score whatever lies beside it, and nothing is graded twice or lost."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from autograder import score
from autograder.batch import ledger, run
from autograder.batch import work as unit
from autograder.batch.faults import faults
from autograder.batch.work import Outcome
from autograder.course import load_course
from autograder.errors import UserError
from autograder.parity import difference
from autograder.tests import minicourse
from autograder.tests.batch.conftest import ZIPS, Bench, Replayed, put_folder, put_hostile, put_zips, scores

DUE = datetime(2027, 1, 1, 11, tzinfo=timezone.utc)


def test_hostile_uploads_get_their_score_and_harm_no_other(tito, mini, tmp_path, bench, grader):
    """The command line with two judges, over good, bad and hostile uploads; every result is what grading it alone says."""
    put_zips(bench.folder)
    expected = {name: score for name, (_, score, _) in ZIPS.items()}
    expected |= put_hostile(bench.folder, tmp_path / "scratch", mini)
    status, out, err = tito("grade", "a01", bench.folder, "--out", bench.out, "--jobs", 2)
    assert (status, err) == (1, "")
    lines = [line for line in out.splitlines() if " / 10" in line]
    assert [line.split(":")[0] for line in lines] == sorted(expected)
    assert {line.split(":")[0]: float(line.split()[1]) for line in lines} == expected
    for name, (_, _, told) in ZIPS.items():
        assert told in next(line for line in lines if line.startswith(f"{name}:"))
    assert f"{len(expected)} submissions, mean {sum(expected.values()) / len(expected):.1f}, in " in out
    with bench.book as book:
        attempts = ledger.attempts(book)
    assert scores(attempts) == expected
    for attempt in attempts[::3]:
        alone = grader.grade(attempt.source, tmp_path / "alone")
        assert difference(alone.results.read_bytes(), (bench.out / attempt.label / "results.json").read_bytes()) is None
    assert sorted(p.name for p in bench.out.iterdir() if p.is_dir()) == sorted(expected)


def test_the_unit_of_work_is_a_function_of_its_arguments(mini, bench, grader, tmp_path):
    folder = put_folder(tmp_path / "w", double="return x")
    work = unit.Work(1, str(folder), 5, DUE + timedelta(hours=1), terms=score.Terms(lines=("Said.",)))
    first, other = unit.grade_one(bench.setting, work), unit.grade_one(bench.setting, replace(work, seed=6))
    again = unit.grade_one(bench.setting, work)
    assert first.grade.verdict.cases[0].message == again.grade.verdict.cases[0].message
    assert first.grade.verdict.cases[0].message != other.grade.verdict.cases[0].message
    assert difference(first.results, again.results) is None
    results = json.loads(first.results)
    assert (results["score"], results["extra_data"]["seed"], results["extra_data"]["policies"]) == (4.5, 5, ["Said."])
    assert sorted(path.name for path in folder.rglob("*.json")) == []


# Going on, again, only some.


@pytest.fixture
def few(bench: Bench) -> Bench:
    put_zips(bench.folder, ["ann", "ben", "cy", "garbage"])
    return bench


def test_what_is_graded_is_not_graded_again_and_new_uploads_are(few, outcomes):
    few.grade(Replayed(outcomes))
    with pytest.raises(UserError, match="4 of 4 uploads are graded already; grade only the others with --resume"):
        few.grade(Replayed(outcomes))
    put_zips(few.folder, ["dee"])
    (few.folder / "cy.zip").write_bytes((few.folder / "ann.zip").read_bytes())  # handed in again
    judges = Replayed(outcomes)
    attempts, _ = few.grade(judges, resume=True)
    assert judges.asked == ["cy.zip", "dee.zip"]
    assert list(scores(attempts)) == ["ann", "ben", "garbage", "cy~2", "dee"]
    with few.book as book:
        assert [a.label for a in ledger.attempts(book)] == ["ann", "ben", "cy", "garbage", "cy~2", "dee"]
        student = book.directory().find("cy").id
        assert [a.label for a in ledger.attempts(book) if student in a.students] == ["cy", "cy~2"]


def test_only_some_students_are_graded_and_an_unknown_one_is_named(few, outcomes):
    judges = Replayed(outcomes)
    few.grade(judges, only=("ben", "ANN"))
    assert judges.asked == ["ann.zip", "ben.zip"]
    with pytest.raises(UserError, match="no student is called 'bne'; the nearest are ben"):
        few.grade(judges, only=("bne",))
    few.grade(judges, resume=True)
    assert judges.asked == ["ann.zip", "ben.zip", "cy.zip", "garbage.zip"]


def test_a_regrade_keeps_marks_and_seeds_and_says_what_changed(few, outcomes):
    few.grade(Replayed(outcomes), seed=3)
    with few.book as book:
        ann = book.directory().find("ann").id
        book.add_marks([("a01_numbers", ann, 8.0, "good"), ("a01_numbers", ann, 9.0, "better")])
        book.db.execute("UPDATE gradings SET seed = 3")
        marks = book.marks()
    worse = {**outcomes, "ann.zip": outcomes["ben.zip"]}
    judges = Replayed(worse)
    attempts, plan = few.grade(judges, regrade=True)
    assert len(judges.asked) == 4
    assert {job.work.seed for job in plan.jobs} == {3}
    assert scores(attempts)["ann"] == 5
    with few.book as book:
        assert book.marks() == marks
        number = next(a.id for a in attempts if a.label == "ann")
        told = [event.split(": ", 1)[1] for event in ledger.events(book, number)]
        assert len(ledger.cases(book, number)) == 5
    assert told == ["10 (graded)", "10 (graded) -> 5 (graded)"]
    assert few.grade(Replayed(worse), regrade=True, seed=4)[1].jobs[0].work.seed == 4


def test_lost_files_come_back_without_grading(few, outcomes):
    few.grade(Replayed(outcomes))
    before = {path: path.read_bytes() for path in few.out.glob("*/*.json")}
    (few.out / "ann" / "results.json").unlink()
    (few.out / "ben" / "results.json").write_text("{")
    (few.out / "ben" / ".results.json.77.tmp").write_text("{")
    judges = Replayed(outcomes)
    few.grade(judges, resume=True)
    assert judges.asked == []
    assert {path: path.read_bytes() for path in few.out.glob("*/*")} == before


def test_two_batches_into_one_folder_and_two_assignments_are_refused(few, outcomes, mini):
    few.grade(Replayed(outcomes))
    with run.opened(few.order()), pytest.raises(UserError, match="another tito grade is at work in"):
        few.grade(Replayed(outcomes), resume=True)
    order = few.order(folder=put_folder(few.folder.parent / "other" / "ann").parent)
    with run.opened(order) as book, pytest.raises(UserError, match="holds the results of a01_numbers"):
        run.make_plan(book, mini, mini.assignment("a02"), order)


class Stopped(Exception):
    pass


class Stopping(Replayed):
    """Judges that are killed after a number of uploads."""

    def run(self, works):
        for number, answer in enumerate(super().run(works)):
            if number == 2:
                raise Stopped
            yield answer


def interrupted(bench: Bench, outcomes: dict[str, Outcome], **options: object) -> None:
    with pytest.raises(Stopped):
        bench.grade(Stopping(outcomes), **options)


def test_an_interrupted_batch_is_gone_on_with_as_it_began(few, outcomes, tmp_path):
    (tmp_path / "x.csv").write_text("student,assignment,days\ncy,a01,3\n")
    (tmp_path / "y.csv").write_text("student,assignment,days\ncy,a01,4\n")
    interrupted(few, outcomes, seed=3, extensions=tmp_path / "x.csv")
    with pytest.raises(UserError, match="was interrupted; go on with --resume"):
        few.grade(Replayed(outcomes))
    for wrong in ({"seed": 4}, {"only": ("ann",)}, {"regrade": True}, {"extensions": tmp_path / "y.csv"}):
        with pytest.raises(UserError, match=f"began without this --{next(iter(wrong))}"):
            few.grade(Replayed(outcomes), resume=True, **wrong)
    judges = Replayed(outcomes)
    _, plan = few.grade(judges, resume=True)
    assert judges.asked == ["cy.zip", "garbage.zip"]
    assert plan.jobs[0].work.seed == 3
    assert plan.jobs[0].work.due == DUE + timedelta(days=3)


def test_an_interrupted_regrade_goes_on_with_what_is_left_of_it(few, outcomes):
    few.grade(Replayed(outcomes))
    interrupted(few, outcomes, regrade=True)
    judges = Replayed(outcomes)
    few.grade(judges, resume=True)
    assert judges.asked == ["cy.zip", "garbage.zip"]
    judges = Replayed(outcomes)
    few.grade(judges, resume=True)
    assert judges.asked == []


def test_tests_that_changed_meanwhile_stop_the_going_on_and_are_noted_later(tmp_path, outcomes):
    course = load_course(minicourse.write(tmp_path / "course"))
    own = Bench(course, put_zips(tmp_path / "uploads", ["ann", "ben", "cy"]), tmp_path / "out")
    interrupted(own, outcomes)
    tests = course.solution("a01_numbers") / "tests" / "test_mean.py"
    before = tests.read_text()
    tests.write_text(before.replace("size=9", "size=8"))
    with pytest.raises(UserError, match="the tests or rules of a01_numbers changed since this batch was interrupted"):
        own.grade(Replayed(outcomes), resume=True)
    (course.solution("a01_numbers") / "README.md").write_text("other words decide no score\n")
    tests.write_text(before)
    _, plan = own.grade(Replayed(outcomes), resume=True)
    assert plan.notes == ()
    tests.write_text(before.replace("size=9", "size=8"))
    assert run.changed_meanwhile(course, course.assignment("a01"), plan)
    put_zips(own.folder, ["dee"])
    _, plan = own.grade(Replayed(outcomes), resume=True)
    assert "3 uploads were graded by other tests or rules" in plan.notes[0]


# Errors of ours.


def test_a_grader_error_is_no_zero_and_says_what_to_do(few, outcomes, mini):
    def broken(why: str) -> Outcome:
        return unit.failed(few.setting, unit.Work(0, "x"), why)

    odd = {
        **outcomes,
        "ann.zip": broken("the judge's process ended (SIGKILL) (2 times)"),
        "ben.zip": broken("disk full"),
    }
    attempts, _ = few.grade(Replayed(odd))
    assert [a.state for a in attempts] == ["grader error", "grader error", "graded", "rejected"]
    results = json.loads((few.out / "ann" / "results.json").read_text())
    assert results["extra_data"]["needs_a_person"] is True and "not your program's fault" in results["output"]
    with few.book as book:
        first, second = faults(book, attempts)
    assert first.why.startswith("the judge's process ended")
    assert first.remedy.endswith("--regrade --only ann --jobs 1")
    assert "ben/record.json" in second.remedy and second.remedy.endswith("--regrade --only ben")


def test_a_test_that_raises_is_listed_with_its_file_and_does_not_stop_the_others(tmp_path, tito, monkeypatch):
    root = minicourse.write(tmp_path / "course")
    tests = root / "solutions" / "a01_numbers" / "tests" / "test_double.py"
    line = "    expect.equal(student.double(x), 2 * x)"
    tests.write_text(tests.read_text().replace(line, "    expect.equal(student.double(x).no_such_thing, 2 * x)"))
    monkeypatch.setenv("TITO_COURSE", str(root))
    folder = put_zips(tmp_path / "uploads", ["ann", "garbage"])
    status, out, err = tito("grade", "a01", folder, "--out", tmp_path / "out", "--jobs", 1)
    assert (status, err) == (3, "")
    assert "without a score, since the grader failed on them (1):" in out
    assert "ann: double.integers: the test itself raised AttributeError" in out
    assert "to do: correct test_double.py, prove it (tito validate a01), then --regrade --only ann" in out
    assert "garbage: 0 / 10" in out
    assert tito("gradebook", "errors", "--gradebook", tmp_path / "out" / "gradebook.sqlite")[0] == 3
    tests.write_text(tests.read_text().replace(".no_such_thing", "").replace(line, "    student.double(x)"))
    status, out, err = tito("grade", "a01", folder, "--out", tmp_path / "out", "--regrade")
    assert (status, "always passes: it calls no expect" in err) == (3, True)


# A Gradescope export with all that the policies have to say.

EXPORT = """
submission_1:
  :submitters: [{":name": Ann Lee, ":email": ann@uni.edu, ":sid": '1'}]
  :created_at: 2027-01-02 08:00:00 Z
  :history: [{":id": 9, ":created_at": 2027-01-02 07:00:00 Z, ":score": 2}]
submission_2:
  :submitters: [{":name": Ben Poe, ":email": ben@uni.edu, ":sid": '2'}, {":name": Cy Fox, ":email": cy@uni.edu}]
  :created_at: 2027-01-02 08:00:00 Z
submission_3:
  :submitters: [{":name": Dee Day, ":email": dee@uni.edu, ":sid": '4'}]
  :created_at: 2027-01-02 08:00:00 Z
"""
EXTENSIONS = "student,assignment,days,late_days\nben@uni.edu,a01,,1\nDee Day,a01,2,\nZoe,a01,1,\n"


@pytest.fixture
def export(tmp_path: Path) -> Bench:
    root = minicourse.write(tmp_path / "course")
    declared = root / "course.yaml"
    declared.write_text(declared.read_text() + "policies: {attempts_per_day: 1}\n")
    for number in (1, 2, 3):
        put_folder(tmp_path / "uploads" / f"submission_{number}")
    (tmp_path / "uploads" / "submission_metadata.yml").write_text(EXPORT)
    (tmp_path / "x.csv").write_text(EXTENSIONS)
    return Bench(load_course(root), tmp_path / "uploads", tmp_path / "out")


def test_an_export_is_graded_by_times_extensions_late_days_and_attempts(export, tmp_path):
    attempts, plan = export.grade(extensions=tmp_path / "x.csv")
    assert scores(attempts) == {"Ann_Lee-1": 0, "Ben_Poe-2": 10, "Dee_Day-3": 10}
    assert [a.state for a in attempts] == ["refused", "graded", "graded"]
    assert attempts[0].rejected.startswith("this is attempt 2 of 2027-01-02, and 1 a day are graded")
    assert (attempts[1].late_percent, attempts[1].free_days, attempts[2].late_seconds) == (0, 1, 0)
    assert "Your own due date is 2027-01-03 12:00 CET (the course's: 2027-01-01 12:00 CET)." in attempts[2].policies
    assert [note for note in plan.notes if "Zoe" in note] != []
    with export.book as book:
        names = {s.id: s.person.name for s in book.directory()}
    assert [names[s] for s in attempts[1].students] == ["Ben Poe", "Cy Fox"]
    output = json.loads((export.out / "Ben_Poe-2" / "results.json").read_text())["tests"][-1]["output"]
    assert "1 of 1 late days used: 0 % of the points earned" in output


def test_late_days_of_the_term_are_spent_once(bench, outcomes, mini, tmp_path):
    """Two late days for the term: the first assignment takes both, so that the second has none."""
    allowed = tmp_path / "x.csv"
    allowed.write_text("student,late_days\nann,2\n")
    put_zips(bench.folder, ["ann"])
    bench.grade(Replayed(outcomes), extensions=allowed)
    with bench.book as book:
        for used, left in ((0, 2), (1, 1), (2, 0)):
            with book.transaction() as db:
                db.execute("UPDATE gradings SET free_days = ?", (used,))
            order = run.Order(bench.folder, tmp_path / f"second{used}", extensions=allowed)
            plan = run.make_plan(book, mini, mini.assignment("a02"), order)
            assert plan.jobs[0].work.terms.free_days == left
    # What an assignment itself used is not spent before it, or every regrade would cost days.
    _, plan = bench.grade(Replayed(outcomes), extensions=allowed, regrade=True)
    assert plan.jobs[0].work.terms.free_days == 2


def test_results_among_the_submissions_are_refused(few, outcomes):
    few.out = few.folder / "results"
    with pytest.raises(UserError, match="lies among the submissions"):
        few.grade(Replayed(outcomes))
    assert not few.out.exists()


def test_what_is_for_a_batch_needs_a_folder_and_a_place(tito, tmp_path):
    single = put_folder(tmp_path / "uploads" / "ann")
    for words in (("--resume",), ("--jobs", 2), ("--only", "ann"), ("--regrade", "--out", tmp_path / "o")):
        status, out, err = tito("grade", "a01", single, *words)
        assert (status, out) == (2, "")
        assert f"{words[0]} is for a batch: give one folder of submissions, and --out DIR" in err
