"""What several test modules share: one miniature course, built once, and one grader on it. Both are only read; a test
that changes a course writes one of its own below `tmp_path`.

Also the marks of ON_DEMAND: left out unless they are asked for (`pytest -m layers`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder import build, cli, record
from autograder.course import Course, load_course
from autograder.explain import KILLS
from autograder.grade import Grader
from autograder.tests import minicourse
from autograder.workspace import forget_framework

Submit = Callable[..., Path]
Tito = Callable[..., tuple[int, str, str]]
FRAMEWORK = ("tinytorch", "probes")


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The miniature course, with its stubs built and the kill matrix of a01_numbers in place."""
    root = minicourse.write(tmp_path_factory.mktemp("shared") / "mini")
    course = load_course(root)
    build.build(course)
    record.write_json(course.solution("a01_numbers") / KILLS, minicourse.KILLS)
    return course


@pytest.fixture(scope="session")
def grader(mini: Course) -> Iterator[Grader]:
    """A grader of a01_numbers. Starting one costs a second, grading with it a fifth of one."""
    with Grader(mini, mini.assignment("a01")) as made:
        yield made


@pytest.fixture
def submission(tmp_path: Path) -> Submit:
    """Writes a submission folder to a01_numbers: `submission("half", mean="return 0")`; see `minicourse.numbers`."""

    def make(name: str = "work", **parts: str) -> Path:
        return minicourse.put_numbers(tmp_path / name, minicourse.numbers(**parts))

    return make


@pytest.fixture
def tito(mini: Course, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tito:
    """Runs `tito` in this process, on the shared course, and gives its exit status, output and errors."""
    monkeypatch.setenv("TITO_COURSE", str(mini.root))

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tito", *map(str, words)])
        status = 0
        try:
            cli.main()
        except SystemExit as stop:
            status = int(stop.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def own_imports() -> Iterator[None]:
    """For tests that import a framework into this very process: afterwards it is as it was."""
    path = list(sys.path)
    kept = {name: module for name, module in sys.modules.items() if name.split(".")[0] in FRAMEWORK}
    yield
    forget_framework()
    sys.modules.update(kept)
    sys.path[:] = path


@pytest.fixture
def busy_cores() -> Iterator[None]:
    """Every core has something else to do meanwhile."""
    spin = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    yield
    for process in spin:
        process.kill()
        process.wait()


ON_DEMAND = {
    "layers": "attacks with layers of the sandbox switched off; slow, so only on demand",
    "whole": "claims about every assignment, of which a sample is always tried; the rest is slow, so only on demand",
}


def pytest_configure(config: pytest.Config) -> None:
    for mark, about in ON_DEMAND.items():
        config.addinivalue_line("markers", f"{mark}: {about}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marks = [mark for mark in ON_DEMAND if mark not in config.option.markexpr]
    left_out = [item for item in items if any(item.get_closest_marker(mark) for mark in marks)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
