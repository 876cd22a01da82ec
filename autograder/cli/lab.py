"""`tito lab`: open an assignment's notebook in Jupyter, in the folder where it finds the work."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from autograder.course import load_course
from autograder.errors import UserError
from autograder.messages import message
from autograder.workspace import find_workspace

LAB = "lab.ipynb"


@click.command("lab")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path())
@click.option("--dry-run", is_flag=True, help="Only print what would be started.")
def command(folder: Path, dry_run: bool) -> None:
    """Open lab.ipynb of the assignment in FOLDER (default: here). It runs on your own file, as far as it is written."""
    workspace, _ = find_workspace(load_course(), folder)
    if not (workspace / LAB).is_file():
        raise UserError(message("lab.no_lab", folder=workspace))
    if find_spec("jupyterlab") is None:
        raise UserError(message("lab.no_jupyter"))
    order = [sys.executable, "-m", "jupyterlab", LAB]
    click.echo(f"in {workspace}: {' '.join(order)}")
    if not dry_run:
        sys.exit(subprocess.run(order, cwd=workspace).returncode)
