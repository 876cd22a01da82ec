"""`tito doctor`: is this machine ready for the course? Prints each point with its remedy."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.text import Text

from autograder.cli.show import plain_console
from autograder.course import load_course
from autograder.doctor import Level, examine

COLOURS = {Level.FINE: "green", Level.REMARK: "yellow", Level.PROBLEM: "red"}


@click.command("doctor")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path(), help="The workspace."
)
def command(folder: Path) -> None:
    """Look at Python, packages, folders, encodings, disk and kernel, and say what to do about what is wrong.

    Ends with status 1 when something will not work, 0 otherwise.
    """
    console = plain_console()
    findings = []
    for finding in examine(load_course(), folder):
        findings.append(finding)
        text = Text(f"  {finding.level.value:8}", style=COLOURS[finding.level]).append(f"{finding.what:16}")
        console.print(text.append(finding.told, style="default"))
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    remarks = sum(finding.level is Level.REMARK for finding in findings)
    told = f"{problems} problems, {remarks} remarks" if problems or remarks else "everything is in order"
    console.print(Text(told, style="bold"))
    sys.exit(1 if problems else 0)
