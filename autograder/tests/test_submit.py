"""`tito submit` writes the same zip for the same work, and nothing at all when the grader would refuse it."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.cli.submit import command
from autograder.course import Course
from autograder.errors import UserError
from autograder.intake import receive
from autograder.submit import recognise_assignment, write_submission
from autograder.tests.uploads import CODE, LAYERS, MLOPS, OLYMPICS, TENSOR, mini_course, write


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return mini_course(tmp_path / "course")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A student's folder of a01, with the things that really lie about in one."""
    folder = tmp_path / "a01_tensor"
    write(folder / TENSOR, CODE)
    write(folder / "reflection.md", "# Caf\u00e9\n".encode())
    write(folder / "tests" / "probes.py", b"x = 1\n")
    write(folder / "lab.ipynb", b"{}")
    write(folder / ".venv" / "lib" / "tensor.py", b"x = 1\n")
    write(folder / "a01_submission_old.zip", b"old")
    return folder


def test_the_zip_holds_the_code_and_the_reflection_and_nothing_else(course, work):
    report = write_submission(course, course.assignment("a01"), work)
    assert report.path == work / "a01_submission.zip"
    assert report.files == ("reflection.md", TENSOR)
    assert (report.size, report.warnings) == (report.path.stat().st_size, ())
    with zipfile.ZipFile(report.path) as archive:
        assert archive.namelist() == ["reflection.md", TENSOR]
        assert archive.read(TENSOR) == CODE
        assert archive.testzip() is None


def test_the_same_work_gives_the_same_bytes_on_another_day(course, work, tmp_path):
    first = write_submission(course, course.assignment("a01"), work, tmp_path / "one.zip")
    for path in work.rglob("*.*"):
        os.utime(path, (1, 1))
    (work / TENSOR).chmod(0o600)
    second = write_submission(course, course.assignment("a01"), work, tmp_path / "two.zip")
    assert first.sha256 == second.sha256
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    write(work / TENSOR, CODE + b"\n")
    assert write_submission(course, course.assignment("a01"), work, tmp_path / "two.zip").sha256 != first.sha256


def test_the_grader_takes_in_what_submit_wrote(course, work, tmp_path):
    report = write_submission(course, course.assignment("a01"), work)
    submission = receive(report.path, course, course.assignment("a01"), tmp_path / "in")
    assert submission.notes == () and submission.ignored == ()
    assert (submission.root / TENSOR).read_bytes() == CODE
    assert [a.path for a in submission.attachments] == ["reflection.md"]
    assert submission.digest == receive(work, course, course.assignment("a01"), tmp_path / "direct").digest


def test_an_earlier_zip_in_the_folder_is_replaced_and_never_packed(course, work):
    first = write_submission(course, course.assignment("a01"), work)
    assert write_submission(course, course.assignment("a01"), work).sha256 == first.sha256
    assert sorted(p.name for p in work.glob("*.zip")) == ["a01_submission.zip", "a01_submission_old.zip"]


REFUSED = [
    (b"def f(:\n", "tinytorch/core/tensor.py:1: Python cannot read this"),
    (b"import torch\n", "tinytorch/core/tensor.py:1: 'torch' already does what you are asked to build"),
    (b"import pandas\nimport subprocess\n", "tensor.py:2: the module 'subprocess' has no place"),
    (b"from tinytorch.core import layers\n", "belongs to a02_layers"),
    (b"", "tinytorch/core/tensor.py is empty"),
    (b"# \xe9\n", "not UTF-8"),
    (b"x = 1\n" * 200_000, "1024 KB"),
    (None, "tinytorch/core/tensor.py is missing from a01_tensor"),
]


@pytest.mark.parametrize(("source", "words"), REFUSED)
def test_what_the_grader_would_refuse_is_refused_here_and_leaves_the_old_zip_alone(course, work, source, words):
    old = write(work / "a01_submission.zip", b"an earlier zip")
    if source is None:
        (work / TENSOR).unlink()
    else:
        write(work / TENSOR, source)
    before = sorted(p.name for p in work.iterdir())
    with pytest.raises(UserError) as refusal:
        write_submission(course, course.assignment("a01"), work)
    assert words in str(refusal.value)
    assert old.read_bytes() == b"an earlier zip"
    assert sorted(p.name for p in work.iterdir()) == before


def test_a_link_is_not_packed(course, work, tmp_path):
    secret = write(tmp_path / "secret.py", b"x = 1\n")
    (work / TENSOR).unlink()
    (work / TENSOR).symlink_to(secret)
    with pytest.raises(UserError, match="is a link"):
        write_submission(course, course.assignment("a01"), work)


def test_what_is_not_finished_is_told_but_packed(course, work, tmp_path):
    todo = "def f():\n    raise NotImplementedError('a01_tensor: {} is yours to write')\n"
    write(work / TENSOR, (todo.format("f") + todo.format("Tensor.g")).encode())
    warnings = write_submission(course, course.assignment("a01"), work).warnings
    assert warnings == (
        f"{TENSOR}:2: f is not written yet",
        f"{TENSOR}:4: Tensor.g is not written yet",
        "2 functions are not written yet",
    )
    write(tmp_path / "a20" / MLOPS, b"x = 1\n")
    (missing,) = write_submission(course, course.assignment("a20"), tmp_path / "a20").warnings
    assert missing == f"{OLYMPICS} was not submitted; the untouched stub stands in for it"


def test_a_file_in_an_odd_place_is_packed_at_its_place_and_told(course, tmp_path):
    write(tmp_path / "odd" / "tensor.py", b"\xef\xbb\xbf" + CODE)
    report = write_submission(course, course.assignment("a01"), tmp_path / "odd")
    assert report.files == (TENSOR,)
    assert f"tensor.py was taken as {TENSOR}" in report.warnings
    assert any("byte order mark" in warning for warning in report.warnings)


def test_a_reflection_that_cannot_be_read_is_told(course, work):
    write(work / "reflection.md", b"\xff\xfe")
    (warning,) = write_submission(course, course.assignment("a01"), work).warnings
    assert "reflection.md is left out" in warning and "UTF-8" in warning


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("nowhere/x.zip", "there is no folder"),
        ("x.tar", "does not end in .zip"),
        ("a01_tensor/tinytorch.zip", "cannot write"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(course, work, tmp_path, out, words):
    (work / "tinytorch.zip").mkdir()
    write(work / "tinytorch.zip" / "a01_submission.zip" / "x", b"")
    with pytest.raises(UserError, match=words):
        write_submission(course, course.assignment("a01"), work, tmp_path / out)
    assert not list(tmp_path.rglob("*.part"))


def test_out_may_be_a_folder(course, work, tmp_path):
    (tmp_path / "zips").mkdir()
    report = write_submission(course, course.assignment("a01"), work, tmp_path / "zips")
    assert report.path == tmp_path / "zips" / "a01_submission.zip" and report.path.is_file()


RECOGNISED = [
    ("a01_tensor", (), "a01_tensor"),
    ("a01", (), "a01_tensor"),
    ("a02-layers-main", (), "a02_layers"),
    ("a20_capstone (1)", (), "a20_capstone"),
    ("homework", (TENSOR,), "a01_tensor"),
    ("homework", (OLYMPICS, MLOPS), "a20_capstone"),
    ("a99_other", (LAYERS,), "a02_layers"),
    ("a012", (LAYERS,), "a02_layers"),
    ("a01_tensor", (LAYERS,), "a01_tensor"),
]


@pytest.mark.parametrize(("name", "files", "key"), RECOGNISED)
def test_the_assignment_is_recognised_by_the_folders_name_then_by_its_files(course, tmp_path, name, files, key):
    (tmp_path / name).mkdir()
    for file in files:
        write(tmp_path / name / file, CODE)
    assert recognise_assignment(course, tmp_path / name).key == key


def test_a_folder_that_says_nothing_or_too_much_is_asked_about(course, tmp_path):
    (tmp_path / "h").mkdir()
    with pytest.raises(UserError, match="tito submit a01 --folder DIR"):
        recognise_assignment(course, tmp_path / "h")
    write(tmp_path / "h" / TENSOR, CODE)
    write(tmp_path / "h" / LAYERS, CODE)
    with pytest.raises(UserError, match=r"files of a01_tensor, a02_layers; name one: tito submit a02"):
        recognise_assignment(course, tmp_path / "h")


def test_the_command_says_what_it_wrote(course, work, tmp_path, monkeypatch):
    monkeypatch.setenv("TITO_COURSE", str(course.root))
    monkeypatch.chdir(work)
    done = CliRunner().invoke(command, [])
    assert done.exit_code == 0, done.output
    assert "wrote a01_submission.zip" in done.output and TENSOR in done.output
    named = CliRunner().invoke(command, ["1", "--folder", str(work), "--out", str(tmp_path / "x.zip")])
    assert named.exit_code == 0 and (tmp_path / "x.zip").read_bytes() == (work / "a01_submission.zip").read_bytes()


@pytest.mark.parametrize("arguments", [["a02"], ["a77"], ["--out", "no/where.zip"]])
def test_the_command_leaves_user_errors_to_the_command_line(course, work, monkeypatch, arguments):
    monkeypatch.setenv("TITO_COURSE", str(course.root))
    monkeypatch.chdir(work)
    assert isinstance(CliRunner().invoke(command, arguments).exception, UserError)
