"""`tito new`: the skeleton of an assignment and its entry in course.yaml."""

from __future__ import annotations

from datetime import datetime

import click
from rich.text import Text

from autograder.cli.show import plain_console
from autograder.course import load_course
from autograder.scaffold import Plan, new


@click.command("new")
@click.argument("key")
@click.option("--title", required=True, help="What the assignment is called.")
@click.option("--requires", multiple=True, metavar="KEY", help="A direct prerequisite; may be repeated, or a,b.")
@click.option("--question", default="", help="The capability, as a question: 'Can I ...?'")
@click.option("--part", default="", help="The part of the course (default: that of the last assignment).")
@click.option("--writes", default="", metavar="FILE", help="The file to write (default: tinytorch/core/NAME.py).")
@click.option("--points", type=click.IntRange(min=4), default=100, show_default=True)
@click.option("--due", type=click.DateTime(), help="Local time (default: a week after the last assignment).")
def command(
    key: str,
    title: str,
    requires: tuple[str, ...],
    question: str,
    part: str,
    writes: str,
    points: int,
    due: datetime | None,
) -> None:
    """Make the assignment KEY (aNN_name): a folder in solutions/ and an entry in course.yaml."""
    needed = tuple(name for text in requires for name in text.split(",") if name)
    made = new(load_course(), Plan(key, title, needed, question, part, writes, points, due))
    console = plain_console()
    for path in made.files:
        console.print(Text(f"wrote {path}"))
    short = made.key.split("_")[0]
    console.print(Text(f"next: edit solutions/{made.key}, then: tito build {short}; tito validate {short} --write"))
