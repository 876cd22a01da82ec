"""`tito compress`: trained networks made smaller on real data, and what it costs, on the reference framework. The work,
and the names of the networks, are the frame's own (`tinytorch/compressing`)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from autograder import compose
from autograder.course import load_course


@click.command("compress")
@click.argument("networks", nargs=-1)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("runs/compress"), show_default=True
)
@click.option("--seed", type=click.IntRange(0), default=16, show_default=True)
@click.option("--epochs", type=click.IntRange(1), help="Of the first training, instead of the network's own number.")
def command(networks: tuple[str, ...], out: Path, seed: int, epochs: int | None) -> None:
    """Quantise and compress NETWORKS: mnist-mlp, mnist-lenet, cifar10-cnn, or mnist for the first two (the default).

    Each is trained (or read from OUT, if it was trained there before), then made smaller in ten ways. A table says what
    each costs in accuracy, bytes and time; OUT gets compress.json and the picture compress.png. The status is 1 if a
    quantised network is not 3.9 times smaller within a point of accuracy, or none is at a quarter of the bytes within
    one.
    """
    course = load_course()
    with tempfile.TemporaryDirectory(prefix="tito-compress-") as scratch:
        made = compose.compose(course, compose.reference_layers(course), Path(scratch) / "reference", linked=True)
        order = [
            sys.executable,
            "-m",
            "tinytorch.compressing",
            *(networks or ("mnist",)),
            "--out",
            str(out.resolve()),
            "--leash",
        ]
        order += [f"--seed={seed}", *([f"--epochs={epochs}"] if epochs else [])]
        environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": str(made.path)}
        # The pipe is a leash: when this process is killed, it closes, and the training does not go on unseen.
        with subprocess.Popen(order, env=environment, stdin=subprocess.PIPE) as running:
            sys.exit(running.wait())
