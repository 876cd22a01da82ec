"""`tito hint`: three levels of help with one public case, never the answer."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from autograder import hints, progress
from autograder.check import check, tests_folder
from autograder.cli.show import plain_console
from autograder.course import Assignment, Course, load_course
from autograder.errors import UserError
from autograder.judge.cases import Status
from autograder.messages import message
from autograder.submit import recognise_assignment


@click.command("hint")
@click.argument("assignment", required=False)
@click.argument("case", required=False)
@click.option("-l", "--level", type=click.IntRange(1, hints.LEVELS), default=1, show_default=True)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="Where your work is.",
)
def command(assignment: str | None, case: str | None, level: int, folder: Path) -> None:
    """Give a hint on CASE of ASSIGNMENT: its name, its file's name or its title (default: the first that fails).

    Level 1 says what the case looks at, level 2 where in the handout to read, level 3 which idea is missing, if what
    fails speaks for one.
    """
    course = load_course()
    chosen = course.assignment(assignment) if assignment else recognise_assignment(course, folder)
    place = folder if any((folder / path).is_file() for path in chosen.writes) else course.root / chosen.key
    tests = tests_folder(course, chosen, place)
    failing, unwritten = _failing(course, chosen, place)
    if case is None:
        if not failing:
            raise UserError(message("hint.nothing_failing", key=chosen.key))
        case = failing[0]
    judged = tuple(key for key in failing if key not in unwritten)
    found = hints.hint(course, chosen, tests, case, level, judged)
    console = plain_console()
    console.print(Text(f"{found.case.key} (level {found.level} of {hints.LEVELS})", style="bold"))
    for line in found.lines:
        console.print(Text(f"  {line}"))


def _failing(course: Course, assignment: Assignment, folder: Path) -> tuple[tuple[str, ...], frozenset[str]]:
    """The failing cases and those of them that are not written: as last recorded for these files, else checked now."""
    work = progress.digest(assignment, folder)
    for entry in reversed(progress.read(course.root).of("check", assignment.key)):
        if entry.work == work and not entry.question:
            return entry.failing, frozenset(entry.unwritten)
    cases = check(course, assignment, folder).cases
    failing = tuple(case.key for case in cases if case.status is not Status.PASSED)
    return failing, frozenset(case.key for case in cases if case.unwritten)
