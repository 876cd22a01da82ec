"""`tito release`: write the zip that students get, after proving that it gives nothing away."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.text import Text

from autograder.cli.show import plain_console
from autograder.course import load_course
from autograder.errors import UserError


@click.command("release")
@click.argument("assignments", nargs=-1)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("dist"), show_default=True, metavar="DIR",
    help="Where to write aNN_name.zip.",
)  # fmt: skip
@click.option("--own-prerequisites", is_flag=True, help="Without the reference: students stand on their own layers.")
@click.option("--prove", is_flag=True, help="Play a newcomer with it: unzip, install, check, write, submit, grade.")
def command(assignments: tuple[str, ...], out: Path, own_prerequisites: bool, prove: bool) -> None:
    """Write the students' zip of ASSIGNMENTS (default: all that are written).

    The same course gives the same bytes. Nothing is written that holds a solution line of the assignment or a later
    one, a hidden case or a misconception.
    """
    from autograder.release import newcomer, release

    course = load_course()
    console = plain_console()
    unproved: list[str] = []
    for chosen in [course.assignment(name) for name in assignments] or list(course.written()):
        made = release(course, chosen, out, own_prerequisites)
        line = f"wrote {made.path} ({made.files} files, {made.size >> 10} KB, sha256 {made.sha256[:12]})"
        console.print(Text(line))
        for note in made.notes:
            console.print(Text(note, style="yellow"))
        if not prove:
            continue
        try:
            for step in newcomer.play(course, chosen, made.path):
                console.print(Text(f"  {step.told} ({step.cpu_seconds:.1f} CPU s)", style="dim"))
            console.print(Text("  proved: from the zip to full marks", style="green"))
        except UserError as error:
            unproved.append(chosen.key)
            console.print(Text(f"  {error}", style="red"))
    if unproved:
        console.print(Text(f"not proved: {', '.join(unproved)}", style="red"))
        sys.exit(1)
