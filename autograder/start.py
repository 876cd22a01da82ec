"""Preparing a workspace: which earlier layers it stands on, the student's own or the reference.

`tito start a06` copies the student's finished layers into the workspace's `.tito/earlier`, with a list of them.
Finished means: nothing is left to write, and exactly these files have passed `tito check`. Where there is no such layer
the reference stands in, if the release brought it. Labs and `tito check` ask `layers_at_home`; grading never does: it
always takes the reference.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder import compose, lint, progress
from autograder.course import Assignment, Course, Milestone
from autograder.errors import UserError
from autograder.messages import message

EARLIER = ".tito/earlier"
LAYERS = "layers.json"


@dataclass(frozen=True)
class Choice:
    """Whose layer stands for an earlier assignment. `folder` is where the student's own was found, `reason` why it was
    not taken."""

    assignment: str
    origin: compose.Origin
    folder: Path | None = None
    reason: str = ""


@dataclass(frozen=True)
class Started:
    """A workspace that is ready."""

    workspace: Path
    created: bool
    choices: tuple[Choice, ...]
    adopted: int = 0


def start(
    course: Course,
    assignment: Assignment,
    sources: Iterable[Path] = (),
    into: Path | None = None,
    reference: bool = False,
) -> Started:
    """Make the workspace ready. What the student has written in it is never touched.

    Args:
        sources: where else to look for earlier work; the course's own folder is always looked at, after these.
        into: the workspace, by default the folder named after the assignment beside course.yaml.
        reference: take the reference wherever it is.

    Raises:
        UserError: the release is not here, a source is no folder, or an earlier layer is nowhere to be had.
    """
    sources = tuple(sources)
    for source in sources:
        if not source.is_dir():
            raise UserError(message("start.no_source", folder=source))
    workspace = into or course.root / assignment.key
    created = _lay_out(course, assignment, workspace)
    adopted = sum(progress.adopt(course.root, home) for source in sources for home in _homes(course, source))
    choices = tuple(choose(course, key, sources, reference) for key in course.closure(assignment.key))
    for choice in choices:
        if choice.origin == "reference" and not has_reference(course, choice.assignment):
            raise UserError(
                message("start.no_layer", key=assignment.key, needed=choice.assignment, short=assignment.short)
            )
    _keep_earlier(course, workspace, choices)
    return Started(workspace, created, choices, adopted)


def has_reference(course: Course, key: str) -> bool:
    return all((course.solution(key) / path).is_file() for path in course.by_key[key].writes)


def choose(course: Course, key: str, sources: Iterable[Path] = (), reference: bool = False) -> Choice:
    """The student's finished layer of an assignment, the first that is found, else the reference and why."""
    if reference and has_reference(course, key):
        return Choice(key, "reference", reason=message("start.reason.asked"))
    reasons = []
    for folder, logs in _candidates(course, key, tuple(sources)):
        problem = _unfinished(course, course.by_key[key], folder, logs)
        if not problem:
            return Choice(key, "student", folder)
        reasons.append(problem)
    return Choice(key, "reference", reason=reasons[0] if reasons else message("start.reason.nowhere"))


def layers_at_home(course: Course, layer: compose.Layer, workspace: Path) -> tuple[compose.Layer, ...]:
    """The layers under a student's own: what `start` has chosen for this workspace, else the reference."""
    own = own_earlier(workspace)
    short = course.by_key[layer.assignment].short
    layers = []
    for key in course.closure(layer.assignment):
        if key in own:
            layers.append(_earlier_layer(course, key, workspace, short))
        elif has_reference(course, key):
            layers.append(compose.reference_layer(course, key))
        else:
            raise UserError(message("start.no_layer", key=layer.assignment, needed=key, short=short))
    return (*layers, layer)


def milestone_layers(course: Course, milestone: Milestone, own: Mapping[str, Path]) -> tuple[compose.Layer, ...]:
    """The layers that a milestone runs on: the student's from the folders `own`, the others the reference."""
    keys = course.needed(milestone)
    return tuple(
        compose.student_layer(course, a.key, own[a.key]) if a.key in own else compose.reference_layer(course, a.key)
        for a in course.assignments
        if a.key in keys
    )


def own_earlier(workspace: Path) -> Mapping[str, str]:
    """The earlier assignments for which this workspace holds the student's own layer, and where each came from."""
    file = workspace / EARLIER / LAYERS
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _earlier_layer(course: Course, key: str, workspace: Path, short: str) -> compose.Layer:
    files = {path: workspace / EARLIER / path for path in course.by_key[key].writes}
    for file in files.values():
        if not file.is_file():
            raise UserError(message("start.lost_layer", path=file, short=short))
    return compose.Layer(key, "student", files)


# ---- looking for earlier work


def _homes(course: Course, source: Path) -> tuple[Path, ...]:
    """Where a source's log may lie: in it, or above it when it is one assignment's folder."""
    return tuple(p for p in (source, source.parent) if progress.log_file(p).is_file() and p != course.root)


def _candidates(course: Course, key: str, sources: tuple[Path, ...]) -> Iterator[tuple[Path, tuple[Path, ...]]]:
    """Folders that hold a file of the assignment, each with the homes whose logs speak of it."""
    assignment = course.by_key[key]
    for source in (*sources, course.root):
        folders = [source, *sorted(f for f in source.glob(f"{assignment.short}*") if f.is_dir())]
        for folder in folders:
            if any((folder / path).is_file() for path in assignment.writes):
                yield folder, (course.root, *_homes(course, source))


def _unfinished(course: Course, assignment: Assignment, folder: Path, homes: tuple[Path, ...]) -> str:
    """Why a student's layer cannot be stood on; empty if it can."""
    policy = lint.policy_for(course, assignment)
    for path in assignment.writes:
        if not (folder / path).is_file():
            return message("start.reason.missing", path=path)
        for finding in lint.lint_source(path, (folder / path).read_bytes(), policy):
            if finding.fatal:
                return message("start.reason.unreadable", finding=finding)
            if finding.rule == "unwritten":
                return message("start.reason.unwritten", finding=finding)
    work = progress.digest(assignment, folder)
    if not any(progress.read(home).has_passed(assignment.key, work) for home in homes):
        return message("start.reason.unchecked")
    return ""


# ---- laying out


def _lay_out(course: Course, assignment: Assignment, workspace: Path) -> bool:
    """Put the assignment's files where they are missing; whether the workspace is new."""
    shelf = course.stub(assignment.key)
    present = any((workspace / path).is_file() for path in assignment.writes)
    if not shelf.is_dir():
        if not present:
            raise UserError(message("start.no_release", key=assignment.key, root=course.root))
        return False
    for file in sorted(p for p in shelf.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        target = workspace / file.relative_to(shelf)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    return not present


def _keep_earlier(course: Course, workspace: Path, choices: Iterable[Choice]) -> None:
    place = workspace / EARLIER
    if place.exists():
        shutil.rmtree(place)
    own = {choice.assignment: choice.folder for choice in choices if choice.folder is not None}
    if not own:
        return
    for key, folder in own.items():
        for path in course.by_key[key].writes:
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / path, place / path)
    listed = {key: str(folder.resolve()) for key, folder in own.items()}
    (place / LAYERS).write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
