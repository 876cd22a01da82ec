"""`tito grade`: grade submissions to one assignment on this machine."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.course import load_course
from autograder.errors import UserError
from autograder.grade import Graded, Grader
from autograder.judge.cases import CaseResult, Status
from autograder.sandbox import describe

MARKS = {Status.PASSED: ("ok", "green"), Status.SKIPPED: ("--", "yellow"), Status.GRADER_ERROR: ("!!", "magenta")}


@click.command("grade")
@click.argument("assignment")
@click.argument("submissions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write <name>/results.json and record.json here."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Mixed into every case's inputs.")
@click.option("--allow-weak-sandbox", is_flag=True, help="Grade although a protection is missing (trusted code only).")
@click.option("--quiet", is_flag=True, help="One line a submission.")
def command(
    assignment: str, submissions: tuple[Path, ...], out: Path | None, seed: int, allow_weak_sandbox: bool, quiet: bool
) -> None:
    """Grade SUBMISSIONS (zips, notebooks, folders, or a folder of such) to ASSIGNMENT."""
    course = load_course()
    found = find_submissions(submissions, course.assignment(assignment).writes)
    names = unique_names(found)
    console = Console(highlight=False, soft_wrap=True)
    results: list[Graded] = []
    with Grader(course, course.assignment(assignment), seed=seed, allow_weak_sandbox=allow_weak_sandbox) as grader:
        console.print(Text(describe(grader.bench.layers)), style="dim")
        for note in grader.bench.notes:
            console.print(Text(note), style="dim")
        for source, name in zip(found, names, strict=True):
            graded = grader.grade(source, out / name if out else None)
            results.append(graded)
            show(console, graded, name, quiet or len(found) > 1)
    if len(results) > 1:
        mean = sum(g.grade.score for g in results) / len(results)
        console.print(f"{len(results)} submissions, mean {mean:.1f}, in {sum(g.seconds for g in results):.1f} s")
    if any(g.grade.needs_a_person for g in results):
        sys.exit(3)
    if any(g.grade.rejected for g in results):
        sys.exit(1)


def find_submissions(paths: tuple[Path, ...], writes: tuple[str, ...]) -> list[Path]:
    """The submissions that the given paths stand for. A folder that is no submission itself is a folder of them."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} does not exist; give a zip, a notebook or a folder")
        if path.is_dir() and not is_submission(path, writes):
            seen = (p for p in path.iterdir() if not p.name.startswith((".", "__")))
            inside = sorted(p for p in seen if p.is_dir() or p.suffix in (".zip", ".ipynb"))
            if not inside:
                raise UserError(f"{path} holds no zip, notebook or folder; give the folder that holds the submissions")
            found += inside
        else:
            found.append(path)
    return found


def is_submission(folder: Path, writes: tuple[str, ...]) -> bool:
    """Whether a folder is one submission: it holds tinytorch/, or a file by a name that the assignment writes."""
    names = {Path(path).name for path in writes}
    return (folder / "tinytorch").is_dir() or any((folder / name).is_file() for name in names)


def unique_names(sources: list[Path]) -> list[str]:
    """A folder name for each submission's results: its own name, made safe, numbered where two are alike."""
    names: list[str] = []
    seen: Counter[str] = Counter()
    for source in sources:
        stem = source.stem if source.is_file() else source.resolve().name
        name = re.sub(r"[^\w.+-]", "_", stem).lstrip(".") or "submission"
        alike = name.casefold()  # some file systems take a and A for one name
        seen[alike] += 1
        names.append(f"{name}~{seen[alike]}" if seen[alike] > 1 else name)
    return names


def show(console: Console, graded: Graded, name: str, brief: bool) -> None:
    """One submission on the terminal. A student's text is printed as text: its brackets are no markup."""
    grade = graded.grade
    line = Text(f"{name}: {grade.score:g} / {grade.possible:g}", style="bold")
    line.append(f"   {graded.seconds:.2f} s", style="dim")
    if grade.rejected:
        line.append(f"   not graded: {grade.rejected}", style="red")
    if grade.needs_a_person:
        why = f" ({grade.fault})" if grade.fault else ""
        line.append(f"   grader error: a person has to look{why}", style="magenta")
    console.print(line)
    if brief:
        return
    if grade.verdict.cases:
        console.print(table(grade.verdict.cases))
    for case in grade.verdict.cases:
        if case.status is not Status.PASSED:
            console.print(Text(f"{case.number} {case.title} ({case.status.value})", style="bold"))
            console.print(Text(indented(case.message)))
    for note in (*grade.verdict.notes, *grade.remarks):
        console.print(Text(note), style="yellow")
    if grade.lateness:
        console.print(Text(f"late: -{grade.deduction:g} points: {grade.lateness.reason}"))
    if grade.explanation:
        console.print(Text(grade.explanation), style="cyan")
    console.print(Text(f"score: {grade.score:g} of {grade.possible:g}", style="bold"))


def table(cases: tuple[CaseResult, ...]) -> Table:
    made = Table(box=None, pad_edge=False, header_style="dim")
    for heading, justify in (("", "left"), ("#", "left"), ("file", "left"), ("case", "left"), ("points", "right")):
        made.add_column(heading, justify=justify)
    for case in cases:
        mark, colour = MARKS.get(case.status, ("no", "red"))
        title = Text(case.title).append(" (hidden)" if case.hidden else "", style="dim")
        made.add_row(Text(mark, style=colour), case.number, case.file, title, f"{case.earned:g}/{case.points:g}")
    return made


def indented(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())
