"""`tito check`: run an assignment's public tests on the work in a folder, once or whenever a file is saved."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from autograder import progress, start
from autograder.check import Checked, Session
from autograder.cli.show import case_line, plain_console
from autograder.course import Assignment, Course, load_course
from autograder.errors import UserError
from autograder.submit import recognise_assignment
from autograder.watch import saves


@click.command("check")
@click.argument("assignment", required=False)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("."),
    help="Where your work is.",
)
@click.option("-q", "--question", help="Only this test file, e.g. 'arithmetic'.")
@click.option("--watch", is_flag=True, help="Go on, and check again whenever you save; Ctrl-C ends it.")
def command(assignment: str | None, folder: Path, question: str | None, watch: bool) -> None:
    """Run the public tests of ASSIGNMENT (recognised from the folder when omitted)."""
    course = load_course()
    chosen = course.assignment(assignment) if assignment else recognise_assignment(course, folder)
    console = plain_console()
    console.print(Text(f"{chosen.key}: {chosen.question}", style="bold"))
    _stands_on(console, course, chosen, folder)
    with Session(course, chosen, folder, quick=watch) as session:
        if watch:
            _watch(console, session, question)
        else:
            checked = _once(console, session, question)
            sys.exit(0 if checked.cases and checked.passed == len(checked.cases) else 1)


def _watch(console: Console, session: Session, question: str | None) -> None:
    try:
        for _ in saves(session.assignment, session.workspace):
            try:
                _once(console, session, question)
            except UserError as error:
                console.print(Text(f"error: {error}", style="red"))
            console.print(Text("waiting for the next save (Ctrl-C ends it)", style="dim"))
    except KeyboardInterrupt:
        console.print("stopped")


def _once(console: Console, session: Session, question: str | None) -> Checked:
    checked = session.check(question, lambda result: case_line(console, result))
    summary(console, checked)
    if checked.cases:
        problem = progress.record_check(session.course, session.assignment, session.workspace, checked.cases, question)
        if problem:
            console.print(Text(f"note: {problem}", style="yellow"))
    return checked


def _stands_on(console: Console, course: Course, assignment: Assignment, folder: Path) -> None:
    """Said only where it is not the usual: on the reference of everything earlier."""
    if own := start.own_earlier(folder):
        rest = [course.by_key[key].short for key in course.closure(assignment.key) if key not in own]
        mine = ", ".join(course.by_key[key].short for key in own)
        other = f", on the reference for {', '.join(rest)}" if rest else ""
        console.print(Text(f"standing on your own {mine}{other}", style="dim"))


def summary(console: Console, checked: Checked) -> None:
    for finding in checked.findings:
        console.print(Text(str(finding), style="red" if finding.fatal else "yellow"))
    for note in checked.notes:
        console.print(Text(note, style="red"))
    if checked.cases:
        points = sum(case.earned for case in checked.cases)
        possible = sum(case.points for case in checked.cases)
        console.print(
            Text(
                f"{checked.passed} of {len(checked.cases)} public cases pass ({points:g} of {possible:g} points)",
                style="bold",
            )
        )
        if checked.passed < len(checked.cases):
            console.print(Text(f"stuck? tito hint {checked.assignment.split('_')[0]}", style="dim"))
        console.print(
            "Hidden cases look closer; the handout's section 'What the tests look for' names them.", style="dim"
        )
