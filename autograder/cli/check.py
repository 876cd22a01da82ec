"""`tito check`: run an assignment's public tests on the work in a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from autograder.check import Checked, check
from autograder.cli.grade import MARKS, indented
from autograder.course import load_course
from autograder.judge.cases import CaseResult, Status
from autograder.submit import recognise_assignment


@click.command("check")
@click.argument("assignment", required=False)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("."),
    help="Where your work is.",
)
@click.option("-q", "--question", help="Only this test file, e.g. 'arithmetic'.")
def command(assignment: str | None, folder: Path, question: str | None) -> None:
    """Run the public tests of ASSIGNMENT (recognised from the folder when omitted)."""
    course = load_course()
    chosen = course.assignment(assignment) if assignment else recognise_assignment(course, folder)
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"{chosen.key}: {chosen.question}", style="bold"))
    checked = check(course, chosen, folder, question, lambda result: line(console, result))
    summary(console, checked)
    sys.exit(0 if checked.cases and checked.passed == len(checked.cases) else 1)


def line(console: Console, result: CaseResult) -> None:
    """One case as it ends."""
    mark, colour = MARKS.get(result.status, ("no", "red"))
    text = Text(f"  {mark} ", style=colour).append(f"{result.file}: {result.title}", style="default")
    console.print(text.append(f"  ({result.points:g})", style="dim"))
    if result.status is not Status.PASSED:
        console.print(Text(indented(result.message)))


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
        console.print(
            "Hidden cases look closer; the handout's section 'What the tests look for' names them.", style="dim"
        )
