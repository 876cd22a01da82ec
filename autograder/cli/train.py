"""`tito train`: run a training recipe on the reference framework. The training is the frame's own
(`tinytorch/recipes.py`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from autograder import compose
from autograder.course import load_course
from autograder.errors import UserError
from autograder.recipe import Recipe, find_recipe, load_recipe


@click.command("train")
@click.argument("recipe")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="The run's folder  [default: runs/NAME]")
@click.option("--resume", is_flag=True, help="Go on with the run in that folder.")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's number.")
@click.option("--seed", type=click.IntRange(0), help="Instead of the recipe's seed.")
def command(recipe: str, out: Path | None, resume: bool, epochs: int | None, seed: int | None) -> None:
    """Train as RECIPE says: the name of a file in config/recipes, or a path. Everything is left in one folder.

    A run that was stopped, killed even, goes on with --resume and ends with the weights of an undisturbed one.
    """
    course = load_course()
    wanted = load_recipe(find_recipe(course, recipe)).changed(epochs, seed)
    folder = (out or Path("runs") / wanted.name).resolve()
    plain = wanted.model_dump(mode="json")
    _check_folder(folder, wanted, resume)
    with tempfile.TemporaryDirectory(prefix="tito-train-") as scratch:
        made = compose.compose(course, compose.reference_layers(course), Path(scratch) / "reference", linked=True)
        config = Path(scratch) / "config.json"
        config.write_text(json.dumps(plain), encoding="utf-8")
        order = [sys.executable, "-m", "tinytorch.recipes", str(config), str(folder), "--leash"]
        order += ["--resume"] if resume else []
        # One thread unless told otherwise: small matrices gain nothing from more, and results stay the same anywhere.
        environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": str(made.path)}
        # The pipe is a leash: when this process is killed, it closes, and the training does not go on unseen.
        with subprocess.Popen(order, env=environment, stdin=subprocess.PIPE) as training:
            sys.exit(training.wait())


def _check_folder(folder: Path, wanted: Recipe, resume: bool) -> None:
    """A run is never overwritten by accident, nor resumed as something else."""
    begun = folder / "config.json"
    if not begun.is_file():
        if resume:
            raise UserError(f"there is no run in {folder} to go on with; leave --resume out to begin one")
        return
    if not resume:
        raise UserError(f"{folder} holds a run already; --resume goes on with it, --out chooses another folder")
    try:
        before = Recipe.model_validate(json.loads(begun.read_text(encoding="utf-8"))["config"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{begun} is not what a run leaves there; choose another --out") from error
    if differing := _differences(before.model_dump(mode="json"), wanted.model_dump(mode="json")):
        raise UserError(
            f"the run in {folder} was begun with {differing}; resume it with the same, or choose another --out"
        )


def _differences(before: dict, now: dict, path: str = "") -> str:
    """What a run was begun with where that differs: `seed 1 (now 2), training.epochs 5 (now 6)`."""
    found = []
    for key, value in before.items():
        if isinstance(value, dict):
            found.append(_differences(value, now[key], f"{path}{key}."))
        elif value != now[key] and key not in ("about", "name"):
            found.append(f"{path}{key} {value} (now {now[key]})")
    return ", ".join(filter(None, found))
