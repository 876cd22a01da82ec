"""What several test modules share: one miniature course, built once, and one grader on it. Both are only read; a test
that changes a course writes one of its own below `tmp_path`.

Also the mark `layers`: left out unless it is asked for (`pytest -m layers`).
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


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "layers: attacks with layers of the sandbox switched off; slow, so only on demand"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "layers" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("layers")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
