"""The students' side of an assignment, written from its solution: `assignments/` holds nothing else.

Every file is computed in memory first, written below a temporary folder and swapped in when all of them are there.
The bytes depend on the solution alone: not on the locale, the order of a directory, the clock or the umask. What a
stub, a lab or a public test file looks like is decided in the modules beside this one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath

from autograder.build.labs import make_lab
from autograder.build.public_tests import public_version
from autograder.build.stubs import make_stub
from autograder.build.text import read_text
from autograder.course import Assignment, Course
from autograder.errors import UserError

COPIED = ("README.md", "reflection.md", "tests/probes.py")
# With a package of its own, `from tests import probes` finds this folder even where some installed distribution has
# left a top-level `tests` package, which would win over a folder without __init__.py.
PACKAGE = '"""The checks of this assignment: probes.py asks your code, test_*.py say what has to come back."""\n'
# Traces of work and empty folders' place holders; git does not carry the former.
IGNORED = frozenset({"__pycache__", ".ipynb_checkpoints", ".DS_Store", ".gitkeep"})


@dataclass(frozen=True)
class Difference:
    """One way in which assignments/ is not what a build gives. `path` is relative to the course's root.

    `kind` is "missing", "left over", "differs" (stale or edited by hand: the bytes cannot tell) or "cannot be built".
    """

    path: str
    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}: {self.detail}"


def files_of(course: Course, assignment: Assignment) -> dict[str, bytes]:
    """Path and content of every file that students get for one assignment, sorted by path."""
    solution = course.solution(assignment.key)
    if not solution.is_dir():
        raise UserError(f"{_relative(course, solution)} does not exist; write the solution first")
    _refuse_unowned(course, assignment)
    texts = {path: read_text(solution / path) for path in COPIED}
    if (course.root / "LICENSE").is_file():
        texts["LICENSE"] = read_text(course.root / "LICENSE")
    for path in assignment.writes:
        name = _relative(course, solution / path)
        texts[path] = make_stub(read_text(solution / path), assignment.key, name)
    lab = solution / "lab.py"
    texts["lab.ipynb"] = make_lab(read_text(lab), assignment.key, _relative(course, lab))
    texts["tests/__init__.py"] = PACKAGE
    for file in sorted((solution / "tests").glob("test_*.py")):
        if public := public_version(read_text(file), _relative(course, file)):
            texts[f"tests/{file.name}"] = public
    return {path: texts[path].encode("utf-8") for path in sorted(texts)}


def build_assignment(course: Course, assignment: Assignment, into: Path) -> tuple[str, ...]:
    """Write the students' files of one assignment into the folder `into`; returns their paths below it."""
    files = files_of(course, assignment)
    _make_folder(into)
    for path, content in files.items():
        target = into / path
        for folder in reversed(target.relative_to(into).parents[:-1]):
            _make_folder(into / folder)
        target.write_bytes(content)
        target.chmod(0o644)
    return tuple(files)


def build(course: Course, keys: Iterable[str] | None = None) -> dict[str, tuple[str, ...]]:
    """Rebuild the folders of the given assignments (default: all that are written); returns each one's files.

    Nothing is replaced until everything is built, so an error leaves assignments/ as it was.
    """
    chosen = _chosen(course, keys)
    shelf = course.root / "assignments"
    shelf.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=shelf) as temporary:
        fresh = {a.key: build_assignment(course, a, Path(temporary) / "new" / a.key) for a in chosen}
        for key in fresh:
            _swap(Path(temporary) / "new" / key, course.stub(key), Path(temporary) / "old" / key)
    return fresh


def check(course: Course, keys: Iterable[str] | None = None) -> list[Difference]:
    """Compare assignments/ with what a build would write, byte by byte; empty if they are in step."""
    found: list[Difference] = []
    for assignment in _chosen(course, keys):
        try:
            expected = files_of(course, assignment)
        except UserError as error:
            found.append(Difference(f"assignments/{assignment.key}", "cannot be built", str(error)))
        else:
            found += _compare(course, assignment.key, expected)
    if keys is None:
        found += _strangers(course)
    return found


# Building.


def _chosen(course: Course, keys: Iterable[str] | None) -> tuple[Assignment, ...]:
    if keys is None:
        return course.written()
    named = dict.fromkeys(course.assignment(key).key for key in keys)
    return tuple(course.by_key[key] for key in named)


def _refuse_unowned(course: Course, assignment: Assignment) -> None:
    """A file that nobody declared would be missing in the students' tree without a word."""
    solution = course.solution(assignment.key)
    for file in _files(solution / "tinytorch"):
        path = file.relative_to(solution).as_posix()
        if path not in assignment.writes:
            owned = f"course.yaml lets {assignment.key} write {', '.join(assignment.writes)}"
            raise UserError(f"{_relative(course, file)}: {owned}; declare the file there or remove it")


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)


def _swap(new: Path, place: Path, old: Path) -> None:
    """Put `new` at `place`, moving away what is there; if the second step fails, the first is taken back."""
    old.parent.mkdir(exist_ok=True)
    there = os.path.lexists(place)
    if there:
        os.replace(place, old)
    try:
        os.replace(new, place)
    except OSError:
        if there:
            os.replace(old, place)
        raise


# Checking.


def _compare(course: Course, key: str, expected: dict[str, bytes]) -> Iterator[Difference]:
    folder = course.stub(key)
    present = {file.relative_to(folder).as_posix(): file for file in _files(folder)}
    for path in sorted(expected.keys() | present.keys()):
        shown = f"assignments/{key}/{path}"
        if path not in present:
            yield Difference(shown, "missing", f"run `tito build {key}`")
        elif path not in expected:
            yield Difference(shown, "left over", f"no build writes it; `tito build {key}` removes it")
        elif present[path].is_symlink():
            yield Difference(shown, "differs", "it is a link where a build writes a file")
        elif (actual := present[path].read_bytes()) != expected[path]:
            yield Difference(shown, "differs", _first_difference(actual, expected[path], key))


def _first_difference(actual: bytes, expected: bytes, key: str) -> str:
    remedy = f"edit solutions/{key} and run `tito build {key}`"
    ours, theirs = expected.split(b"\n"), actual.split(b"\n")
    number = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs, strict=False)))
    built, found = (
        repr(lines[number].decode("utf-8", "replace")) if number < len(lines) else "the end" for lines in (ours, theirs)
    )
    return f"line {number + 1} is {found}, a build gives {built}; {remedy}"


def _strangers(course: Course) -> Iterator[Difference]:
    """What lies in assignments/ without belonging to any assignment that has a solution."""
    shelf = course.root / "assignments"
    written = {a.key for a in course.written()}
    for entry in sorted(shelf.iterdir(), key=lambda e: e.name) if shelf.is_dir() else ():
        if entry.name not in written | IGNORED:
            yield Difference(f"assignments/{entry.name}", "left over", f"there is no solutions/{entry.name}; remove it")


def _files(folder: Path) -> list[Path]:
    """All files and links below a folder, without traces of work, in an order of their own."""
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [name for name in folders if name not in IGNORED and name not in links]
        found += [here / name for name in (*names, *links) if name not in IGNORED]
    return sorted(found, key=lambda file: file.as_posix())


def _relative(course: Course, path: Path) -> str:
    return PurePosixPath(path.relative_to(course.root)).as_posix()
