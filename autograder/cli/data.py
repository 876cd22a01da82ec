"""`tito data`: the data sets on this machine. The work is the framework's own (`tinytorch/data/`), run on the bare
frame."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from autograder import compose
from autograder.course import load_course


@click.command("data")
@click.argument("job", type=click.Choice(["list", "fetch", "verify"]))
@click.argument("names", nargs=-1)
def command(job: str, names: tuple[str, ...]) -> None:
    """List, fetch or verify data sets (NAMES, default all). Fetched ones go to $TINYTORCH_DATA or the user's cache."""
    course = load_course()
    with tempfile.TemporaryDirectory(prefix="tito-data-") as folder:
        made = compose.compose(course, [], Path(folder) / "frame", linked=True)
        environment = {**os.environ, "PYTHONPATH": str(made.path)}
        sys.exit(subprocess.run([sys.executable, "-m", "tinytorch.data", job, *names], env=environment).returncode)
