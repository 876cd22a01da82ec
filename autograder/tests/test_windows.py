"""The students' commands where Windows is: without Unix's modules and calls, without links, with CRLF, in a folder whose
name has blanks and an umlaut. (Backslashes and case in a zip's names are intake's, and tested there.)
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from autograder.release import Contents
from autograder.release.wheel import student_modules
from autograder.tests import minicourse
from autograder.tests.homes import TENSOR, releases, unpacked  # noqa: F401 - a fixture

ROOT = Path(__file__).resolve().parents[2]
LAB = "import sys; from autograder.workspace import open_workspace; w = open_workspace(); import tinytorch.core.tensor as t; print(t.double(4), w.student().mean([1.0, 3.0]))"


@pytest.fixture
def windows(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that has what Windows has."""
    place = tmp_path / "site"
    place.mkdir()
    shutil.copyfile(Path(__file__).with_name("windows_like.py"), place / "sitecustomize.py")
    plain = {name: value for name, value in os.environ.items() if name not in ("TITO_COURSE", "PYTHONPATH")}
    return {**plain, "PYTHONPATH": os.pathsep.join([str(place), str(ROOT)])}


@pytest.fixture
def workspace(releases: dict[str, Contents], tmp_path: Path) -> Path:  # noqa: F811
    """An unpacked release in a folder with a name of its own, its text files with CRLF as Windows' editors save them."""
    course = unpacked(releases["a01"], tmp_path / "Eigene Dateien" / "Übung 1")
    folder = course.root / "a01_numbers"
    minicourse.put_numbers(folder, minicourse.numbers())
    for file in (
        folder / TENSOR,
        folder / "reflection.md",
        course.root / "course.yaml",
        folder / "tests" / "probes.py",
    ):
        file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    return folder


def run(windows: dict[str, str], folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    order = [sys.executable, *words]
    return subprocess.run(order, cwd=folder, env=windows, capture_output=True, text=True, encoding="utf-8")


def test_the_poorer_python_really_lacks_what_windows_lacks(windows, tmp_path):
    done = run(windows, tmp_path, "-c", "import os, signal; print(hasattr(os, 'fork'), hasattr(signal, 'SIGKILL'))")
    assert done.stdout == "False False\n"
    assert "ModuleNotFoundError" in run(windows, tmp_path, "-c", "import fcntl").stderr


def test_every_command_of_a_student_works(windows, workspace):
    def tito(*words: str, status: int = 0) -> str:
        done = run(windows, workspace, "-m", "autograder", *words)
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    assert "made" in tito("start") or "ready" in tito("start")
    assert "2 of 2 public cases pass" in tito("check")
    assert "1 of 1 public cases pass" in tito("check", "-q", "mean")
    assert "double.integers (level 1 of 3)" in tito("hint", "a01", "double")
    assert "passed  a01" in tito("status")
    done = run(windows, workspace, "-m", "autograder", "doctor")  # its status depends on this machine's packages
    assert "a01_numbers, all files there" in done.stdout
    assert "Traceback" not in done.stderr
    assert "jupyterlab" in tito("lab", "--dry-run")
    assert "later" in tito("checkpoint", "list")
    assert "wrote map.svg" in tito("map", "--out", "map.svg")
    assert "wrote" in tito("submit")
    with zipfile.ZipFile(workspace / "a01_submission.zip") as archive:
        assert sorted(archive.namelist()) == ["reflection.md", TENSOR]


def test_a_loop_and_an_exit_are_answers_there_too(windows, workspace):
    minicourse.put_numbers(workspace, minicourse.numbers(double="import os; os._exit(3)"))
    done = run(windows, workspace, "-m", "autograder", "check")
    assert done.returncode == 1
    assert "the process ended (status 3) in the middle of this case" in done.stdout
    assert "1 of 2 public cases pass" in done.stdout


def test_a_session_sees_each_edit_though_files_are_copied_and_not_linked(windows, workspace):
    script = (
        "from pathlib import Path\n"
        "from autograder.check import Session\nfrom autograder.course import load_course\n"
        f"course, file = load_course(), Path({TENSOR!r})\n"
        "with Session(course, course.assignment('a01'), Path()) as session:\n"
        "    print(session.check('double').passed)\n"
        "    text = file.read_bytes()\n"
        "    file.write_bytes(text.replace(b'def double(x):', b'def double(x):\\n    return 0'))\n"
        "    print(session.check('double').passed)\n"
        "    file.write_bytes(text)\n"
        "    print(session.check('double').passed)\n"
    )
    done = run(windows, workspace, "-c", script)
    assert done.stdout.split() == ["1", "0", "1"], done.stderr


def test_a_lab_opens_the_framework(windows, workspace):
    done = run(windows, workspace, "-c", LAB)
    assert done.stdout.split() == ["8", "2.0"], done.stderr


UNIX_ONLY = ("sandbox", "judge/bench.py", "observe/client.py", "observe/zygote.py")  # grading; imported, never run


@pytest.mark.parametrize(
    "path", [p for p in student_modules() if not any(p.startswith(f"autograder/{u}") for u in UNIX_ONLY)]
)
def test_text_is_read_and_written_as_utf_8_whatever_the_system_prefers(path):
    for node in ast.walk(ast.parse(student_modules_once()[path])):
        if isinstance(node, ast.Call):
            assert not _leaves_encoding_open(node), f"{path}:{node.lineno}: {ast.unparse(node)} names no encoding"


_modules: dict[str, bytes] = {}


def student_modules_once() -> dict[str, bytes]:
    return _modules or _modules.update(student_modules()) or _modules


def _leaves_encoding_open(call: ast.Call) -> bool:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    words = {keyword.arg for keyword in call.keywords}
    if "encoding" in words:
        return False
    if name in ("read_text", "write_text"):
        return len(call.args) < (1 if name == "read_text" else 2)
    return name == "run" and bool(words & {"text", "universal_newlines"})
