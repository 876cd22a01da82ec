"""What lies in a release: a small copy of the course, as far as one assignment needs it, around the workspace.

Every release unpacks into the same folder, so that a course grows over the term and `tito start` finds earlier work
beside the new one. The copy has the layout of the course's own repository, and the commands work in both alike:

    README.md install.py requirements.txt course.yaml LICENSE, .vscode/, .devcontainer/, wheels/
    a05_autograd/        the workspace: handout, lab, stub, public tests, reflection
    tinytorch_ref/       the frame
    solutions/a01_tensor/tinytorch/...   the reference of the prerequisites, its files of the framework only
    hints/, milestones/NAME/tests/, datasets/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from string import Template

from autograder import build, hints
from autograder.build.text import read_text
from autograder.course import FILE, Assignment, Course
from autograder.errors import GraderError, UserError
from autograder.messages import message
from autograder.release import lock
from autograder.release.wheel import PACKAGE, Wheel, student_wheel

TOP = "tinytorch-course"
LOCK = "requirements.lock"
FILES = Path(__file__).resolve().parent / "files"
PLACES = {
    "README.md": "README.md",
    "install.py": "install.py",
    "settings.json": ".vscode/settings.json",
    "extensions.json": ".vscode/extensions.json",
    "devcontainer.json": ".devcontainer/devcontainer.json",
}
ALWAYS = "tinydigits"  # small, and labs like to have it
LEFT_OUT = frozenset({"__pycache__", ".DS_Store", ".gitkeep", ".ipynb_checkpoints"})


@dataclass(frozen=True)
class Contents:
    """The files of a release by their paths below its top folder.

    `given` are the paths that hold whole files of the course as they are (frame, prerequisites, data); all others were
    made or chosen for this release. `modules` are the files inside the wheel.
    """

    assignment: str
    files: Mapping[str, bytes]
    given: frozenset[str]
    modules: Mapping[str, bytes]


def contents(course: Course, assignment: Assignment, own_prerequisites: bool = False) -> Contents:
    """Gather the release of one assignment.

    Args:
        own_prerequisites: leave the reference of the prerequisites out: students stand on their own layers.

    Raises:
        UserError: something that a release needs is missing or out of step.
    """
    _require_in_step(course, assignment)
    wheel = student_wheel(_version(), lock.requirements())
    workspace = {f"{assignment.key}/{path}": data for path, data in build.files_of(course, assignment).items()}
    given = _given(course, assignment, own_prerequisites)
    given |= _data(course, assignment, workspace)
    files = {**given, **workspace, **_milestones(course, assignment), **_top(course, assignment, wheel)}
    files[f"{hints.FOLDER}/{assignment.key}.json"] = hints.shipped(course, assignment).encode()
    return Contents(assignment.key, files, frozenset(given), wheel.modules)


def _require_in_step(course: Course, assignment: Assignment) -> None:
    try:
        differences = build.check(course, [assignment.key])
    except (UserError, GraderError) as error:
        raise UserError(message("release.not_written", key=assignment.key, problem=error)) from error
    if any(d.kind == "cannot be built" for d in differences):
        raise UserError(message("release.not_written", key=assignment.key, problem=differences[0].detail))
    if differences:
        raise UserError(message("release.stale", key=assignment.key, short=assignment.short))


def _version() -> str:
    from importlib import metadata

    return metadata.version(lock.DISTRIBUTION).partition("+")[0]


def _given(course: Course, assignment: Assignment, own_prerequisites: bool) -> dict[str, bytes]:
    """The frame, and the framework's files of the prerequisites; of their tests and handouts nothing."""
    files = {FILE: _text(course.root / FILE)}
    for file in _below(course.frame):
        files[f"tinytorch_ref/tinytorch/{file.relative_to(course.frame).as_posix()}"] = _text(file)
    for key in () if own_prerequisites else course.closure(assignment.key):
        for path in course.by_key[key].writes:
            files[f"solutions/{key}/{path}"] = _text(course.solution(key) / path)
    return files


def _data(course: Course, assignment: Assignment, workspace: Mapping[str, bytes]) -> dict[str, bytes]:
    """The registry, and those embedded data sets that the assignment or one of its milestones mentions."""
    registry = course.datasets / "registry.json"
    if not registry.is_file():
        return {}
    files = {"datasets/registry.json": _text(registry)}
    told = b"\n".join((*workspace.values(), *_milestones(course, assignment).values())).decode("utf-8")
    for folder in sorted(p for p in course.datasets.iterdir() if p.is_dir()):
        mentioned = re.search(rf"\b{re.escape(folder.name)}\b", told, re.IGNORECASE)
        if folder.name in assignment.data or folder.name == ALWAYS or mentioned:
            for file in sorted(folder.glob("*.gz")):
                files[f"datasets/{folder.name}/{file.name}"] = file.read_bytes()
    return files


def _milestones(course: Course, assignment: Assignment) -> dict[str, bytes]:
    """The tests of every milestone that is within reach once this assignment is done, and of those whose last it is:
    a03 and a04 need nothing of each other, and the perceptron needs both."""
    reach = {assignment.key, *course.closure(assignment.key)}
    files = {}
    for milestone in course.milestones:
        tests = course.home(milestone) / "tests"
        needed = course.needed(milestone)
        last = [a.key for a in course.assignments if a.key in needed][-1]
        if not tests.is_dir() or not (needed <= reach or last == assignment.key):
            continue
        for file in sorted(tests.glob("*.py")):
            source = read_text(file)
            public = build.public_version(source, file.name) if file.name.startswith("test_") else source
            if public:
                files[f"milestones/{milestone.key}/tests/{file.name}"] = public.encode()
    return files


def _top(course: Course, assignment: Assignment, wheel: Wheel) -> dict[str, bytes]:
    """What a newcomer sees first."""
    file = PACKAGE.parent / LOCK
    if not file.is_file():
        raise UserError(message("release.no_lock", file=file))
    pins = lock.student_lock(read_text(file), lock.wanted(lock.requirements()), LOCK)
    own = f"./wheels/{wheel.name} \\\n    --hash=sha256:{sha256(wheel.content).hexdigest()}"
    head = "# Everything that the course installs, with checksums. Made by `tito release`; install.py reads it."
    text = "\n".join([head, *("\n".join(pin.lines) for pin in pins), own]) + "\n"
    files = {place: _filled(FILES / name, course, assignment) for name, place in PLACES.items()}
    files |= {"requirements.txt": text.encode(), f"wheels/{wheel.name}": wheel.content}
    if (course.root / "LICENSE").is_file():
        files["LICENSE"] = _text(course.root / "LICENSE")
    return files


def _filled(file: Path, course: Course, assignment: Assignment) -> bytes:
    """A file of every release with the course's and the assignment's names in it."""
    text = read_text(file)
    if file.suffix != ".md":
        return text.encode()
    question = assignment.writes[0]
    values = {
        "course": f"{course.name}, {course.term}", "key": assignment.key, "short": assignment.short,
        "title": assignment.title, "question": assignment.question, "file": question,
    }  # fmt: skip
    return Template(text).substitute(values).encode()


def _below(folder: Path) -> list[Path]:
    found = (p for p in folder.rglob("*") if p.is_file() and not LEFT_OUT & set(p.relative_to(folder).parts))
    return sorted(found, key=lambda p: p.as_posix())


def _text(file: Path) -> bytes:
    """A text file with plain line ends, wherever the course was checked out."""
    return file.read_bytes().replace(b"\r\n", b"\n")
