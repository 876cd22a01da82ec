"""Labs for the site: the student's notebook with the outputs that the reference gave, executed once for each content.

A lab is executed as `tito validate` does it (validate/labs.py). The executed notebook is kept under a digest of all it
depends on, so that a second build takes it from there. What goes to the site is the student's text again, made anew
from the solution; of the execution only the outputs are taken.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from autograder.build import make_lab
from autograder.build.text import read_text
from autograder.course import Assignment, Course
from autograder.errors import UserError

SHOWN = ("display_data", "execute_result", "stream", "error")
IGNORED = frozenset({"__pycache__", ".DS_Store", ".ipynb_checkpoints"})
CELL_SECONDS = 1800  # a build may share its machine with others; how long a lab takes is for `tito validate` to judge
TOOLS = ("numpy", "matplotlib", "nbclient", "ipykernel")


@dataclass(frozen=True)
class Lab:
    """A page's notebook: its JSON, how many figures it shows, and whether it was executed for this build."""

    assignment: str
    text: str
    figures: int
    fresh: bool


def site_lab(course: Course, assignment: Assignment, cache: Path, execute: bool = True) -> Lab:
    """The lab of an assignment as the site shows it.

    Args:
        cache: folder of executed notebooks, `<key>-<digest>.ipynb`; older ones of the same lab are removed.
        execute: otherwise the notebook has no outputs, and says so.

    Raises:
        UserError: the lab did not run to its end, or drew nothing.
    """
    source = read_text(course.solution(assignment.key) / "lab.py")
    notebook = json.loads(make_lab(source, assignment.key, "lab.py"))
    if not execute:
        notebook["cells"].insert(1, _note("This copy of the site was built without executing the labs."))
        return Lab(assignment.key, _finished(notebook), 0, False)
    kept = cache / f"{assignment.key}-{digest(course, assignment)}.ipynb"
    fresh = not kept.is_file()
    if fresh:
        _execute(course, assignment, kept)
    executed = json.loads(kept.read_text(encoding="utf-8"))
    figures = _take_outputs(notebook, executed)
    return Lab(assignment.key, _finished(notebook), figures, fresh)


def digest(course: Course, assignment: Assignment) -> str:
    """Of everything that a lab's outputs depend on: its text, the framework below it, the data, the tools."""
    found = hashlib.sha256()
    for name in TOOLS:
        found.update(f"{name} {metadata.version(name)}\0".encode())
    solution = course.solution(assignment.key)
    roots = [solution / "lab.py", solution / "tinytorch", solution / "tests", course.frame]
    roots += [course.solution(key) / "tinytorch" for key in course.closure(assignment.key)]
    registry = course.datasets / "registry.json"
    roots += [registry] if registry.is_file() else []
    add_files(found, course.root, roots)
    return found.hexdigest()[:16]


def add_files(found: Any, root: Path, places: Iterable[Path]) -> None:
    """Feed the paths (below `root`) and contents of files and folders to a hash."""
    for place in places:
        for file in _files(place):
            found.update(f"{file.relative_to(root).as_posix()}\0".encode())
            found.update(hashlib.sha256(file.read_bytes()).digest())


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(name for name in folders if name not in IGNORED)
        yield from (Path(folder) / name for name in sorted(names) if not name.endswith(".pyc"))


def _execute(course: Course, assignment: Assignment, kept: Path) -> None:
    from autograder.validate.labs import run_lab

    kept.parent.mkdir(parents=True, exist_ok=True)
    trial = kept.with_suffix(".part")
    if problem := run_lab(course, assignment, trial, CELL_SECONDS):
        trial.unlink(missing_ok=True)
        raise UserError(f"{assignment.key}: {problem}\nThe site shows executed labs only; run: tito validate")
    for old in kept.parent.glob(f"{assignment.key}-*.ipynb"):
        old.unlink()
    trial.replace(kept)


def _take_outputs(notebook: dict[str, Any], executed: dict[str, Any]) -> int:
    """Give the student's cells the outputs of the executed ones; returns the number of figures."""
    cells, sources = notebook["cells"], executed["cells"]
    if [_text(c) for c in cells] != [_text(c) for c in sources]:
        raise UserError("an executed lab is not the student's lab; remove .tito/site and build again")
    figures, heading = 0, "the lab"
    for cell, done in zip(cells, sources, strict=True):
        if cell["cell_type"] != "code":
            found = re.findall(r"^#+ +(.+)$", _text(cell), re.MULTILINE)
            heading = found[-1] if found else heading
            continue
        cell["outputs"] = [output for output in done["outputs"] if _is_shown(output)]
        drawn = sum("image/png" in output.get("data", {}) for output in cell["outputs"])
        if drawn:
            # The text around a figure says what is to be seen in it; this says which one it is.
            alt = f"Figure of the section {heading.strip('`')}, drawn by the code above it."
            cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
        figures += drawn
    return figures


def _is_shown(output: dict[str, Any]) -> bool:
    """The workspace that a lab opens is a folder of this machine: no news to a reader."""
    told = "".join(output.get("data", {}).get("text/plain", ""))
    return output["output_type"] in SHOWN and not told.startswith("Workspace(folder=")


def _text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _finished(notebook: dict[str, Any]) -> str:
    notebook["cells"] = [cell for cell in notebook["cells"] if _text(cell).strip()]
    return json.dumps(notebook, indent=1) + "\n"


def _note(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": "site-note", "metadata": {}, "source": f"*{text}*"}
