"""`tito generate`: text from a model that a milestone's run has saved, on the reference framework."""

from __future__ import annotations

import codecs
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from autograder import compose
from autograder.course import load_course
from autograder.errors import UserError

CHUNK = 4096  # bytes


@click.command("generate")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--prompt", default="ROMEO:\n", show_default="ROMEO: and a new line", help="What the text begins with.")
@click.option("--tokens", type=click.IntRange(0), default=500, show_default=True, help="How many are added.")
@click.option(
    "--temperature", type=click.FloatRange(0), default=0.8, show_default=True, help="0 always takes the likeliest."
)
@click.option("--top-k", type=click.IntRange(1), help="Only the K likeliest tokens.")
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), help="Only the likeliest with probability P.")
@click.option("--seed", type=click.IntRange(0), help="The same seed gives the same text.")
def command(
    folder: Path,
    prompt: str,
    tokens: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    seed: int | None,
) -> None:
    r"""Go on from a prompt with the model in FOLDER, such as runs/transformer/characters.

    The text comes as it is written. In --prompt, \n stands for a new line.
    """
    course = load_course()
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; `tito milestone run transformer` leaves models in its folder")
    if not math.isfinite(temperature):
        raise UserError(f"--temperature is a number such as 0.8, got {temperature}")
    # An argument that begins with a dash is joined to its option: argparse would take it for another option.
    options = {"prompt": prompt.replace(r"\n", "\n"), "tokens": tokens, "temperature": temperature}
    options |= {"top-k": top_k, "top-p": top_p, "seed": seed}
    given = [f"--{name}={value}" for name, value in options.items() if value is not None]
    with tempfile.TemporaryDirectory(prefix="tito-generate-") as scratch:
        made = compose.compose(course, compose.reference_layers(course), Path(scratch) / "reference", linked=True)
        order = [sys.executable, "-m", "tinytorch.milestones.transformer", "write", str(folder.resolve()), *given]
        environment = {"OPENBLAS_NUM_THREADS": "1", **os.environ, "PYTHONPATH": str(made.path)}
        with subprocess.Popen(order, env=environment, stdout=subprocess.PIPE) as writing:
            try:
                _show(writing)
            except KeyboardInterrupt:
                writing.terminate()
                raise
        sys.exit(2 if writing.returncode == 1 else writing.returncode)


def _show(writing: subprocess.Popen[bytes]) -> None:
    """What is written, as it comes: whole characters, and none that would steer the terminal."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    written = ""
    while chunk := writing.stdout.read1(CHUNK):
        written = decoder.decode(chunk)
        click.echo("".join(c if c.isprintable() or c in "\n\t" else " " for c in written), nl=False)
    if written and not written.endswith("\n"):
        click.echo()
