"""Whether a student's machine is ready, point by point, each with a remedy. Nothing is changed here.

A finding is a problem (something will not work), a remark (it will, but), or fine.
"""

from __future__ import annotations

import json
import locale
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from autograder import lint
from autograder.course import Assignment, Course
from autograder.errors import UserError
from autograder.messages import message
from autograder.workspace import find_workspace

DISTRIBUTION = "tinytorch-course"
OLDEST = (3, 10)
NAMED = ("numpy", "otter-grader", "pydantic", "pyyaml", "click", "rich", "jupyterlab", "ipykernel", "matplotlib")
FREE_MB = 500
LONGEST = 160
SYNCED = ("OneDrive", "Dropbox", "iCloud", "Google Drive", "CloudStorage", "Mobile Documents")
IN_WORKSPACE = ("README.md", "lab.ipynb", "reflection.md", "tests/probes.py")
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?P<marker>\s*;[^\\]*)?", re.MULTILINE)
_WHEEL = re.compile(r"^\./wheels/tinytorch_course-(?P<version>[^-]+)-", re.MULTILINE)


class Level(str, Enum):
    FINE = "ok"
    REMARK = "note"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One point: what was looked at, and what was found or what to do."""

    what: str
    level: Level
    told: str


def examine(course: Course, folder: Path) -> Iterator[Finding]:
    """Every point, for the course and the assignment's folder `folder`."""
    yield _python(sys.version_info[:3])
    yield _environment(course.root)
    yield from _packages(course.root)
    yield _threads()
    yield from _places(course, folder)
    yield from _encoding()
    yield _disk(course.root)
    yield _kernel()


def _problem(what: str, sentence: str, /, **values: object) -> Finding:
    return Finding(what, Level.PROBLEM, message(sentence, **values))


def _remark(what: str, sentence: str, /, **values: object) -> Finding:
    return Finding(what, Level.REMARK, message(sentence, **values))


# ---- Python and packages


def _python(version: tuple[int, ...]) -> Finding:
    found = ".".join(map(str, version))
    if version < OLDEST:
        return _problem("Python", "doctor.python_old", found=found)
    return Finding("Python", Level.FINE, f"{found} at {sys.executable}")


def _environment(root: Path) -> Finding:
    """The course's own environment is advised, not demanded: a container or conda may stand in for it."""
    if not (root / "requirements.txt").is_file() or Path(sys.prefix).resolve() == (root / ".venv").resolve():
        return Finding("environment", Level.FINE, sys.prefix)
    return _remark("environment", "doctor.no_venv", root=root)


def _packages(root: Path) -> Iterator[Finding]:
    file = root / "requirements.txt"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    pinned = {m["name"].lower(): m["version"] for m in _PIN.finditer(text) if not m["marker"]}
    for name in NAMED:
        found = _version(name)
        if found is None:
            yield _problem(name, "doctor.package_missing", name=name)
        elif name in pinned and found != pinned[name]:
            yield _remark(name, "doctor.package_other", name=name, found=found, wanted=pinned[name])
        else:
            yield Finding(name, Level.FINE, found)
    tool, brought = _version(DISTRIBUTION), _WHEEL.search(text)
    if brought and tool != brought["version"]:
        yield _problem("tito", "doctor.tool_old", found=tool, wanted=brought["version"])
    else:
        yield Finding("tito", Level.FINE, str(tool))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _threads() -> Finding:
    """Timings jump about when NumPy spreads small matrices over many cores."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        if os.environ.get(name):
            return Finding("BLAS threads", Level.FINE, f"{name}={os.environ[name]}")
    if (cores := os.cpu_count() or 1) > 1:
        return _remark("BLAS threads", "doctor.threads", cores=cores)
    return Finding("BLAS threads", Level.FINE, "one core")


# ---- folders and files


def _places(course: Course, folder: Path) -> Iterator[Finding]:
    yield _writable("course's folder", course.root)
    try:
        workspace, assignment = find_workspace(course, folder)
    except UserError:
        example = next((a.key for a in course.assignments if (course.root / a.key).is_dir()), course.assignments[0].key)
        yield _remark("workspace", "doctor.no_workspace", example=example)
        return
    yield _writable("workspace", workspace)
    yield from _layout(course, assignment, workspace)
    yield from _where(workspace.resolve())


def _writable(what: str, folder: Path) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Finding(what, Level.FINE, str(folder))
    except OSError as error:
        return _problem(what, "doctor.unwritable", folder=folder, reason=error.strerror)


def _layout(course: Course, assignment: Assignment, workspace: Path) -> Iterator[Finding]:
    """All files there, those to be written readable."""
    missing = [path for path in (*assignment.writes, *IN_WORKSPACE) if not (workspace / path).is_file()]
    for path in missing:
        yield _problem("layout", "doctor.missing_file", path=path)
    policy = lint.policy_for(course, assignment)
    unreadable = [
        finding
        for path in assignment.writes
        if path not in missing
        for finding in lint.lint_source(path, (workspace / path).read_bytes(), policy)
        if finding.rule in ("encoding", "nul")
    ]
    for finding in unreadable:
        yield _problem("encoding", "doctor.unreadable", finding=finding)
    if not missing and not unreadable:
        yield Finding("layout", Level.FINE, f"{assignment.key}, all files there")


def _where(folder: Path) -> Iterator[Finding]:
    for service in SYNCED:
        if any(service.casefold() in part.casefold() for part in folder.parts):
            yield _remark("place", "doctor.synced", folder=folder, service=service)
            return
    if len(str(folder)) > LONGEST:
        yield _remark("place", "doctor.long_path", folder=folder, length=len(str(folder)))


def _encoding() -> Iterator[Finding]:
    found = "utf-8" if sys.flags.utf8_mode else locale.getpreferredencoding(False)
    if found.lower().replace("-", "") != "utf8":
        yield _remark("text", "doctor.encoding", found=found)
    else:
        yield Finding("text", Level.FINE, found)


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free >> 20
    if free < FREE_MB:
        return _problem("disk", "doctor.disk", free=free, folder=folder)
    return Finding("disk", Level.FINE, f"{free} MB free")


# ---- Jupyter and VS Code


def _kernel() -> Finding:
    """The notebook has to run on the Python that holds the packages."""
    if find_spec("ipykernel") is None or find_spec("jupyter_client") is None:
        return _problem("kernel", "doctor.no_kernel")
    starts = kernel_python()
    if starts and Path(starts).is_absolute() and Path(starts).parent != Path(sys.executable).parent:
        return _remark("kernel", "doctor.other_kernel", found=starts, wanted=sys.executable)
    return Finding("kernel", Level.FINE, "python3 of this environment")


def kernel_python() -> str:
    """The program that the kernel 'python3' starts; empty when Jupyter makes one up from the running Python."""
    places = [Path(sys.prefix) / "share" / "jupyter", *_user_places()]
    for place in places:
        file = place / "kernels" / "python3" / "kernel.json"
        if file.is_file():
            return str(json.loads(file.read_text(encoding="utf-8"))["argv"][0])
    return ""


def _user_places() -> list[Path]:
    """Where Jupyter keeps a user's kernels; they win over an environment's own only where that has none."""
    if named := os.environ.get("JUPYTER_DATA_DIR"):
        return [Path(named)]
    if os.name == "nt":
        return [Path(os.environ.get("APPDATA", "")) / "jupyter"]
    return [Path.home() / "Library" / "Jupyter", Path.home() / ".local" / "share" / "jupyter"]
