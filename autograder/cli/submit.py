"""`tito submit`: write the zip to upload, after the checks that the grader would make before running any test."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from autograder.course import load_course
from autograder.submit import SubmitReport, recognise_assignment, write_submission


@click.command("submit", short_help="Write the zip to upload.")
@click.argument("assignment", required=False)
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path(), metavar="DIR",
    help="The assignment's folder (default: here).",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE",
    help="Where to write the zip (default: aNN_submission.zip in the folder).",
)  # fmt: skip
def command(assignment: str | None, folder: Path, out: Path | None) -> None:
    """Write the zip of ASSIGNMENT (a01, or recognised from the folder) that you upload to Gradescope.

    The zip holds the files that the assignment asks for and reflection.md. Nothing is written when the grader would
    refuse it.
    """
    course = load_course()
    chosen = course.assignment(assignment) if assignment else recognise_assignment(course, folder)
    _show(write_submission(course, chosen, folder, out))


def _show(report: SubmitReport) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for warning in report.warnings:
        console.print(Text(f"note: {warning}", style="yellow"))
    console.print(Text(f"wrote {report.path} ({report.size} bytes, sha256 {report.sha256[:12]})"))
    for name in report.files:
        console.print(Text(f"  {name}"))
    console.print("Upload this file to Gradescope.")
