"""Gradescope's zip route: `autograder.zip` with what grading one assignment needs, and nothing more.

The solution of the assignment goes in with all of its tests; of its prerequisites only the files of the framework; of
everything else nothing. The same course gives the same bytes on any machine and day.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from autograder import explain
from autograder.course import FILE, Assignment, Course
from autograder.errors import UserError
from autograder.judge.testfiles import check_points, load_test_files

PACKAGE = Path(__file__).resolve().parent.parent
LOCK = "requirements-grading.lock"
SCRIPTS = ("setup.sh", "run_autograder")
LEFT_OUT = frozenset({"__pycache__", ".ipynb_checkpoints", ".DS_Store", ".gitkeep"})
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold


def write_zip(course: Course, assignment: Assignment, out: Path) -> Path:
    """Write the autograder of one assignment to the file `out`; returns it.

    Raises:
        UserError: something that the zip needs is missing. GraderError: the tests are faulty.
    """
    files = bundle_files(course, assignment)
    folder = course.solution(assignment.key)
    check_points(load_test_files(folder / "tests"), assignment)
    explain.load_misconceptions(folder)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        # Stored, not compressed: compressors differ by version, and the zip is small.
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            for name, content in sorted(files.items()):
                archive.writestr(_entry(name), content)
        os.replace(part, out)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror}; choose another place with --out") from error
    finally:
        part.unlink(missing_ok=True)
    return out


def bundle_files(course: Course, assignment: Assignment) -> dict[str, bytes]:
    """Path and content of everything that the zip holds."""
    files = {FILE: course.root / FILE, LOCK: PACKAGE.parent / LOCK}
    files |= _below(PACKAGE, "autograder", skip=frozenset({"tests"}))
    files |= _below(course.frame, "tinytorch_ref/tinytorch")
    for key in course.closure(assignment.key):
        files |= _layer(course, key)
    files |= _layer(course, assignment.key)
    files |= _grading(course, assignment.key)
    files |= _stub(course, assignment)
    files |= _data(course, assignment)
    for path, source in files.items():
        if not source.is_file():
            raise UserError(f"{source} is missing, so there is no {path} to grade with; {_remedy(path, assignment)}")
    contents = {path: source.read_bytes() for path, source in files.items()}
    for name in SCRIPTS:
        # A checkout on Windows may have put carriage returns in, which a shell on the platform stumbles over.
        contents[name] = (PACKAGE / "gradescope" / name).read_bytes().replace(b"\r\n", b"\n")
    return {**contents, "assignment": f"{assignment.key}\n".encode()}


def _layer(course: Course, key: str) -> dict[str, Path]:
    """The reference files of one assignment: what later layers stand on."""
    return {f"solutions/{key}/{path}": course.solution(key) / path for path in course.by_key[key].writes}


def _grading(course: Course, key: str) -> dict[str, Path]:
    """What only the graded assignment brings: its tests, public and hidden, its known misconceptions, and the handout,
    whose sections messages send to."""
    folder = course.solution(key)
    files = _below(folder / "tests", f"solutions/{key}/tests")
    for name in (explain.MISCONCEPTIONS, explain.KILLS, "README.md"):
        if (folder / name).is_file():
            files[f"solutions/{key}/{name}"] = folder / name
    return files


def _stub(course: Course, assignment: Assignment) -> dict[str, Path]:
    """The stub stands in for a file that is not handed in, which is only possible where several are asked for."""
    if len(assignment.writes) == 1:
        return {}
    folder = course.stub(assignment.key)
    return {f"assignments/{assignment.key}/{path}": folder / path for path in assignment.writes}


def _data(course: Course, assignment: Assignment) -> dict[str, Path]:
    """The embedded data sets that lie beside the framework when this assignment is graded, with their registry."""
    if not assignment.data:
        return {}
    files = {"datasets/registry.json": course.datasets / "registry.json"}
    for name in assignment.data:
        files |= _below(course.datasets / name, f"datasets/{name}")
    return files


def _below(folder: Path, prefix: str, skip: frozenset[str] = frozenset()) -> dict[str, Path]:
    """Every file below a folder, without traces of work."""
    return {f"{prefix}/{file.relative_to(folder).as_posix()}": file for file in _walk(folder, skip)}


def _walk(folder: Path, skip: frozenset[str]) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT | skip and not name.startswith(".")]
        yield from (Path(parent) / name for name in names if name not in LEFT_OUT and not name.startswith("."))


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, EPOCH)
    info.create_system = 3
    info.external_attr = (0o100755 if name in SCRIPTS else 0o100644) << 16
    return info


def _remedy(path: str, assignment: Assignment) -> str:
    if path == LOCK:
        return "run tito from a checkout of the course's repository"
    if path.startswith("assignments/"):
        return f"run: tito build {assignment.short}"
    return "write it first"
