"""What the milestones' pages show: curves of real runs on the reference, and how to make those that are not there.

A milestone that keeps to the limits of an ordinary case is run here, in the sandbox like any other, and so are short
recipes; what they leave is kept under a digest of all they depend on. Longer ones are shown from folders that
`tito milestone run` and `tito train` have left, if `--runs` names the folder above them. Nothing else is ever drawn.
"""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from autograder import milestone as running
from autograder.course import Course, Milestone
from autograder.errors import UserError
from autograder.judge.cases import Status
from autograder.recipe import Recipe, load_recipe
from autograder.site.course_map import plain
from autograder.site.docstrings import markdown
from autograder.site.labs import add_files
from autograder.site.wish import Wish

SHORT_DATA = "tinydigits"  # recipes on it take seconds, so a build runs them
RESULT = "result.json"


@dataclass(frozen=True)
class Shown:
    """A page: its Markdown, its pictures by their names on the site, and whether a run stands behind them."""

    text: str
    pictures: dict[str, Path]
    real: bool


def quick(course: Course, m: Milestone) -> bool:
    """Whether a build runs the milestone itself: it asks for no more time than an assignment's case, and no data."""
    return course.limits_of(m).case_seconds <= course.limits.case_seconds and not m.datasets


def short(recipe: Recipe) -> bool:
    """Whether a build runs the recipe itself: on the small digits."""
    return recipe.data.name == SHORT_DATA


def milestone_page(course: Course, m: Milestone, cache: Path, wish: Wish, pages: Collection[str]) -> Shown:
    """The page of one milestone; `pages` are the assignments that it can link to."""
    runs = wish.runs
    folder, whence = None, ""
    if not running.obstacle(course, m):
        if runs is not None and (runs / m.key / RESULT).is_file():
            folder, whence = _reference_only(runs / m.key), "made before"
        elif quick(course, m) and wish.execute:
            folder, whence = _run(course, m, cache, wish.weak_sandbox), "while this site was built"
    lines = [f"# {m.year} {m.title}", f"*{m.question}*", f"To be reached: {m.must_reach}.", *_story(course, m, pages)]
    lines += _shows(course, m, folder, whence)
    return Shown("\n\n".join(lines) + "\n", _pictures(folder, m.key), folder is not None)


def recipes_page(course: Course, cache: Path, wish: Wish) -> Shown:
    """A page of all training recipes, each with the curves of a run where there is one."""
    lines = [
        "# Training recipes",
        "A recipe is a YAML file in `config/recipes/`: data, network, optimizer, schedule. `tito train NAME` runs it on"
        " the reference framework and leaves log, checkpoints and these pictures in one folder; `--resume` goes on with"
        " a run that was stopped.",
    ]
    pictures: dict[str, Path] = {}
    for file in sorted((course.root / "config" / "recipes").glob("*.yaml")):
        recipe = load_recipe(file)
        folder = None
        if wish.runs is not None and (wish.runs / recipe.name / RESULT).is_file():
            folder = wish.runs / recipe.name
        elif short(recipe) and wish.execute:
            folder = _train(course, recipe, file, cache)
        lines += [f"## {recipe.name}", f"{plain(recipe.about)}."]
        lines += [f"    tito train {recipe.name}", *_training(recipe, folder)]
        pictures |= _pictures(folder, recipe.name)
    return Shown("\n\n".join(lines) + "\n", pictures, bool(pictures))


# ---- running


def _digest(course: Course, subject: str, places: list[Path]) -> str:
    found = hashlib.sha256(f"{subject} {metadata.version('numpy')} {metadata.version('matplotlib')}\0".encode())
    framework = [course.solution(a.key) / "tinytorch" for a in course.written()]
    add_files(found, course.root, [course.frame, *framework, *places])
    return found.hexdigest()[:16]


def _run(course: Course, m: Milestone, cache: Path, weak: bool) -> Path:
    """The folder of a run of the milestone on the reference."""
    folder = cache / f"{m.key}-{_digest(course, m.key, [course.home(m)])}"
    if (folder / RESULT).is_file():
        return folder
    outcome = running.run(course, m, allow_weak_sandbox=weak)
    if not outcome.reached:
        failed = next((c for c in outcome.verdict.cases if c.status is not Status.PASSED), None)
        told = failed.detail if failed else "; ".join(outcome.verdict.notes)
        raise UserError(f"milestone {m.key} is not reached on the reference, so there is nothing to show:\n{told}")
    with _fresh(folder, m.key) as made:
        drawn = running.draw(course, outcome, made)
        if drawn.problem:
            raise UserError(f"milestone {m.key} cannot be drawn: {drawn.problem}")
        running.write(outcome, made, drawn.paths)
    return folder


def _train(course: Course, recipe: Recipe, file: Path, cache: Path) -> Path:
    """The folder of a run of the recipe."""
    folder = cache / f"{recipe.name}-{_digest(course, recipe.name, [file])}"
    if (folder / RESULT).is_file():
        return folder
    with _fresh(folder, recipe.name) as made:
        order = [sys.executable, "-m", "autograder", "train", str(file), "--out", str(made)]
        done = subprocess.run(order, cwd=course.root, capture_output=True, text=True)
        if done.returncode:
            raise UserError(f"recipe {recipe.name} did not run:\n{(done.stdout + done.stderr)[-1500:]}")
    return folder


class _fresh:
    """A new folder that takes the place of older runs of the same name once it is complete."""

    def __init__(self, folder: Path, name: str):
        self.folder, self.name = folder, name

    def __enter__(self) -> Path:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.made = Path(tempfile.mkdtemp(prefix=".run-", dir=self.folder.parent))
        return self.made

    def __exit__(self, kind: object, *exc: object) -> None:
        if kind is not None:
            shutil.rmtree(self.made)
            return
        for old in self.folder.parent.glob(f"{self.name}-*"):
            shutil.rmtree(old)
        self.made.rename(self.folder)


def _reference_only(folder: Path) -> Path:
    """A run's folder, unless it shows a student's work: that is not for the public."""
    result = _result(folder)
    students = [layer["assignment"] for layer in result.get("layers", []) if layer["origin"] != "reference"]
    if students:
        raise UserError(f"{folder} is a run on a student's {', '.join(students)}; give --runs a run on the reference")
    return folder


def _result(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{folder / RESULT} is not what a run leaves there: {error}") from error


# ---- telling


def _story(course: Course, m: Milestone, pages: Collection[str]) -> Iterator[str]:
    """What the program is (its own docstring in the frame), and what it stands on."""
    program = course.frame / "milestones" / f"{m.key}.py"
    if program.is_file():
        yield markdown(ast.get_docstring(ast.parse(program.read_text(encoding="utf-8"))) or "")
    needed = course.needed(m)
    links = [
        f"[{a.short} {a.title}](../{a.key}/index.md)" if a.key in pages else f"{a.short} {a.title}"
        for a in course.assignments
        if a.key in needed
    ]
    yield f"It runs on {', '.join(links)}."


def _shows(course: Course, m: Milestone, folder: Path | None, whence: str) -> Iterator[str]:
    command = f"tito milestone run {m.key}"
    yield f"    {command}"
    if problem := running.obstacle(course, m):
        yield f"It cannot run yet: {problem}."
        return
    if folder is None:
        minutes = course.limits_of(m).case_seconds / 60
        needs = f" It needs {', '.join(m.datasets)} (`tito data fetch {m.datasets[0]}`)." if m.datasets else ""
        yield (
            f"There are no curves here, because this copy of the site was built without a run to show.{needs} The"
            f" command above makes one (a case may take up to {minutes:.0f} minutes) and leaves it in `runs/{m.key}`;"
            " `tito site build --runs runs` puts it on this page."
        )
        return
    result = _result(folder)
    yield f"The figures below come from a run {whence}, on the reference framework, seed {result.get('seed', 0)}."
    yield "\n".join(_case_table(result))
    yield from (_image(m.key, path.name, f"{m.title}: {path.stem}") for path in _files(folder))


def _case_table(result: dict[str, Any]) -> Iterator[str]:
    yield from ("| what was asked | | measured | CPU seconds | MB |", "|---|---|---|---|---|")
    for case in result["cases"]:
        numbers = "; ".join(f"{what}: {number:.4g}" for what, number in case["measured"].items())
        cells = [case["title"], case["status"], numbers, f"{case['cpu_seconds']:.1f}", str(case["memory_mb"])]
        yield f"| {' | '.join(plain(cell) for cell in cells)} |"


def _training(recipe: Recipe, folder: Path | None) -> Iterator[str]:
    if folder is None:
        yield (
            f"No curves here: this copy of the site was built without a run. The command above leaves one in"
            f" `runs/{recipe.name}`; `tito site build --runs runs` puts it on this page."
        )
        return
    result = _result(folder)
    yield (
        f"Test accuracy {100 * result['test_accuracy']:.2f} % after {result['epochs']} epochs"
        f" ({result['training_seconds']:.1f} s of training)."
    )
    yield from (_image(recipe.name, path.name, f"{recipe.name}: {path.stem}") for path in _files(folder))


def _image(name: str, picture: str, alt: str) -> str:
    return f"![{plain(alt)}](figures/{name}-{picture})"


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.png"))


def _pictures(folder: Path | None, name: str) -> dict[str, Path]:
    return {f"{name}-{path.name}": path for path in _files(folder)} if folder else {}
