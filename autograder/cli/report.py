"""`tito report`: a batch on one page of HTML, and in short on the terminal."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from autograder.batch.gradebook import NAME, Gradebook
from autograder.course import load_course
from autograder.errors import UserError
from autograder.report.similarity import LIKE


@click.command("report")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--gradebook",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="TITO_GRADEBOOK",
    help="The gradebook's file.  [default: $TITO_GRADEBOOK, else gradebook.sqlite in DIR]",
)
@click.option(
    "--similar", type=click.FloatRange(0.1, 1.0), default=LIKE, show_default=True,
    help="From which share of common code on two uploads are listed as similar.",
)  # fmt: skip
@click.option("--no-similarity", is_flag=True, help="Do not compare uploads with each other.")
@click.option("--quiet", is_flag=True, help="Only write the page.")
def command(folder: Path, gradebook: Path | None, similar: float, no_similarity: bool, quiet: bool) -> None:
    """Write DIR/report.html about the batch whose results lie in DIR (the --out of tito grade)."""
    from autograder.report import page, summary
    from autograder.report.gather import assignment_of, gather

    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; give the --out of tito grade")
    course = load_course()
    console = Console(highlight=False, soft_wrap=True)
    with Gradebook(gradebook or folder / NAME, existing=True) as book:
        assignment = assignment_of(book, course, folder)
        found = gather(book, course, assignment, folder, None if no_similarity else similar)
    path = page.write(found, folder)
    if not quiet:
        summary.show(console, found)
    console.print(Text(f"wrote {path}"))
