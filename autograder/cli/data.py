"""`tito data`: the data sets on this machine. The work is the framework's own (`tinytorch/data/`), run on the bare
frame."""

from __future__ import annotations

import sys

import click

from autograder.course import load_course
from autograder.datasets import run_data


@click.command("data")
@click.argument("job", type=click.Choice(["list", "fetch", "verify", "where"]))
@click.argument("names", nargs=-1)
def command(job: str, names: tuple[str, ...]) -> None:
    """List, fetch or verify data sets (NAMES, default all), or say where they lie.

    Fetched ones go to $TINYTORCH_DATA or the user's cache.
    """
    sys.exit(run_data(load_course(), job, *names).returncode)
