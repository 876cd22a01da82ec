"""A student's home for tests: the release of a miniature assignment, unpacked, and the work that is done in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder import progress
from autograder.course import Course, load_course
from autograder.judge.cases import CaseResult, Status
from autograder.release import Contents, contents
from autograder.tests import minicourse

TENSOR, WORDS = "tinytorch/core/tensor.py", "tinytorch/core/activations.py"
GOOD_WORDS = "from tinytorch.core.tensor import double\n\n\ndef shout(n):\n    return '!' * int(double(n))\n"


def unpacked(made: Contents, place: Path) -> Course:
    """Lay a release out in a folder, over what is there."""
    for path, data in made.files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(data)
    return load_course(place)


@pytest.fixture(scope="session")
def releases(mini: Course) -> dict[str, Contents]:
    """The releases of both miniature assignments."""
    return {a.short: contents(mini, a) for a in mini.assignments}


@pytest.fixture
def home(releases: dict[str, Contents], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """A student's home with both releases in it; `tito` finds it."""
    place = tmp_path / "home"
    for made in releases.values():
        course = unpacked(made, place)
    monkeypatch.setenv("TITO_COURSE", str(course.root))
    return course


def write_numbers(course: Course, **parts: str) -> Path:
    return minicourse.put_numbers(course.root / "a01_numbers", minicourse.numbers(**parts))


def passed(course: Course, key: str, *, failing: tuple[str, ...] = (), folder: Path | None = None) -> None:
    """Record a whole check of an assignment as it stands in its folder."""
    cases = [_case(name, Status.FAILED) for name in failing] + [_case("all.others", Status.PASSED)]
    problem = progress.record_check(course, course.by_key[key], folder or course.root / key, cases)
    assert problem == ""


def _case(key: str, status: Status) -> CaseResult:
    file, _, name = key.partition(".")
    return CaseResult(file, name, "1.1", name, False, 1, status, "", "", 0)
