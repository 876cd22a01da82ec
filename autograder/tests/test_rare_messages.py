"""Messages for what hardly ever happens: a file that is gone or exchanged between being listed and being read, a
permission that is missing, source that Python's parser gives up on.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from autograder import lint
from autograder.errors import UserError
from autograder.intake import IntakeError, folders
from autograder.lint import LintPolicy, lint_source
from autograder.messages import message
from autograder.submit import SubmitError, write_submission
from autograder.tests import minicourse

SOURCE = "tinytorch/core/tensor.py"
POLICY = LintPolicy("a01_numbers", ("numpy",))


def ignored(place: Path) -> dict[str, str]:
    return {found.path: found.reason for found in folders.list_folder(place).ignored}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return minicourse.put_numbers(tmp_path / "work", minicourse.numbers())


@pytest.mark.skipif(os.name == "nt", reason="a backslash parts folders there")
def test_a_name_with_a_backslash_is_left_alone(place):
    (place / "a\\b.py").write_text("")
    assert ignored(place) == {"a\\b.py": message("intake.backslash")}


def test_a_file_that_vanishes_while_a_folder_is_listed_is_left_alone(place, monkeypatch):
    (place / "gone.py").write_text("")
    listed = os.scandir

    def scandir(folder):
        found = listed(folder)
        entries = list(found)
        (place / "gone.py").unlink(missing_ok=True)
        found.close()
        return _Entries(entries)

    monkeypatch.setattr(folders.os, "scandir", scandir)
    assert ignored(place) == {"gone.py": message("intake.cannot_read")}


class _Entries(list):
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


def test_folders_that_may_not_be_listed(place, monkeypatch):
    (place / "closed").mkdir()
    listed = os.scandir

    def scandir(folder):  # root may list everything, so the refusal is made here
        if str(folder).endswith(closed):
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(folders.os, "scandir", scandir)
    closed = "closed"
    assert ignored(place) == {"closed/": message("intake.folder_unreadable")}
    closed = "work"
    with pytest.raises(IntakeError) as error:
        folders.list_folder(place)
    assert str(error.value) == message("intake.unreadable", path="work", reason="Permission denied")


def test_a_file_that_is_gone_or_another_kind_when_it_is_read(place):
    (entry,) = folders.list_folder(place).entries
    (place / SOURCE).unlink()
    with pytest.raises(IntakeError) as error:
        entry.read(100)
    assert str(error.value) == message("intake.unreadable", path=SOURCE, reason="No such file or directory")
    if hasattr(os, "mkfifo"):
        os.mkfifo(place / SOURCE)
        with pytest.raises(IntakeError) as error:
            entry.read(100)
        assert str(error.value) == message("intake.file_itself", path=SOURCE)


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (RecursionError("maximum recursion depth exceeded"), message("lint.nesting")),
        (MemoryError(), message("lint.nesting")),
        (
            ValueError("source code string cannot hold this"),
            message("lint.file", problem="source code string cannot hold this"),
        ),
    ],
)
def test_what_python_s_parser_gives_up_on(raised, told, monkeypatch):
    """Which source does that depends on Python's version, and some of it ends the process: so the parser is told to."""

    def parse(source, path):
        raise raised

    monkeypatch.setattr(lint.ast, "parse", parse)
    (found,) = lint_source(SOURCE, b"x = 1\n", POLICY)
    assert (found.message, found.fatal, found.line) == (told, True, 0)


def test_submitting_from_nowhere_and_with_one_blank_left(mini, place):
    assignment = mini.assignment("a01")
    with pytest.raises(SubmitError) as error:
        write_submission(mini, assignment, place / "nowhere")
    assert str(error.value) == message("submit.no_folder", folder=str(place / "nowhere"))
    blank = "raise NotImplementedError('a01_numbers: double is yours to write')"
    minicourse.put_numbers(place, minicourse.numbers(double=blank))
    assert message("submit.one_unwritten") in write_submission(mini, assignment, place).warnings


def test_what_course_and_compose_do_not_find(mini, tmp_path, monkeypatch):
    from autograder.compose import compose, student_layer
    from autograder.course import find_course_file
    from autograder.workspace import find_workspace

    def refusal(call, *arguments) -> str:
        with pytest.raises(UserError) as error:
            call(*arguments)
        return str(error.value)

    told = {"folder": tmp_path, "key": "a01_numbers", "wanted": SOURCE}
    assert refusal(student_layer, mini, "a01_numbers", tmp_path) == message("compose.no_files", **told)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    full = tmp_path / "full"
    assert refusal(compose, mini, [], full) == message("compose.not_empty", folder=full)
    known = ", ".join(m.key for m in mini.milestones)
    assert refusal(mini.milestone, "moon") == message("course.no_milestone", name="moon", known=known)
    known = ", ".join(a.key for a in mini.assignments)
    assert refusal(mini.assignment, "a77") == message("course.no_assignment", name="a77", known=known)
    assert refusal(find_workspace, mini, tmp_path) == message("workspace.none", folder=tmp_path.resolve())
    monkeypatch.setattr("autograder.course.__file__", str(tmp_path / "autograder" / "course.py"))
    monkeypatch.delenv("TITO_COURSE", raising=False)
    assert refusal(find_course_file, tmp_path) == message("course.none", file="course.yaml")


def test_what_a_worker_and_a_data_set_do_not_find(mini, place, tmp_path, monkeypatch):
    from autograder import check, datasets

    told: list[dict] = []
    monkeypatch.setattr(check, "_report", told.append)
    job = {"course": str(mini.root), "assignment": "a01_numbers", "own": {}, "workspace": str(place)}
    job |= {"tests": str(mini.stub("a01_numbers") / "tests"), "scratch": str(tmp_path)}
    check._Work(job).round("nope", frozenset(), quick=False)
    assert told == [{"problem": message("check.no_question", question="nope", known="double, mean")}]

    done = subprocess.CompletedProcess([], 1, stdout="", stderr="")
    monkeypatch.setattr(datasets, "run_data", lambda *words, **options: done)
    with pytest.raises(UserError) as error:
        datasets.Datasets(mini).folder("moon")
    assert str(error.value) == message("data.none", name="moon")


def test_a_process_that_the_kernel_ended_for_its_cpu_time():
    """The limit lies above a case's wall-clock time, so only many threads at once reach it."""
    from autograder.judge.run import _death
    from autograder.observe.client import Ending, ObserverLost

    ending = Ending("", 20.0, 0, "SIGXCPU", 0)
    assert _death(ObserverLost("no answer"), ending) == message("judge.how_cpu")
