"""`tito gradescope`: write the zip that turns an assignment on Gradescope into an autograded one."""

from __future__ import annotations

import math
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from autograder.course import load_course
from autograder.gradescope import write_zip
from autograder.gradescope.entry import LAST, MARGIN


@click.command("gradescope", short_help="Write autograder.zip for Gradescope.")
@click.argument("assignment")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Where to write the zip (default: dist/aNN_autograder.zip in the course's folder).",
)  # fmt: skip
def command(assignment: str, out: Path | None) -> None:
    """Write the zip with everything that grades ASSIGNMENT, hidden tests included. Give it to nobody but Gradescope."""
    course = load_course()
    chosen = course.assignment(assignment)
    if out is None:
        out = course.root / "dist" / f"{chosen.short}_autograder.zip"
        out.parent.mkdir(exist_ok=True)
    written = write_zip(course, chosen, out)
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"wrote {written} ({written.stat().st_size / 2**20:.1f} MB)"))
    minutes = math.ceil((course.limits_of(chosen).submission_seconds + MARGIN + LAST) / 60)
    for line in (
        f"1. On Gradescope create a programming assignment with {chosen.points} autograder points.",
        f"2. Configure its autograder: upload {written.name}, Ubuntu 22.04, a time-out of at least {minutes} minutes.",
        "3. Test it with a student's zip (`tito submit` makes one) and compare with `tito grade`.",
    ):
        console.print(Text(line))
