"""Building and checking the image, against an engine made of a few lines: what is asked of Docker, and what is said of
its answers. That real containers grade as this machine does is shown by `tito image --check` on a machine that has one.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from autograder import parity
from autograder.course import Course, load_course
from autograder.errors import UserError
from autograder.gradescope.bundle import LOCK, PACKAGE
from autograder.image import Engine, build, check
from autograder.tests import minicourse

GIVEN = b'{\n  "score": 7,\n  "execution_time": 1.5,\n  "tests": []\n}\n'

# Notes what it is asked; a container leaves the results (and the exit status) that stand beside the script.
DOCKER = f"""#!{sys.executable}
import json, pathlib, sys
here = pathlib.Path(sys.argv[0]).parent
with (here / "asked.jsonl").open("a") as asked:
    asked.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1] == "create":
    print("c0ffee")
if sys.argv[1] == "cp" and not (pathlib.Path(sys.argv[2]) / "source" / "setup.sh").is_file():
    sys.exit("no setup.sh to run")
if sys.argv[1] == "run":
    mounts = [a.split("=", 1)[1].split(":") for a in sys.argv if a.startswith("--volume=")]
    folder = next(pathlib.Path(m[0]) for m in mounts if m[1] == "/autograder/results")
    assert all(pathlib.Path(m[0]).exists() for m in mounts)
    if (here / "results").is_file():
        (folder / "results.json").write_bytes((here / "results").read_bytes())
    sys.exit(int((here / "status").read_text()))
"""


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """The mini course, tried on two samples whose results on "this machine" are known beforehand."""
    made = load_course(minicourse.write(tmp_path / "course"))
    two = parity.samples(made, made.assignment("a01"))[:2]
    monkeypatch.setattr(parity, "samples", lambda *given: two)
    monkeypatch.setattr(parity, "results_here", lambda *given: {sample.name: GIVEN for sample in two})
    return made


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the engine that is first on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    (folder / "status").write_text("0")
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def asked(docker: Path, command: str) -> list[list[str]]:
    lines = [json.loads(line) for line in (docker / "asked.jsonl").read_text().splitlines()]
    return [line for line in lines if line[0] == command]


@pytest.mark.parametrize(
    ("results", "status", "difference"),
    [
        (GIVEN, "0", None),
        (GIVEN.replace(b"1.5", b"99.125"), "0", None),
        (GIVEN.replace(b"7", b"8"), "0", "line 2: here '\"score\": 7,', there '\"score\": 8,'"),
        (GIVEN, "3", "run_autograder ended with status 3"),
    ],
)
def test_the_image_and_the_zip_are_compared_with_this_machine(
    course: Course, docker: Path, results: bytes, status: str, difference: str | None
) -> None:
    (docker / "results").write_bytes(results)
    (docker / "status").write_text(status)
    compared = check(course, course.assignment("a01"), Engine(), "an-image:tag", "a-base")
    assert [(one.way, one.sample) for one in compared] == [
        (way, sample) for way in ("image", "zip") for sample in ("solution", "stub")
    ]
    assert [one.difference and one.difference.strip() for one in compared] == [difference] * 4
    runs = asked(docker, "run")
    assert sorted(run[-2] for run in runs) == ["an-image:from-zip"] * 2 + ["an-image:tag"] * 2
    for run in runs:
        assert {"--network=none", "--memory=768m", "--cpus=0.5", "--pids-limit=512", "--rm"} <= set(run)
    assert asked(docker, "commit") == [["commit", "c0ffee", "an-image:from-zip"]]
    assert asked(docker, "rm") and asked(docker, "rmi")


def test_a_container_without_results_is_an_error_and_nothing_is_left_behind(course: Course, docker: Path) -> None:
    (docker / "status").write_text("137")
    with pytest.raises(UserError, match=r"status 137 and without results\.json"):
        check(course, course.assignment("a01"), Engine())
    assert asked(docker, "rmi")


def test_an_image_is_built_from_the_course_for_one_assignment_or_any(course: Course, docker: Path) -> None:
    (course.root / "assignments").mkdir()
    with pytest.raises(UserError, match="Dockerfile is missing"):
        build(course, Engine())
    for name in ("Dockerfile", LOCK):
        shutil.copy(PACKAGE.parent / name, course.root)
    build(course, Engine(), "named", "a-base", "a01_numbers")
    (command,) = asked(docker, "build")
    assert command[-1] == str(course.root)
    values = {"BASE=a-base", "ASSIGNMENT=a01_numbers", "VERSION=named 1"}
    assert {"--tag=named", *(f"--build-arg={value}" for value in values)} <= set(command)


def test_without_an_engine_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="tito gradescope"):
        Engine()


def test_the_dockerfile_is_one_that_every_engine_builds_and_gradescope_runs() -> None:
    lines = (PACKAGE.parent / "Dockerfile").read_text(encoding="utf-8").splitlines()
    instructions = [line.split()[0] for line in lines if line and line[0].isalpha()]
    assert set(instructions) == {"ARG", "FROM", "COPY", "RUN", "ENV"}
    assert instructions[:2] == ["ARG", "FROM"]
    text = "\n".join(line for line in lines if not line.startswith("#"))
    assert not [new for new in ("--mount", "--chmod", "--link", "<<", "syntax=") if new in text]
    # Packages first: what changes with the course must not come before them.
    assert text.index("setup.sh packages") < min(text.index("COPY autograder /"), text.index("COPY solutions"))
