"""`tito checkpoint`: milestones at home, on one's own layers."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.text import Text

from autograder import checkpoint, progress
from autograder.cli.show import case_line, plain_console
from autograder.course import load_course


@click.group("checkpoint")
def command() -> None:
    """The milestones, on your own layers."""


@command.command("list")
def list_command() -> None:
    """The milestones: what each asks, and how far you are."""
    course = load_course()
    console = plain_console()
    for standing in progress.standings(course, progress.read(course.root))[1]:
        subject = standing.subject
        waits = f"  after {', '.join(standing.waits_for)}" if standing.waits_for else ""
        text = Text(f"{subject.key:12} {subject.year}  {subject.question}\n")
        console.print(text.append(f"{'':18}{standing.state.value}{waits}", style="dim"))


@command.command("test")
@click.argument("name")
@click.option(
    "--from", "sources", multiple=True, type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Where else your layers are.",
)  # fmt: skip
def test_command(name: str, sources: tuple[Path, ...]) -> None:
    """Run milestone NAME on your finished layers, with the reference for the others. It may take minutes.

    Ends with status 0 when the milestone is reached.
    """
    course = load_course()
    milestone = course.milestone(name)
    choices = checkpoint.choose(course, milestone, sources)
    console = plain_console()
    console.print(Text(f"{milestone.year} {milestone.title}: {milestone.question}", style="bold"))
    for choice in choices:
        own = choice.origin == "student"
        told = f"your own ({choice.folder})" if own else f"the reference: {choice.reason}"
        console.print(Text(f"  {choice.assignment}: {told}", style="green" if own else ""))
    tested = checkpoint.run(course, milestone, choices, lambda result: case_line(console, result))
    for note in tested.notes:
        console.print(Text(note, style="yellow"))
    verdict = "reached" if tested.reached else "not reached"
    own = f"{tested.own} of {len(choices)} layers your own"
    console.print(Text(f"{milestone.key}: {verdict} ({milestone.must_reach}), {own}", style="bold"))
    sys.exit(0 if tested.reached else 1)
