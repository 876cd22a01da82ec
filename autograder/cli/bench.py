"""`tito bench`: TinyTorch and PyTorch in turn, in one run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from autograder import compose
from autograder.course import load_course


@click.command("bench")
@click.argument("cases", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("runs/bench"), show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--rounds", type=click.IntRange(3), default=21, show_default=True, help="Blocks a side.")
@click.option("--torch-python", default=sys.executable, help="The Python that has PyTorch (default: this one).")
def command(cases: tuple[str, ...], out: Path, threads: int, rounds: int, torch_python: str) -> None:
    """Compare CASES (default: all): ratios with intervals, a table, bench.json and a plot in OUT."""
    course = load_course()
    with tempfile.TemporaryDirectory(prefix="tito-bench-") as folder:
        made = compose.compose(course, compose.reference_layers(course), Path(folder) / "reference", linked=True)
        script = course.frame.parent / "benchmarks" / "compare.py"
        order = [sys.executable, str(script), "--out", str(out), "--threads", str(threads), "--rounds", str(rounds)]
        order += ["--torch-python", torch_python, *cases]
        environment = {**os.environ, "PYTHONPATH": str(made.path)}
        sys.exit(subprocess.run(order, env=environment).returncode)
