"""Grading from a file to its results: scores, messages, exit statuses, one clear line for whatever is no submission."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from autograder import build, hints
from autograder.cli.grade import find_submissions, unique_names
from autograder.course import Course, load_course
from autograder.errors import GraderError, UserError
from autograder.explain import load_misconceptions
from autograder.grade import Grader
from autograder.judge.cases import Status
from autograder.tests import minicourse
from autograder.tests.minicourse import numbers

TENSOR = "tinytorch/core/tensor.py"


def zipped(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def failing(graded: Any) -> set[str]:
    return {case.title for case in graded.grade.verdict.cases if case.status is not Status.PASSED}


# The pipeline.


def test_the_solution_scores_everything_as_zip_folder_and_notebook(grader, mini, tmp_path):
    source = (mini.solution("a01_numbers") / TENSOR).read_text()
    cell = {"cell_type": "code", "source": f"%%writefile {TENSOR}\n{source}", "outputs": []}
    notebook = tmp_path / "work.ipynb"
    notebook.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    for form in (zipped(tmp_path / "a.zip", {TENSOR: source}), mini.solution("a01_numbers"), notebook):
        graded = grader.grade(form)
        assert (graded.grade.score, graded.ok, failing(graded)) == (10, True, set()), form
        assert (graded.source, graded.results) == (form, None)


def test_a_public_case_that_fails_says_where_to_read_and_a_hidden_one_does_not(grader, mini, tmp_path):
    grader.grade(minicourse.put_numbers(tmp_path / "w", numbers("return x", "return 0")), tmp_path / "out")
    rows = json.loads((tmp_path / "out" / "results.json").read_text())["tests"]
    handout = (mini.solution("a01_numbers") / "README.md").read_text()
    read = {row["tags"][1]: re.findall("^read: +README.md#(.+)$", row["output"], re.MULTILINE) for row in rows}
    assert (len(read["public"]), read["hidden"]) == (1, [])
    assert read["public"][0] in {hints.anchor(line) for line in handout.splitlines() if line.startswith("#")}
    assert not any("read:" in row["output"] for row in rows if row["status"] == "passed")


def test_a_program_that_shows_where_it_is_gets_the_same_results_from_every_grader(mini, tmp_path):
    shows = "import os, sys; print(dict(os.environ), os.getcwd(), sys.path)"
    bodies = (f"{shows}; return x", f"{shows}; raise ValueError(__file__)")
    source = minicourse.put_numbers(tmp_path / "work", numbers(*bodies))
    found = []
    for name in ("one", "other"):
        with Grader(mini, mini.assignment("a01")) as grader:
            grader.grade(source, tmp_path / name)
        texts = [(tmp_path / name / file).read_text() for file in ("results.json", "record.json")]
        found.append([re.sub(r'"(\w*seconds|memory_kb|execution_time)": [0-9.e-]+', "", text) for text in texts])
        assert "/judge/student/tinytorch/core/tensor.py" in texts[0]
        assert "/judge/scratch" in texts[1]
    assert found[0] == found[1]


def test_the_untouched_stub_scores_nothing_in_every_case_and_is_told_what_is_not_written(grader, mini):
    graded = grader.grade(mini.stub("a01_numbers"))
    assert (graded.grade.score, graded.ok) == (0, True)
    assert {(case.status, case.unwritten, case.earned) for case in graded.grade.verdict.cases} == {
        (Status.ERROR, True, 0)
    }
    assert f"{TENSOR}:8: double is not written yet" in graded.grade.remarks
    assert graded.grade.explanation == ""


@pytest.mark.parametrize("number", [0, 1])
def test_each_misconception_loses_its_cases_and_is_told_its_hint(number, grader, mini, tmp_path):
    folder = mini.solution("a01_numbers")
    wrong = load_misconceptions(folder)[number]
    source = (folder / wrong.file).read_text()
    for edit in wrong.edits:
        source = source.replace(edit.find, edit.put)
    graded = grader.grade(minicourse.put_numbers(tmp_path / "work", source), tmp_path / "out")
    assert 0 < graded.grade.score < 10
    assert failing(graded) == set(wrong.loses)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["output"] == f"This looks like (98 % sure):\n- {wrong.title}. {wrong.hint} Read: {wrong.read}"


def test_a_misconception_is_told_although_the_other_function_is_not_written_yet(grader, submission):
    graded = grader.grade(
        submission(
            double="return np.asarray(x) ** 2", mean="raise NotImplementedError('a01_numbers: mean is yours to write')"
        )
    )
    assert graded.grade.explanation.startswith("This looks like (98 % sure):\n- Squares instead of doubles.")


BROKEN = [
    "1 / 0", "return None", "while True: pass", "import os; os._exit(1)", "return {x}", "raise SystemExit",
    "import signal, os; os.kill(0, 9)",
    "raise NotImplementedError",
]  # fmt: skip


@pytest.mark.parametrize("body", BROKEN)
def test_a_submission_whose_second_function_is_broken_loses_only_that_function_s_points(
    body, grader, submission, monkeypatch
):
    quick = grader.bench.limits.model_copy(update={"case_seconds": 0.6})
    monkeypatch.setattr(grader.bench, "limits", quick)
    graded = grader.grade(submission(mean=body))
    assert graded.grade.score == 5
    assert failing(graded) == {"mean of a vector", "mean of a matrix", "agrees with the reference"}
    assert graded.ok


REJECTED = {
    "not a zip": ("work.zip", b"hello", "work.zip is not a zip file"),
    "an empty file": ("work.zip", b"", "work.zip is empty (0 bytes)"),
    "a Python file": ("tensor.py", b"x = 1\n", "tensor.py is a Python file; submit a zip"),
    "an empty zip": ("work.zip", {}, "work.zip holds no files"),
    "the wrong assignment": ("work.zip", {"tinytorch/core/activations.py": "x = 1\n"}, "submit it to a02_words"),
    "a missing file": ("work.zip", {"notes.txt": "x"}, TENSOR),
    "a file by a wrong name": ("work.zip", {"tinytorch/core/tensors.py": "x = 1\n"},
        f"rename tinytorch/core/tensors.py to {TENSOR}"),
    "two files that could be it": ("work.zip", {"a/tensor.py": "x = 1\n", "b/tensor.py": "x = 2\n"},
        "a/tensor.py, b/tensor.py; keep one"),
    "a syntax error": ("work.zip", {TENSOR: numbers() + "\ndef broken(:\n    pass\n"}, f"{TENSOR}:11: "),
    "a forbidden import": ("work.zip", {TENSOR: "import torch\n" + numbers()},
        f"{TENSOR}:1: 'torch' already does what you are asked to build"),
    "a forbidden part of the library": ("work.zip", {TENSOR: numbers(top="import socket")}, f"{TENSOR}:3: "),
    "not UTF-8": ("work.zip", {TENSOR: b"x = '\xff\xfe\x81'\n"}, TENSOR),
}  # fmt: skip


def upload(tmp_path: Path, kind: str) -> Path:
    name, content, _ = REJECTED[kind]
    if isinstance(content, dict):
        return zipped(tmp_path / name, content)
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


@pytest.mark.parametrize("kind", REJECTED)
def test_what_cannot_be_graded_scores_nothing_and_says_why_in_results(kind, grader, tmp_path):
    graded = grader.grade(upload(tmp_path, kind), tmp_path / "out")
    assert (graded.grade.score, graded.ok, graded.grade.needs_a_person) == (0, False, False)
    assert REJECTED[kind][2] in graded.grade.rejected
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["output"] == f"Not graded: {graded.grade.rejected}"
    assert (results["score"], results["tests"], results["extra_data"]["complete"]) == (0, [], True)
    assert str(tmp_path) not in results["output"]


def test_a_file_in_the_wrong_folder_is_graded_and_told_in_one_line(grader, tmp_path):
    graded = grader.grade(zipped(tmp_path / "work.zip", {"elsewhere/tensor.py": numbers()}))
    assert graded.grade.score == 10
    assert graded.grade.remarks == (f"elsewhere/tensor.py was taken as {TENSOR}",)


def test_what_was_not_used_is_named_and_costs_nothing(grader, tmp_path):
    extra = {"numpy.py": "x", "conftest.py": "x", "[bold]x.py": "x", "tinytorch/core/activations.py": "x"}
    graded = grader.grade(zipped(tmp_path / "a.zip", {TENSOR: numbers(), **extra}))
    assert graded.grade.score == 10
    assert all(name in graded.grade.remarks[0] for name in extra)


def test_lateness_comes_from_the_times_given_and_is_taken_off_the_score(grader, mini, submission):
    due = mini.due(mini.assignment("a01"))
    folder = submission()
    assert grader.grade(folder, submitted=due).grade.score == 10
    assert grader.grade(folder, submitted=due + timedelta(hours=1)).grade.score == 9
    assert grader.grade(folder, submitted=due + timedelta(hours=1), due=due + timedelta(days=1)).grade.score == 10


def test_the_record_keeps_what_an_instructor_may_need(grader, submission, tmp_path):
    grader.grade(submission(mean="return float(len(x))"), tmp_path / "out")
    found = json.loads((tmp_path / "out" / "record.json").read_text())
    assert (found["assignment"], found["course_version"], found["seed"]) == ("a01_numbers", "1", 0)
    assert {"python", "numpy", "machine"} <= found["versions"].keys()
    case = found["cases"][3]
    assert (case["key"], case["status"], case["hidden"]) == ("mean.matrix", "failed", True)
    assert "student.mean([[" in case["detail"]
    assert case["seconds"] > 0


def test_another_seed_draws_other_inputs_and_says_which(mini, grader, submission, tmp_path):
    folder = submission(double="return x")
    with Grader(mini, mini.assignment("a01"), slot=1, seed=7) as other:
        found = [other.grade(folder).grade, grader.grade(folder).grade]
    assert [grade.seed for grade in found] == [7, 0]
    assert found[0].verdict.cases[0].message != found[1].verdict.cases[0].message


def test_grading_leaves_nothing_behind(mini, submission, tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    place.chmod(0o711)
    monkeypatch.setattr("tempfile.tempdir", str(place))
    with Grader(mini, mini.assignment("a01"), slot=1) as own:
        pid = own.bench.zygote.process.pid
        own.grade(submission(double="open('note', 'w').write('x')\nreturn x"))
        kept = sorted(p.name.split("-")[0] for p in own.bench.root.iterdir())
        assert kept == ["probes", "reference", "scratch", "scratch", *(["shelf"] if own.bench.shelf else [])]
        assert [p for p in own.bench.root.rglob("note")] == []
    assert list(place.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_assignment_that_is_not_written_yet_cannot_be_graded(mini, tmp_path):
    root = minicourse.write(tmp_path)
    shutil.rmtree(root / "solutions" / "a02_words")
    course = load_course(root)
    with pytest.raises(UserError, match="a02_words is declared but not written yet; written are a01_numbers"):
        Grader(course, course.assignment("a02"))


# Tests that would pass vacuously, points that do not add up: refused before any submission is looked at.

TWICE = "    expect.equal(student.double(x), 2 * x)"
VACUOUS = {
    "a case that expects nothing": (
        TWICE,
        "    student.double(x)",
        "test_double.py:15: integers always passes: it calls no expect.*",
    ),
    "an empty case": (f"    x = rng.integers(1, 100, size=5)\n{TWICE}", "    pass", "test_double.py:15:"),
    "a case of a coroutine": ("def integers", "async def integers", "test_double.py:15:"),
    "a decorator without parentheses": (
        '@test_case(name="doubles integers", points=2)',
        "@test_case",
        "test_double.py:14:",
    ),
    "no OK_FORMAT": ("OK_FORMAT = False\n", "", "OK_FORMAT"),
    "no points": ("points=2)", "points=0)", "test_double.py:14:"),
    "a case that was forgotten": ('@test_case(name="doubles integers", points=2)\n', "", "integers"),
    "points that do not add up": ("points=2)", "points=1)", "add up to 9 points, but course.yaml says 10"),
}


@pytest.fixture
def own_course(tmp_path: Path) -> Course:
    course = load_course(minicourse.write(tmp_path / "course"))
    build.build(course)
    return course


def change(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert text.count(before) == 1, before
    file.write_text(text.replace(before, after))


@pytest.mark.parametrize("kind", VACUOUS)
def test_a_tests_file_that_would_pass_vacuously_is_refused_with_its_line(kind, own_course):
    before, after, words = VACUOUS[kind]
    change(own_course.solution("a01_numbers") / "tests" / "test_double.py", before, after)
    with pytest.raises(GraderError, match=re.escape(words)):
        Grader(own_course, own_course.assignment("a01"))


# Submissions by name.


def test_a_folder_that_is_no_submission_is_a_folder_of_them(tmp_path):
    writes = (TENSOR,)
    work = minicourse.put_numbers(tmp_path / "work", numbers())
    flat = tmp_path / "flat"
    flat.mkdir()
    (flat / "tensor.py").write_text("x = 1\n")
    several = tmp_path / "several"
    for name in ("b.zip", "a.zip", "c.ipynb", "notes.txt", ".hidden.zip"):
        (several / name).parent.mkdir(exist_ok=True)
        (several / name).touch()
    for name in ("d", "__MACOSX", ".git"):
        (several / name).mkdir()
    assert find_submissions((work, flat, several / "b.zip"), writes) == [work, flat, several / "b.zip"]
    assert [p.name for p in find_submissions((several,), writes)] == ["a.zip", "b.zip", "c.ipynb", "d"]


def test_a_folder_of_nothing_and_a_path_of_nothing_are_told(tmp_path):
    for name in ("empty", "clutter"):
        (tmp_path / name).mkdir()
    (tmp_path / "clutter" / "__MACOSX").mkdir()
    (tmp_path / "clutter" / "notes.txt").touch()
    for name in ("empty", "clutter"):
        with pytest.raises(
            UserError, match=f"{name} holds no zip, notebook or folder; give the folder that holds the submissions"
        ):
            find_submissions((tmp_path / name,), (TENSOR,))
    with pytest.raises(UserError, match=r"nowhere.zip does not exist; give a zip, a notebook or a folder"):
        find_submissions((tmp_path / "nowhere.zip",), (TENSOR,))


def test_results_of_different_submissions_never_share_a_folder(tmp_path):
    names = [
        "x/a.zip",
        "y/a.zip",
        "a.ipynb",
        "z/a~2.zip",
        "a_2.zip",
        "we ird[1].zip",
        "we_ird_1_.zip",
        "..zip",
        "...",
        "\u00e9.zip",
        "a b",
        "A.zip",
    ]
    sources = []
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if name == "a b":
            path.mkdir()
        elif name != "...":
            path.touch()
        sources.append(path)
    found = unique_names(sources)
    assert len({name.casefold() for name in found}) == len(found)
    assert found[:3] == ["a", "a~2", "a~3"]
    assert all(re.fullmatch(r"[\w+.~-]+", name) and not name.startswith(".") for name in found)


# The command line.


def test_the_command_grades_writes_results_and_prints_the_score(tito, submission, tmp_path):
    status, out, err = tito("grade", "a01", submission(mean="return np.sum(x) / len(x)"), "--out", tmp_path / "out")
    assert (status, err) == (0, "")
    assert "work: 7 / 10" in out
    assert out.splitlines()[0].startswith("sandbox: ")
    assert "2.2 mean of a matrix (failed)" in out
    assert "This looks like (98 % sure):" in out
    assert json.loads((tmp_path / "out" / "work" / "results.json").read_text())["score"] == 7
    assert sorted(p.name for p in (tmp_path / "out" / "work").iterdir()) == ["record.json", "results.json"]


def test_a_folder_of_submissions_gets_a_line_each_and_a_mean(tito, submission, tmp_path):
    shelf = tmp_path / "shelf"
    submission("shelf/ann")
    submission("shelf/ben", double="return x")
    zipped(shelf / "ann.zip", {TENSOR: numbers(mean="1/0")})
    (shelf / "bad.zip").write_bytes(b"hello")
    status, out, _ = tito("grade", "1", shelf, "--out", tmp_path / "out", "--quiet")
    assert status == 1
    lines = [line for line in out.splitlines() if " / 10" in line]
    assert [re.match(r"[\w~]+: \d+", line)[0] for line in lines] == ["ann: 10", "ann~2: 5", "bad: 0", "ben: 5"]
    assert "not graded: bad.zip is not a zip file" in lines[2]
    assert "4 submissions, mean 5.0, in " in out
    scores = {p.parent.name: json.loads(p.read_text())["score"] for p in (tmp_path / "out").rglob("results.json")}
    assert scores == {"ann": 10, "ann~2": 5, "bad": 0, "ben": 5}


def test_what_a_student_writes_is_text_and_not_markup(tito, submission, capsys):
    evil = "[bold red]x[/] [link=http://x]y[/link] :boom: [/nothing] <b>z</b>"
    body = f"print({evil!r}, '\\x1b[31m')\nraise ValueError({evil!r})"
    status, out, err = tito("grade", "a01", submission("[red]name[!]", double=body))
    assert (status, err) == (0, "")
    assert out.count(evil) == 3  # the exception, the line of source, what was printed
    assert "\x1b[31m" not in out


@pytest.mark.parametrize("kind", REJECTED)
def test_a_bad_upload_is_one_line_and_status_one(kind, tito, tmp_path):
    source = upload(tmp_path, kind)
    status, out, err = tito("grade", "a01", source)
    assert (status, err) == (1, "")
    line, *rest = [line for line in out.splitlines() if not line.startswith("sandbox: ")]
    assert rest == ["score: 0 of 10"]
    assert line.startswith(f"{source.stem}: 0 / 10")
    assert "   not graded: " in line
    assert REJECTED[kind][2] in line


def test_a_wrong_command_is_one_line_and_status_two(tito, tmp_path, mini, submission, monkeypatch):
    def errors(*words: object) -> str:
        status, out, err = tito(*words)
        assert (status, out) == (2, "")
        return err

    assert (
        errors("grade", "a09", submission())
        == "error: no assignment is called 'a09'; choose one of a01_numbers, a02_words\n"
    )
    assert (
        errors("grade", "a01", tmp_path / "none.zip")
        == f"error: {tmp_path}/none.zip does not exist; give a zip, a notebook or a folder\n"
    )
    assert "did you mean 'tito grade'?" in errors("grad", "a01")
    assert "Missing argument" in errors("grade", "a01")
    broken = tmp_path / "course.yaml"
    broken.write_text("name: [\n")
    monkeypatch.setenv("TITO_COURSE", str(tmp_path))
    assert re.fullmatch(
        r"error: course.yaml:2: not valid YAML: .*; fix the indentation or quote the value\n",
        errors("grade", "a01", submission()),
    )


def test_a_fault_of_the_course_s_tests_is_status_three_and_no_student_s(
    tito, own_course, submission, monkeypatch, tmp_path
):
    monkeypatch.setenv("TITO_COURSE", str(own_course.root))
    tests = own_course.solution("a01_numbers") / "tests" / "test_double.py"
    change(tests, TWICE, "    expect.equal(student.double(x).no_such_thing, 2 * x)")
    status, out, err = tito("grade", "a01", submission(), "--out", tmp_path / "out")
    assert (status, err) == (3, "")
    assert "work: 8 / 10" in out
    assert "grader error: a person has to look" in out
    results = json.loads((tmp_path / "out" / "work" / "results.json").read_text())
    assert results["extra_data"]["needs_a_person"] is True
    change(tests, "    expect.equal(student.double(x).no_such_thing, 2 * x)", "    student.double(x)")
    status, out, err = tito("grade", "a01", submission())
    assert (status, out) == (3, "")
    assert err.startswith("grader error (not the submission's fault): 1 problem in the test files of ")
    assert "test_double.py:15: integers always passes: it calls no expect.*" in err


def test_the_console_command_is_the_same_program(mini, submission):
    environment = {**os.environ, "TITO_COURSE": str(mini.root)}
    command = [sys.executable, "-W", "error", "-m", "autograder", "grade", "a01", str(submission(mean="return 0.0"))]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "work: 5 / 10" in done.stdout
