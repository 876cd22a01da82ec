"""Playing a newcomer with a release: everything its README says, from the zip to a graded upload.

The zip is unpacked into an empty folder whose name has blanks and an umlaut in it, `install.py` makes a fresh
environment (from the network as a student's, or on packages that are here already), and from then on only that
environment's `tito` is used. What a student would type is the reference's text. The upload is graded by the course's
own `tito grade`. CPU times are those of whole commands, their children included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.build.text import read_text
from autograder.course import FILE, Assignment, Course
from autograder.errors import UserError
from autograder.messages import message
from autograder.release.contents import TOP

OWN = ("TITO_COURSE", "PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")  # what a newcomer's shell does not have
WRITTEN = "is yours to write"

# Runs the code cells of a notebook one after another and says where it ended.
RUN_LAB = """
import json, sys
import matplotlib
matplotlib.use("Agg")
cells = [c for c in json.load(open(sys.argv[1], encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
names, told = {"__name__": "__main__"}, None
for number, cell in enumerate(cells, 1):
    try:
        exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    except Exception as error:
        told = {"cell": number, "kinds": [c.__name__ for c in type(error).__mro__], "message": str(error)}
        break
print("\\n" + json.dumps({"cells": len(cells), "stopped": told}))
"""


# Checks the folder so many times in one session, as `tito check --watch` does after each save.
WATCH = """
import sys
from pathlib import Path
from autograder.check import Session
from autograder.course import load_course
from autograder.submit import recognise_assignment
course = load_course()
with Session(course, recognise_assignment(course, Path()), Path(), quick=True) as session:
    for _ in range(int(sys.argv[1])):
        session.check()
"""
LATER = 3  # checks of a session beyond the first; what one of them costs is their mean


@dataclass(frozen=True)
class Step:
    """One thing that the newcomer did, what came of it, and what it cost. `name` is set where a summary wants it."""

    told: str
    cpu_seconds: float
    output: str
    name: str = ""


@dataclass(frozen=True)
class Home:
    """The newcomer's folders and environment."""

    course: Path
    workspace: Path
    scripts: Path

    def tito(self, *words: str, status: int | None = 0) -> Step:
        """Run the installed `tito` in the workspace; UserError unless it ends with `status` (None: any but a fault)."""
        name = "tito.exe" if os.name == "nt" else "tito"
        return ran([str(self.scripts / name), *words], self.workspace, status)

    def python(self, *words: str) -> Step:
        name = "python.exe" if os.name == "nt" else "python"
        return ran([str(self.scripts / name), *words], self.workspace, 0)


def play(
    course: Course, assignment: Assignment, released: Path, folder: Path, packages: Path | None = None
) -> Iterator[Step]:
    """The whole way of one assignment; UserError says where it ends.

    Args:
        folder: an empty one, to work in.
        packages: a site-packages folder to stand on; without it everything is installed from the network.
    """
    home = unpack(assignment, released, folder)
    install = ["--packages", str(packages)] if packages else []
    yield replace(ran([sys.executable, "install.py", *install], home.course, 0), name="install")
    yield home.tito("doctor", status=0)
    yield home.tito("start")
    first = home.tito("check", status=1)
    require("0 of " in first.output, assignment, f"the untouched stub passes something: {first.output}")
    yield replace(first, name="first check")
    yield lab_on_stub(assignment, home)
    yield home.tito("hint")
    type_solution(course, assignment, home.workspace)
    yield replace(home.tito("check", status=0), name="check")
    yield watching(home)
    yield home.tito("submit")
    status = home.tito("status")
    require(f"passed  {assignment.short}" in status.output, assignment, f"not in status: {status.output}")
    yield status
    yield grade(course, assignment, home.workspace / f"{assignment.short}_submission.zip", folder)


def watching(home: Home) -> Step:
    """What a check costs that is not the first of its session."""
    once, more = (home.python("-c", WATCH, str(rounds)) for rounds in (1, 1 + LATER))
    each = max(0.0, (more.cpu_seconds - once.cpu_seconds) / LATER)
    return Step("a later check of tito check --watch", each, more.output, "watch")


def unpack(assignment: Assignment, released: Path, folder: Path) -> Home:
    """Unzip, as any program would."""
    with zipfile.ZipFile(released) as archive:
        archive.extractall(folder)
    course = folder / TOP
    scripts = course / ".venv" / ("Scripts" if os.name == "nt" else "bin")
    return Home(course, course / assignment.key, scripts)


def site_packages(folder: Path) -> Path:
    """Where the environment of a newcomer in `folder` keeps its packages."""
    return next((folder / TOP / ".venv").rglob("site-packages"))


def type_solution(course: Course, assignment: Assignment, workspace: Path) -> None:
    for path in assignment.writes:
        (workspace / path).write_text(read_text(course.solution(assignment.key) / path), encoding="utf-8")


def lab_on_stub(assignment: Assignment, home: Home) -> Step:
    """The lab runs up to the first blank, and says which one that is."""
    step = home.python("-c", RUN_LAB, "lab.ipynb")
    stopped = json.loads(step.output.strip().splitlines()[-1])["stopped"]
    clear = stopped is not None and "NotImplementedError" in stopped["kinds"] and WRITTEN in stopped["message"]
    require(clear, assignment, f"the lab on the stub does not end at a blank with a clear message: {stopped}")
    return Step(f"lab on the stub: cell {stopped['cell']}: {stopped['message']}", step.cpu_seconds, step.output, "lab")


def grade(course: Course, assignment: Assignment, upload: Path, folder: Path) -> Step:
    """Full marks, by the course's own grader."""
    order = [sys.executable, "-m", "autograder", "grade", assignment.key, str(upload)]
    order += ["--out", str(folder / "graded"), "--allow-weak-sandbox", "--quiet"]
    with environment(TITO_COURSE=str(course.root / FILE)) as env:
        step = ran(order, folder, 0, env)
    results = json.loads(next((folder / "graded").rglob("results.json")).read_text(encoding="utf-8"))
    earned = sum(row.get("score", 0) for row in results["tests"])
    require(earned == assignment.points, assignment, f"the solution's text gets {earned:g} points: {step.output}")
    return Step(f"graded: {earned:g} of {assignment.points}", step.cpu_seconds, step.output, "grade")


def require(holds: bool, assignment: Assignment, problem: str) -> None:
    if not holds:
        raise UserError(message("release.not_proved", key=assignment.key, problem=problem))


def ran(order: list[str], folder: Path, status: int | None, env: dict[str, str] | None = None) -> Step:
    """Run a command and measure its CPU time, that of its children included."""
    with environment() as clean:
        before = os.times()
        done = subprocess.run(order, cwd=folder, env=env or clean, capture_output=True, text=True, encoding="utf-8")
        after = os.times()
    words = " ".join(Path(word).name if n == 0 else word for n, word in enumerate(order[:4]) if "\n" not in word)
    if done.returncode not in ((0, 1) if status is None else (status,)):
        problem = f"'{words}' ended with status {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        raise UserError(message("release.not_proved", key=folder.name, problem=problem))
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Step(words, used, done.stdout + done.stderr)


@contextmanager
def environment(**more: str) -> Iterator[dict[str, str]]:
    """A newcomer's environment variables."""
    plain = {name: value for name, value in os.environ.items() if name not in OWN}
    yield {**plain, "PYTHONIOENCODING": "utf-8", "OPENBLAS_NUM_THREADS": "1", **more}
