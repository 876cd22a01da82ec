"""A release: what lies in it, that it gives nothing away, arrives everywhere, is the same every time, and works."""

from __future__ import annotations

# ruff: noqa: F811 - fixtures come from `homes`
import ast
import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from autograder import build
from autograder.build.text import read_text
from autograder.course import load_course
from autograder.errors import UserError
from autograder.messages import message
from autograder.release import contents, lock, newcomer, portable, release, traces, wheel, writer
from autograder.release import contents as gather
from autograder.release.contents import TOP
from autograder.tests import minicourse
from autograder.tests.homes import home, releases  # noqa: F401 - fixtures

ROOT = Path(__file__).resolve().parents[2]
UNIX_ONLY = {"fcntl", "resource", "pwd", "grp", "termios", "pty"}
FOR_STAFF = ("batch", "build", "validate", "gradescope", "release", "report", "tests", "scaffold", "grade")


@pytest.fixture
def own(tmp_path):
    """A miniature course of one's own, built, to be changed."""
    course = load_course(minicourse.write(tmp_path / "course"))
    build.build(course)
    return course


# What lies in it.


def test_a_release_holds_the_workspace_the_frame_and_of_earlier_assignments_the_reference_alone(releases):
    files = set(releases["a02"].files)
    workspace = {
        "README.md", "lab.ipynb", "reflection.md", "tests/__init__.py", "tests/probes.py", "tests/test_shout.py",
        "tinytorch/core/activations.py",
    }  # fmt: skip
    assert {f"a02_words/{path}" for path in workspace} == {path for path in files if path.startswith("a02_words/")}
    assert {path for path in files if path.startswith("solutions/")} == {
        "solutions/a01_numbers/tinytorch/core/tensor.py"
    }
    top = {path for path in files if path.count("/") == 0}
    assert top == {"README.md", "install.py", "requirements.txt", "course.yaml"}
    assert {"tinytorch_ref/tinytorch/__init__.py", ".vscode/settings.json", ".devcontainer/devcontainer.json"} <= files
    assert not [path for path in releases["a01"].files if path.startswith("solutions/")]


def test_without_the_reference_students_stand_on_their_own_layers(mini):
    files = contents(mini, mini.assignment("a02"), own_prerequisites=True).files
    assert not [path for path in files if path.startswith("solutions/")]


def test_every_setting_is_a_file_that_its_program_can_read(releases):
    files = releases["a01"].files
    for path in (".vscode/settings.json", ".vscode/extensions.json", ".devcontainer/devcontainer.json"):
        assert json.loads(files[path])
    ast.parse(files["install.py"], feature_version=(3, 6))  # an older Python has to be able to say that it is too old
    readme = files["README.md"].decode()
    assert "cd a01_numbers" in readme
    assert "$" not in readme


# Of the properties that containers.dev defines for a container made from an image, those that are used here.
CONTAINER = {
    "name": str,
    "image": str,
    "mounts": list,
    "containerEnv": dict,
    "postCreateCommand": str,
    "customizations": dict,
}


def test_the_dev_container_is_one_and_is_set_up_as_the_readme_says(releases):
    files = releases["a01"].files
    container = json.loads(files[".devcontainer/devcontainer.json"])
    for name, value in container.items():
        assert isinstance(value, CONTAINER[name])
    assert re.fullmatch(r"python:3\.1\d-\w+", container["image"])  # Debian's: no system package is missing for wheels
    assert container["postCreateCommand"] in files["README.md"].decode()
    # The environment of the machine around it, made by another Python, is left alone.
    (mount,) = container["mounts"]
    told = dict(part.split("=") for part in mount.split(","))
    assert (told["target"], told["type"]) == ("${containerWorkspaceFolder}/.venv", "volume")
    assert all(isinstance(value, str) for value in container["containerEnv"].values())
    recommended = json.loads(files[".vscode/extensions.json"])["recommendations"]
    assert container["customizations"]["vscode"]["extensions"] == recommended


def test_the_same_course_gives_the_same_bytes_and_ordinary_files_alone(mini, tmp_path):
    made = [release(mini, mini.assignment("a02"), tmp_path / name) for name in ("one", "two")]
    assert made[0].sha256 == made[1].sha256
    with zipfile.ZipFile(made[0].path) as archive:
        for info in archive.infolist():
            assert info.filename.startswith(f"{TOP}/")
            assert info.external_attr >> 16 == 0o100644  # a plain file: no link, nothing to execute
            assert info.date_time == (1980, 1, 1, 0, 0, 0)


def test_only_data_sets_that_are_spoken_of_are_sent(own, tmp_path):
    for name in ("mnist", "cifar10"):
        folder = own.root / "datasets" / name
        folder.mkdir(parents=True)
        (folder / "images.gz").write_bytes(b"x")
    (own.root / "datasets" / "registry.json").write_text("{}")
    handout = own.solution("a02_words") / "README.md"
    handout.write_text(handout.read_text() + "Now train on MNIST.\n")
    build.build(own)
    made = {a.short: contents(own, a).files for a in own.assignments}
    assert "datasets/mnist/images.gz" in made["a02"]
    assert [path for path in made["a01"] if path.startswith("datasets/")] == ["datasets/registry.json"]
    assert "datasets/cifar10/images.gz" not in made["a02"]


# What may not be in it.

LEAKS = {
    "a hidden case": (
        "a01_numbers/tests/test_more.py",
        None,
        "the body of the hidden case a01_numbers/test_double.py matrix",
    ),
    "a title": (
        "hints/a01_numbers.json",
        '"The mean is taken over the rows\' number"',
        "of the misconception rows_only",
    ),
    "a name": ("hints/a01_numbers.json", '"rows_only"', "the name of the misconception rows_only"),
    "a message": ("README.md", "Does it work for more than one dimension?", "of the hidden case matrix of a01_numbers"),
    "a whole file": ("hints/misconceptions.yaml", "[]", "a file of this name is not for students"),
    "a kill matrix": ("solutions/a01_numbers/kills.json", "{}", "a file of this name is not for students"),
}
LONG = """    # BEGIN SOLUTION
    first = np.asarray(x) * factor_of_x + offset_of_x
    second = np.maximum(first, 0) - np.minimum(first, 0)
    return np.concatenate([first.ravel(), second.ravel()])
    # END SOLUTION"""


@pytest.mark.parametrize("kind", LEAKS)
def test_whatever_is_secret_is_found_wherever_it_is_put(kind, mini, releases):
    path, text, told = LEAKS[kind]
    if kind == "a hidden case":
        text = read_text(mini.solution("a01_numbers") / "tests" / "test_double.py").partition("hidden=True")[2]
        text = "def other(student, rng):\n" + text.partition("rng):\n")[2]
    made = releases["a01"]
    assert traces(mini, made) == []
    found = traces(mini, replace(made, files={**made.files, path: text.encode()}))
    assert any(told in line and line.startswith(path) for line in found), found


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("a01_numbers/README.md", 1),  # in the handout of the assignment itself a single line is too many
        ("a01_numbers/tests/probes.py", 1),
        ("hints/a01_numbers.json", 1),
        ("a02_words/lab.ipynb", 3),  # of a later solution three in a row, in code
        ("tinytorch_ref/tinytorch/helpers.py", 3),
        ("autograder/compose.py", 3),
    ],
)
def test_lines_of_a_solution_are_found_in_every_kind_of_file(path, lines, own):
    file = own.solution("a01_numbers") / "tinytorch/core/tensor.py"
    file.write_text(file.read_text() + f"\n\ndef third(x, factor_of_x, offset_of_x):\n{LONG}\n")
    build.build(own)
    assignment = own.assignment("a01")
    made = contents(own, assignment)
    assert traces(own, made) == []
    text = "\n".join(line.strip() for line in LONG.splitlines()[1 : 1 + lines])
    if path.endswith(".ipynb"):
        text = json.dumps({"cells": [{"cell_type": "code", "source": text.splitlines(keepends=True)}]})
    files, modules, given = dict(made.files), dict(made.modules), made.given
    target = modules if path.startswith("autograder/") else files
    target[path] = text.encode()
    given = given | {path} if path.startswith("tinytorch_ref") else given
    found = traces(own, replace(made, files=files, modules=modules, given=given))
    assert found
    assert all(line.startswith(f"{path}: the solution of a01_numbers shows: ") for line in found)


def test_a_release_that_gives_something_away_is_not_written(own, tmp_path):
    hints = own.solution("a01_numbers") / "misconceptions.yaml"
    hints.write_text(hints.read_text().replace("Twice is not squared.", "Not squares, see rows_only."))
    kills = own.solution("a01_numbers") / "kills.json"
    kills.write_text(json.dumps(minicourse.KILLS))
    with pytest.raises(UserError) as error:
        release(own, own.assignment("a01"), tmp_path / "out")
    leak = "hints/a01_numbers.json: it holds the name of the misconception rows_only of a01_numbers"
    assert str(error.value) == message("release.leaks", key="a01_numbers", leaks=leak)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("a/aux.py", "'aux.py' is a reserved name on Windows"),
        ("a/con", "'con' is a reserved name on Windows"),
        ("a/b.", "'b.' ends in a dot, which Windows drops"),
        ("a/b c", "'b c' holds a character that is not allowed everywhere"),
        ("a/é", "'é' holds a character that is not allowed everywhere"),
        ("a/../b", "its path is not a plain relative one"),
        ("a/" + "b" * 200, "its path is 202 characters long; 140 are allowed"),
        ("A/c", "it differs from A in upper and lower case only"),
    ],
)
def test_names_that_some_system_cannot_hold_are_refused(path, reason, mini, releases):
    assert list(portable.problems(releases["a02"].files)) == []
    assert reason in [told for _, told in portable.problems([path, "a/b"])]
    made = replace(releases["a01"], files={**releases["a01"].files, "x/aux": b""})
    with pytest.raises(UserError) as error:
        writer.check(mini, made)
    told = "'aux' is a reserved name on Windows"
    assert str(error.value) == message("release.not_portable", path=f"{TOP}/x/aux", reason=told)


# What has to be there to make one.


def test_an_assignment_that_is_stale_broken_or_not_written_is_told(own, tmp_path):
    a01 = own.assignment("a01")
    (own.stub("a01_numbers") / "README.md").write_text("edited by hand\n")
    with pytest.raises(UserError) as error:
        release(own, a01, tmp_path)
    assert str(error.value) == message("release.stale", key="a01_numbers", short="a01")
    (own.solution("a01_numbers") / "README.md").unlink()
    with pytest.raises(UserError, match=r"^a01_numbers cannot be released: .*README.md is missing; write it$"):
        release(own, a01, tmp_path)
    assert message("release.not_written", key="a", problem="b") == "a cannot be released: b"


def test_without_a_lock_file_or_a_place_to_write_nothing_is_made(mini, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as error:
        release(mini, mini.assignment("a01"), tmp_path / "file" / "out")
    target = tmp_path / "file" / "out" / "a01_numbers.zip"
    assert str(error.value) == message("release.unwritable", file=target, reason="Not a directory")
    monkeypatch.setattr(sys.modules["autograder.release.contents"], "PACKAGE", tmp_path / "autograder")
    with pytest.raises(UserError) as error:
        gather(mini, mini.assignment("a01"))
    assert str(error.value) == message("release.no_lock", file=tmp_path / "requirements.lock")


def test_the_reference_of_what_can_still_be_handed_in_is_pointed_out(mini):
    zone = ZoneInfo("Europe/Berlin")  # due on 1 January at noon, three late days, ten minutes of grace
    a02 = mini.assignment("a02")
    early, late = (datetime(2027, 1, 4, 12, minute, tzinfo=zone) for minute in (9, 11))
    note = message("release.still_due", key="a01_numbers", until="2027-01-04 12:10")
    assert writer.still_due(mini, a02, early) == (note,)
    assert writer.still_due(mini, a02, late) == ()


# The lock and the wheel.

LOCK = """\
# made by a tool
numpy==2.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via
    #   tinytorch-course (pyproject.toml)
    #   contourpy
contourpy==1.0 ; python_version >= '3.10' \\
    --hash=sha256:bb
    # via matplotlib
Matplotlib==3.0 \\
    --hash=sha256:cc
    # via tinytorch-course (pyproject.toml)
pytest==8.0 \\
    --hash=sha256:dd
    # via tinytorch-course (pyproject.toml)
"""


def test_students_get_what_the_course_and_the_labs_need_and_all_that_these_need():
    roots = lock.wanted(["numpy>=2.0", 'matplotlib>=3.9; extra == "labs"', "pytest; extra == 'test'"])
    assert roots == {"numpy", "matplotlib"}
    pins = lock.student_lock(LOCK, roots, "the.lock")
    assert [pin.name for pin in pins] == ["numpy", "contourpy", "matplotlib"]
    assert pins[0].lines[:3] == ("numpy==2.0 \\", "    --hash=sha256:aa \\", "    --hash=sha256:ab")
    with pytest.raises(UserError) as error:
        lock.student_lock(LOCK, roots | {"torch"}, "the.lock")
    assert str(error.value) == message("release.lock_without", file="the.lock", name="torch")


def test_the_real_lock_s_share_is_pinned_with_checksums_and_free_of_developers_tools(releases):
    text = releases["a01"].files["requirements.txt"].decode()
    names = set(re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE))
    assert {"numpy", "otter-grader", "pydantic", "click", "rich", "jupyterlab", "ipykernel", "matplotlib"} <= names
    assert not names & {"pytest", "ruff", "hypothesis", "hatchling"}
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry or entry.startswith("./"))


def test_the_wheel_holds_what_a_student_s_commands_import_and_is_what_the_list_of_packages_names(releases):
    files = releases["a01"].files
    path = next(path for path in files if path.startswith("wheels/"))
    digest = hashlib.sha256(files[path]).hexdigest()
    assert f"./{path} \\\n    --hash=sha256:{digest}" in files["requirements.txt"].decode()
    with zipfile.ZipFile(io.BytesIO(files[path])) as archive:
        names = archive.namelist()
        record = archive.read(next(n for n in names if n.endswith("RECORD"))).decode()
        for line in record.splitlines()[:-1]:
            name, told, size = line.split(",")
            data = archive.read(name)
            made = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            assert (told, int(size)) == (f"sha256={made}", len(data))
    assert len(names) == len(record.splitlines())
    modules = {name.removeprefix("autograder/").split("/")[0].removesuffix(".py") for name in names}
    assert not modules & set(FOR_STAFF)
    for name in wheel.COMMANDS:
        assert f"autograder/cli/{name}.py" in names


def test_the_wheel_s_tito_knows_exactly_the_students_commands_and_needs_nothing_that_windows_lacks():
    modules = wheel.student_modules()
    tree = ast.parse(modules["autograder/cli/__init__.py"])
    table = next(n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "COMMANDS")
    assert set(ast.literal_eval(table)) == set(wheel.COMMANDS)
    for path, content in modules.items():
        for node in ast.parse(content).body:  # at the top of a module, where it cannot be avoided
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not UNIX_ONLY & set(names), path


# As a newcomer would.


def test_from_the_zip_of_a_real_assignment_to_full_marks_with_nothing_but_its_own_readme(tmp_path):
    course = load_course(ROOT)
    assignment = course.assignment("a02")
    made = release(course, assignment, tmp_path)
    folder = tmp_path / "neue Übung"
    folder.mkdir()
    steps = list(newcomer.play(course, assignment, made.path, folder, Path(sysconfig.get_path("purelib"))))
    told = [step.told for step in steps]
    assert told[-1] == "graded: 100 of 100"
    assert told[4].startswith("lab on the stub: cell ")
    assert [step.name for step in steps if step.name] == ["install", "first check", "lab", "check", "watch", "grade"]
    readme = zipfile.ZipFile(made.path).read(f"{TOP}/README.md").decode()
    spoken = {line.split()[1] for line in readme.splitlines() if line.strip().startswith("tito ")}
    assert {step.split()[1] for step in told if step.startswith("tito ")} <= spoken
    assert spoken <= set(wheel.COMMANDS)


def test_a_release_that_does_not_do_what_it_says_is_not_proved(tito, tmp_path):
    status, out, err = tito("release", "a01", "--out", tmp_path, "--prove")
    assert (status, err) == (1, "")
    # The miniature lab computes 1 + 1 and uses nothing of the stub.
    problem = "the lab on the stub does not end at a blank with a clear message: None"
    assert message("release.not_proved", key="a01_numbers", problem=problem) in out
    assert out.splitlines()[-2:] == ["0 of 1 proved", "not proved: a01_numbers"]


def test_install_says_what_is_wrong_in_one_line(releases, tmp_path):
    for name in ("install.py", "requirements.txt"):
        (tmp_path / name).write_bytes(releases["a01"].files[name])
    order = [sys.executable, "install.py"]
    done = subprocess.run([*order, "--packages", "nowhere"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "error: there is no folder nowhere\n")
    done = subprocess.run([*order, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "--packages FOLDER" in done.stdout


def test_the_command_writes_and_says_what(tito, tmp_path):
    status, out, err = tito("release", "a02", "--out", tmp_path)
    assert (status, err) == (0, "")
    assert out.startswith(f"wrote {tmp_path}/a02_words.zip (")
    assert tito("release", "a09", "--out", tmp_path)[0] == 2
