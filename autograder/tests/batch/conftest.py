"""A folder of uploads to a01_numbers with the score that each must get, and judges that need no process of their own."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from autograder.batch import run
from autograder.batch import work as unit
from autograder.batch.digest import course_digest
from autograder.batch.gradebook import Gradebook
from autograder.batch.ledger import Attempt
from autograder.batch.work import Outcome, Setting, Work
from autograder.course import Course
from autograder.tests.attacks.uploads import UPLOADS, zipped
from autograder.tests.minicourse import numbers, put_numbers

TENSOR = "tinytorch/core/tensor.py"

# Each is a zip by this name; its score, and what the student is told when it cannot be graded.
ZIPS: dict[str, tuple[dict[str, str] | bytes, float, str]] = {
    "ann": ({TENSOR: numbers()}, 10, ""),
    "ben": ({TENSOR: numbers(double="return x")}, 5, ""),
    "cy": ({TENSOR: numbers(mean="return np.sum(x) / len(x)")}, 7, ""),
    "dee": ({TENSOR: numbers(double="import os; os._exit(0)")}, 5, ""),
    "eve": ({TENSOR: numbers(top="import os\nos.kill(os.getppid(), 9)")}, 0, ""),
    "garbage": (b"hello", 0, "garbage.zip is not a zip file"),
    "nothing": (b"", 0, "nothing.zip is empty (0 bytes)"),
    "wrong": ({"tinytorch/core/activations.py": "x = 1\n"}, 0, "submit it to a02_words"),
    "broken": ({TENSOR: numbers() + "\ndef broken(:\n"}, 0, f"{TENSOR}:11: "),
}
HOSTILE = (
    "zip-slip beside the honest file", "a link inside a zip", "a link to the solution's folder",
    "a pipe that nobody writes to", "a link to an endless device", "a bomb that says it is small", "thousands of files",
    "the same file twice in one zip", "names that move the cursor or hide their end",
)  # fmt: skip


def put_zips(folder: Path, names: Iterable[str] = tuple(ZIPS)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        content = ZIPS[name][0]
        if isinstance(content, dict):
            zipped(folder, content.items()).rename(folder / f"{name}.zip")
        else:
            (folder / f"{name}.zip").write_bytes(content)
    return folder


def put_hostile(folder: Path, scratch: Path, course: Course) -> dict[str, float]:
    """Hostile uploads among the others, as zips and as folders; what each must get."""
    expected = {}
    for number, upload in enumerate(u for u in UPLOADS if u.name in HOSTILE):
        (scratch / str(number)).mkdir(parents=True)
        made = upload.make(scratch / str(number), course.root)
        name = f"hostile{number}"
        if made.is_dir():
            made.rename(folder / name)
        else:
            made.rename(folder / f"{name}{made.suffix}")
        expected[name] = upload.score
    assert len(expected) == len(HOSTILE)
    return expected


def put_folder(folder: Path, **parts: str) -> Path:
    return put_numbers(folder, numbers(**parts))


class Here:
    """Real judges in this very process, one after another."""

    def __init__(self, setting: Setting):
        self.setting = setting
        self.asked: list[str] = []

    def run(self, works: Iterable[Work]) -> Iterator[tuple[Work, Outcome]]:
        for work in works:
            self.asked.append(Path(work.source).name)
            yield work, unit.grade_one(self.setting, work)


class Replayed:
    """Judges that know every outcome already: what a real one once said of the same upload."""

    def __init__(self, outcomes: dict[str, Outcome]):
        self.outcomes = outcomes
        self.asked: list[str] = []

    def run(self, works: Iterable[Work]) -> Iterator[tuple[Work, Outcome]]:
        for work in works:
            name = Path(work.source).name
            self.asked.append(name)
            yield work, self.outcomes[name]


@dataclass
class Bench:
    """Runs batches on the miniature course without the command line."""

    course: Course
    folder: Path
    out: Path

    @property
    def setting(self) -> Setting:
        assignment = self.course.assignment("a01")
        return Setting(str(self.course.root), assignment.key, course_digest(self.course, assignment))

    def order(self, **changes: object) -> run.Order:
        return replace(run.Order(self.folder, self.out), **changes)

    def grade(self, judges: object = None, **changes: object) -> tuple[tuple[Attempt, ...], run.Plan]:
        order = self.order(**changes)
        with run.opened(order) as book:
            plan = run.make_plan(book, self.course, self.course.assignment("a01"), order)
            judges = judges or Here(self.setting)
            return run.grade_all(book, self.course, plan, judges, order.out, lambda attempt, outcome: None), plan

    @property
    def book(self) -> Gradebook:
        return Gradebook(self.out / "gradebook.sqlite")


@pytest.fixture
def bench(mini: Course, tmp_path: Path) -> Bench:
    return Bench(mini, tmp_path / "uploads", tmp_path / "out")


@pytest.fixture(scope="session", autouse=True)
def no_judge_left() -> Iterator[None]:
    """The judge that this process keeps between tests ends before the course is taken away."""
    yield
    unit.close()


@pytest.fixture(scope="session")
def outcomes(mini: Course, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What the judge says of each of ZIPS, by file name."""
    folder = put_zips(tmp_path_factory.mktemp("outcomes"))
    judges = Here(Bench(mini, folder, folder).setting)
    works = [Work(number, str(folder / f"{name}.zip")) for number, name in enumerate(ZIPS)]
    found = {Path(work.source).name: outcome for work, outcome in judges.run(works)}
    shutil.rmtree(folder)
    return found


def scores(attempts: Iterable[Attempt]) -> dict[str, float]:
    return {attempt.label: attempt.score for attempt in attempts}
