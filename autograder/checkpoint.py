"""A milestone at home: the given program on all of a student's finished layers, judged by the milestone's own tests.

Like `tito check` this runs without a fence, in a process of its own; what is reached is recorded. `tito milestone run`
is the graders' way, inside the sandbox, and names the layer that stands in the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder import progress, start
from autograder.check import Session
from autograder.course import Course, Milestone
from autograder.datasets import Datasets
from autograder.errors import UserError
from autograder.judge.cases import CaseResult, Status
from autograder.messages import message


@dataclass(frozen=True)
class Tested:
    """How a milestone went: whose layers it ran on, and its cases."""

    choices: tuple[start.Choice, ...]
    cases: tuple[CaseResult, ...]
    notes: tuple[str, ...]

    @property
    def reached(self) -> bool:
        return bool(self.cases) and all(case.status is Status.PASSED for case in self.cases)

    @property
    def own(self) -> int:
        return sum(choice.origin == "student" for choice in self.choices)


def choose(course: Course, milestone: Milestone, sources: Iterable[Path] = ()) -> tuple[start.Choice, ...]:
    """Whose layer stands for each assignment that a milestone runs on.

    Raises:
        UserError: its tests or an assignment are not here, or nothing of it would be the student's.
    """
    sources = tuple(sources)
    keys = [a.key for a in course.assignments if a.key in course.needed(milestone)]
    if not (course.home(milestone) / "tests" / "probes.py").is_file():
        raise UserError(message("checkpoint.not_here", name=milestone.key, key=keys[-1]))
    choices = tuple(start.choose(course, key, sources) for key in keys)
    if not any(choice.origin == "student" for choice in choices):
        raise UserError(message("checkpoint.no_own", name=milestone.key))
    for choice in choices:
        if choice.origin == "reference" and not start.has_reference(course, choice.assignment):
            short = course.by_key[choice.assignment].short
            raise UserError(message("start.no_layer", key=milestone.key, needed=choice.assignment, short=short))
    for name in milestone.datasets:
        Datasets(course).folder(name)
    return choices


def run(
    course: Course,
    milestone: Milestone,
    choices: tuple[start.Choice, ...],
    finished: Callable[[CaseResult], None] = lambda result: None,
) -> Tested:
    """Run the milestone on these layers and record what came of it."""
    own = {choice.assignment: choice.folder for choice in choices if choice.folder is not None}
    with Session(course, milestone, course.root, own) as session:
        checked = session.check(None, finished)
    problem = _record(course, milestone, choices, checked.cases)
    notes = (*checked.notes, problem) if problem else checked.notes
    return Tested(choices, checked.cases, notes)


def _record(
    course: Course, milestone: Milestone, choices: tuple[start.Choice, ...], cases: tuple[CaseResult, ...]
) -> str:
    failing = tuple(case.key for case in cases if case.status is not Status.PASSED)
    layers = {choice.assignment: choice.origin for choice in choices}
    passed = len(cases) - len(failing)
    entry = progress.Entry(
        "checkpoint", milestone.key, progress.now(), "", str(course.root), len(cases), passed, failing, layers=layers
    )
    try:
        progress.append(course.root, [entry])
    except OSError as error:
        return message("progress.unwritable", file=progress.log_file(course.root), reason=error.strerror)
    return ""
