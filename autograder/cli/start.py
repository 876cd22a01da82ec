"""`tito start`: make an assignment's workspace ready, on one's own earlier layers where they are finished."""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.text import Text

from autograder.cli.show import plain_console
from autograder.course import load_course
from autograder.start import start
from autograder.submit import recognise_assignment

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("start")
@click.argument("assignment", required=False)
@click.option("--from", "sources", multiple=True, type=FOLDER, metavar="FOLDER", help="Where else earlier work is.")
@click.option("--into", type=FOLDER, metavar="FOLDER", help="The workspace (default: the assignment's folder).")
@click.option("--reference", is_flag=True, help="Stand on the reference of every earlier assignment.")
def command(assignment: str | None, sources: tuple[Path, ...], into: Path | None, reference: bool) -> None:
    """Prepare the workspace of ASSIGNMENT (recognised from the folder when omitted).

    Your own finished earlier layers are taken where they have passed `tito check`, the reference elsewhere. What you
    have written in the workspace is never touched.
    """
    course = load_course()
    chosen = course.assignment(assignment) if assignment else recognise_assignment(course, Path())
    if assignment is None and into is None:
        into = Path().resolve()
    started = start(course, chosen, sources, into, reference)
    console = plain_console()
    console.print(Text(f"{chosen.key}: {chosen.question}", style="bold"))
    for choice in started.choices:
        own = choice.origin == "student"
        why = f" ({choice.folder})" if own else f": {choice.reason}"
        line = f"  {choice.assignment}: {'your own' if own else 'the reference'}{why}"
        console.print(Text(line, style="green" if own else ""))
    if started.adopted:
        console.print(Text(f"took over {started.adopted} entries of your progress"))
    state = "made" if started.created else "ready"
    shown = os.path.relpath(started.workspace)
    console.print(Text(f"{state}: {shown}; next: read README.md there, then run: tito check"))
