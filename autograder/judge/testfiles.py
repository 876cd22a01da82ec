"""Loading an assignment's Otter test files in the judge: linted first, then executed once by Otter's own classes.

What comes out are plain records that say which cases there are, what they are worth and which function to call;
running them is left to the judge. Every fault found here is the course's own, so it is a GraderError that lists all
of them with file, line and remedy.
"""

from __future__ import annotations

import hashlib
import inspect
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import GraderError
from autograder.judge.testlint import FileOutline, Problem, lint_test_file, outline

if TYPE_CHECKING:
    from otter.test_files.exception_test import ExceptionTestFile

    from autograder.course import Assignment, Milestone

__all__ = ["Case", "Problem", "TestFile", "check_leaderboard", "check_points", "lint_test_file", "load_test_files"]

BESIDE = ("probes.py", "__init__.py")  # what else a tests folder may hold


@dataclass(frozen=True)
class Case:
    """One case: `function` takes the arguments named in `parameters`, and raises when the student is wrong."""

    file: str  # the name of its test file
    id: str  # the function's name, unique in the file
    title: str  # what people read, unique in the assignment
    points: float
    hidden: bool
    success_message: str | None
    failure_message: str | None
    function: Callable[..., None]
    parameters: tuple[str, ...]
    order: int  # place in the file, from 1


@dataclass(frozen=True)
class TestFile:
    """One test file of an assignment, with its cases in the order in which they stand."""

    __test__ = False  # keeps pytest from collecting this class

    name: str
    title: str
    path: Path
    source_sha256: str
    cases: tuple[Case, ...]
    records: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        return sum(case.points for case in self.cases)


def load_test_files(folder: Path) -> tuple[TestFile, ...]:
    """All test files of a folder, sorted by file name. Nothing is executed unless every file passes the lint."""
    paths = sorted(folder.glob("test_*.py"))
    if not paths:
        raise GraderError(f"{folder} holds no test_*.py; an assignment needs at least one test file")
    sources = [(path, path.read_bytes()) for path in paths]
    problems = [*_strangers(folder, paths)]
    texts: list[tuple[Path, str, bytes]] = []
    for path, data in sources:
        try:
            texts.append((path, data.decode("utf-8"), data))
        except UnicodeDecodeError as error:
            problems.append(Problem(path.name, 0, f"not UTF-8 at byte {error.start}; save it as UTF-8"))
    for path, text, _ in texts:
        problems += lint_test_file(path.name, text)
    _raise_if_any(folder, problems)
    outlines = [(path, outline(path.name, text)) for path, text, _ in texts]
    _raise_if_any(folder, _collisions(outlines))
    loaded = [_load(path, text, data, seen) for (path, text, data), (_, seen) in zip(texts, outlines, strict=True)]
    return tuple(loaded)


def check_points(files: Iterable[TestFile], assignment: Assignment) -> None:
    """Raise unless the cases' points add up to what course.yaml promises."""
    files = tuple(files)
    total = sum(file.points for file in files)
    if abs(total - assignment.points) > 1e-9:
        parts = ", ".join(f"{file.path.name} {file.points:g}" for file in files)
        raise GraderError(
            f"the cases of {assignment.key} add up to {total:g} points, but course.yaml says {assignment.points}; "
            f"change the points= of some cases ({parts})"
        )


def check_leaderboard(files: Iterable[TestFile], subject: Assignment | Milestone) -> None:
    """Raise unless each column of the leaderboard that course.yaml declares is recorded by one line, and nothing else
    is."""
    recorded = [name for file in files for name in file.records]
    declared = [column.name for column in subject.leaderboard]
    if unknown := [name for name in recorded if name not in declared]:
        raise GraderError(
            f"the tests of {subject.key} record '{unknown[0]}', which is no column of its leaderboard in course.yaml;"
            f" declare it or change the name ({', '.join(declared) or 'none declared'})"
        )
    for name in declared:
        if recorded.count(name) != 1:
            raise GraderError(
                f"the leaderboard of {subject.key} has a column '{name}', and {recorded.count(name)} lines of its tests"
                " record it; write expect.record once for it"
            )


def _strangers(folder: Path, paths: list[Path]) -> list[Problem]:
    """Python files that look like test files but are not called so: they would never be run."""
    others = [path for path in sorted(folder.glob("*.py")) if path not in paths and path.name not in BESIDE]
    advice = "would never be run; rename it to test_<name>.py"
    return [Problem(p.name, 0, advice) for p in others if b"test_case" in p.read_bytes()]


def _collisions(outlines: list[tuple[Path, FileOutline]]) -> list[Problem]:
    """Names that two files share: the second would replace the first in any table keyed by name."""
    problems: list[Problem] = []
    files: dict[str, str] = {}
    titles: dict[str, str] = {}
    for path, seen in outlines:
        if seen.name in files:
            problems.append(Problem(path.name, 1, f'name "{seen.name}" is also used by {files[seen.name]}; rename one'))
        files.setdefault(seen.name, path.name)
        for case in seen.cases:
            if case.title in titles:
                advice = f'the case name "{case.title}" is also used in {titles[case.title]}; rename one'
                problems.append(Problem(path.name, case.line, advice))
            titles.setdefault(case.title, path.name)
    return problems


def _load(path: Path, text: str, data: bytes, seen: FileOutline) -> TestFile:
    """Execute one linted file and compare what Otter made of it with what is written in it."""
    made = _execute(path, text)
    functions = [_unwrap(case.body) for case in made.test_cases]
    written = [case.id for case in seen.cases]
    if [function.__name__ for function in functions] != written:
        raise GraderError(f"{path}: Otter sees the cases {_ids(functions)}, but the file writes {', '.join(written)}")
    cases = tuple(
        Case(
            file=seen.name,
            id=function.__name__,
            title=case.name,
            points=case.points,
            hidden=case.hidden,
            success_message=case.success_message,
            failure_message=case.failure_message,
            function=function,
            parameters=tuple(inspect.signature(function).parameters),
            order=number,
        )
        for number, (case, function) in enumerate(zip(made.test_cases, functions, strict=True), 1)
    )
    title = seen.title or seen.name.replace("_", " ").capitalize()
    return TestFile(seen.name, title, path, hashlib.sha256(data).hexdigest(), cases, seen.records)


def _execute(path: Path, text: str) -> ExceptionTestFile:
    # Importing Otter costs most of a CPU second, so only a process that really loads tests pays it. Its dependencies
    # warn about each other while they are imported, which is of no use to anyone here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from otter.test_files.exception_test import ExceptionTestFile

    try:
        # From the text that was linted and hashed, not from the file again; resolves the points of its cases too.
        return ExceptionTestFile.from_string(text, path=str(path))
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        # A test file that exits or fails while loading is our fault; it must not end the judge without results.
        raise GraderError(
            f"{path} cannot be loaded: {_told(error)}; it may only define things at the top level"
        ) from error


def _told(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # an exception whose __str__ raises is told by its class alone
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _unwrap(body: Any) -> Callable[..., None]:
    return body.test_func


def _ids(functions: list[Callable[..., None]]) -> str:
    return ", ".join(function.__name__ for function in functions) or "none"


def _raise_if_any(folder: Path, problems: list[Problem]) -> None:
    if problems:
        told = "\n".join(f"  {problem}" for problem in problems)
        noun = "problem" if len(problems) == 1 else "problems"
        raise GraderError(f"{len(problems)} {noun} in the test files of {folder}:\n{told}")
