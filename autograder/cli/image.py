"""`tito image`: build the autograder image, or prove that it grades as this machine does."""

from __future__ import annotations

import sys
import time

import click
from rich.console import Console
from rich.text import Text

from autograder.course import load_course
from autograder.errors import UserError
from autograder.image import BASE, IMAGE, Compared, Engine, build, check


@click.command("image", short_help="Build the autograder image; --check compares it with tito grade.")
@click.argument("assignment", required=False)
@click.option("--tag", default=IMAGE, show_default=True, help="The image's name.")
@click.option("--base", default=BASE, show_default=True, help="The image to build on; needs Python 3.10 or later.")
@click.option("--check", "compare", is_flag=True, help="Also compare what it gives with what this machine gives.")
def command(assignment: str | None, tag: str, base: str, compare: bool) -> None:
    """Build an image that grades any assignment, or only ASSIGNMENT.

    With --check, many submissions to ASSIGNMENT (default: the first that is written) are graded on this machine, in
    the image, and in the base image after the zip's setup.sh. Exit status 1 unless all results are the same bytes.
    """
    course = load_course()
    chosen = course.assignment(assignment) if assignment else None
    engine = Engine()
    console = Console(highlight=False, soft_wrap=True)
    started = time.monotonic()
    build(course, engine, tag, base, chosen.key if chosen else "")
    console.print(Text(f"built {tag} in {time.monotonic() - started:.0f} s"))
    if not compare:
        return
    if chosen is None and not course.written():
        raise UserError("no assignment is written yet, so there is nothing to check the image with; write a solution")
    compared = check(course, chosen or course.written()[0], engine, tag, base, lambda one: _tell(console, one))
    different = [one for one in compared if one.difference]
    longest = max(one.seconds for one in compared)
    told = f"{len(compared)} comparisons, {len(different)} differ; the longest container took {longest:.1f} s"
    console.print(Text(told, style="red" if different else "bold"))
    sys.exit(1 if different else 0)


def _tell(console: Console, compared: Compared) -> None:
    same = "differs" if compared.difference else "same"
    line = f"  {compared.way:5} {compared.sample}: {same}, score {compared.score:g}, {compared.seconds:.1f} s"
    console.print(Text(line, style="red" if compared.difference else ""))
    if compared.difference:
        console.print(Text(compared.difference))
