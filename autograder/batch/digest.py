"""What decides a score, in one number: two gradings under the same digest and seed have to come out alike."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import autograder
from autograder.course import Assignment, Course
from autograder.explain import KILLS, MISCONCEPTIONS
from autograder.intake import IntakeError
from autograder.intake.folders import list_folder

CHUNK = 1 << 20
IMAGE = "TINYTORCH_IMAGE"


def course_digest(course: Course, assignment: Assignment) -> str:
    """Of everything in the course that a grading of this assignment reads: rules, frame, prerequisites and tests."""
    digest = hashlib.sha256()
    rules = (course.limits_of(assignment), course.late, course.policies, course.imports, assignment)
    for rule in rules:
        digest.update(rule.model_dump_json().encode() + b"\0")
    digest.update(f"{course.version}\0{course.timezone}\0".encode())
    for file in _files(course, assignment):
        digest.update(f"{file.relative_to(course.root).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def grader_digest() -> str:
    """Of the grader's own code, tests apart: two machines with the same grade alike."""
    digest = hashlib.sha256()
    home = Path(autograder.__file__).parent
    for file in sorted(home.rglob("*.py")):
        relative = file.relative_to(home)
        if "tests" not in relative.parts:
            digest.update(f"{relative.as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _files(course: Course, assignment: Assignment) -> Iterator[Path]:
    yield from sorted(course.frame.rglob("*.py"))
    for key in (*course.closure(assignment.key), assignment.key):
        yield from _present(course.solution(key) / path for path in course.by_key[key].writes)
    home = course.solution(assignment.key)
    yield from sorted((home / "tests").rglob("*.py"))
    yield from _present((home / MISCONCEPTIONS, home / KILLS))
    yield from _present(course.stub(assignment.key) / path for path in assignment.writes)


def _present(files: Iterator[Path] | tuple[Path, ...]) -> Iterator[Path]:
    return (file for file in files if file.is_file())


def upload_digest(path: Path) -> str:
    """sha256 of an upload: of a file's bytes, of a folder's paths and contents. Empty when it cannot be read, which
    intake will say in its own words."""
    try:
        if path.is_dir():
            return _folder_digest(path)
        return _file_digest(path) if path.is_file() else ""
    except (OSError, IntakeError):
        return ""


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _folder_digest(folder: Path) -> str:
    """As intake sees the folder: no links are followed."""
    digest = hashlib.sha256()
    for entry in list_folder(folder).entries:
        digest.update(f"{entry.path}\0{entry.size}\0".encode("utf-8", "surrogateescape"))
        digest.update(_file_digest(folder / entry.path).encode())
    return digest.hexdigest()


def image_version() -> str:
    """Which image this runs in, as the image says itself; empty on a bare machine."""
    return os.environ.get(IMAGE, "")
