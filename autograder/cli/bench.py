"""`tito bench`: TinyTorch and PyTorch in turn, in one run. The cases and the comparison: tinytorch_ref/benchmarks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from difflib import get_close_matches
from pathlib import Path

import click

from autograder import compose
from autograder.course import load_course
from autograder.errors import GraderError, UserError

FILES = ("bench.json", "bench.png")


@click.command("bench")
@click.argument("cases", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("runs/bench"), show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--rounds", type=click.IntRange(3), default=21, show_default=True, help="Blocks a side.")
@click.option("--torch-python", help="The Python that has PyTorch  [default: this one, if it has].")
def command(cases: tuple[str, ...], out: Path, threads: int, rounds: int, torch_python: str | None) -> None:
    """Compare CASES (default: all): a table, bench.json in OUT and, where PyTorch takes part, a plot of the ratios."""
    course = load_course()
    benchmarks = course.frame.parent / "benchmarks"
    if torch_python is not None:
        _check_python(torch_python)
    with tempfile.TemporaryDirectory(prefix="tito-bench-") as folder:
        made = compose.compose(course, compose.reference_layers(course), Path(folder) / "reference", linked=True)
        paths = [str(made.path), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        _check_names(cases, benchmarks, environment)
        for name in FILES:  # of an earlier run: they would be taken for this one's
            (out / name).unlink(missing_ok=True)
        order = [sys.executable, str(benchmarks / "compare.py"), *cases, "--out", str(out)]
        order += ["--threads", str(threads), "--rounds", str(rounds), "--torch-python", torch_python or sys.executable]
        status = subprocess.run(order, env=environment).returncode
    for name in FILES:
        if (out / name).is_file():
            click.echo(f"wrote {out / name}")
    sys.exit(status)


def _check_names(wanted: tuple[str, ...], benchmarks: Path, environment: dict[str, str]) -> None:
    """Names are checked before anything is measured; the cases say themselves what they are called."""
    tell = "import json, cases; print(json.dumps(list(cases.CASES)))"
    done = subprocess.run([sys.executable, "-c", tell], cwd=benchmarks, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise GraderError(f"the cases in {benchmarks} cannot be read:\n{done.stderr}")
    known = json.loads(done.stdout)
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(known)}"
            raise UserError(f"no benchmark is called '{name}'; {hint}")


def _check_python(torch_python: str) -> None:
    """A Python that was asked for has to be one, and to have PyTorch: our times alone are not what was wanted."""
    find = "import importlib.util, sys; sys.exit(0 if importlib.util.find_spec('torch') else 7)"
    try:
        status = subprocess.run([torch_python, "-c", find], capture_output=True).returncode
    except OSError as error:
        raise UserError(f"--torch-python {torch_python} cannot be run: {error.strerror}; give a Python") from error
    if status == 7:
        raise UserError(f"PyTorch is not installed for {torch_python}; install it there, or leave --torch-python out")
    if status:
        raise UserError(f"--torch-python {torch_python} is no Python that runs; give one that has PyTorch")
