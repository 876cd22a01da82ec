"""`tito blame`: which layer of a student's stack keeps a milestone from being reached, and the smallest cure."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from autograder.blame import Blame, Culprit, Step, blame
from autograder.cli.show import indented
from autograder.course import Course, Milestone, load_course

LINES = 6


@click.command("blame")
@click.argument("submissions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--milestone", "-m", "name", required=True, help="The milestone that the stack fails.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--allow-weak-sandbox", is_flag=True, help="Run although a protection is missing (trusted code only).")
@click.option("--quiet", is_flag=True, help="Leave out the line about each run.")
def command(submissions: tuple[Path, ...], name: str, seed: int, allow_weak_sandbox: bool, quiet: bool) -> None:
    """Find what is to blame when the layers in one student's SUBMISSIONS fail a milestone.

    The milestone runs on parts of the stack, the other layers being the reference's, until a smallest swap is found
    that makes it pass. Exit status: 0 nothing is to blame, 1 something is, 3 the grader failed.
    """
    course = load_course()
    chosen = course.milestone(name)
    console = Console(highlight=False, soft_wrap=True)
    started = time.monotonic()
    with _progress(console) as progress:
        steps = _Steps(console, progress, quiet)
        found = blame(course, chosen, submissions, seed, allow_weak_sandbox, steps.told)
    show(console, course, chosen, found, submissions)
    console.print(Text(f"{found.runs} runs in {time.monotonic() - started:.0f} s", style="dim"))
    sys.exit(0 if found.reached and not found.refused else 1)


def _progress(console: Console) -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


class _Steps:
    """A line for each run that has ended, and what is running now."""

    def __init__(self, console: Console, progress: Progress, quiet: bool):
        self.console, self.progress, self.quiet = console, progress, quiet
        self.task = progress.add_task("taking the layers in")

    def told(self, step: Step) -> None:
        own = _shorts(step.layers) or "nothing of the student's"
        self.progress.update(self.task, description=f"run {step.number}, on {own}")
        if step.verdict is None or self.quiet:
            return
        line = Text(f"run {step.number:2}  ", style="dim")
        line.append("passes" if step.passed else "fails ", style="green" if step.passed else "red").append(f"  {own}")
        line.append("  (on other draws)" if step.draws else "", style="dim")
        self.console.print(line)


def show(console: Console, course: Course, milestone: Milestone, found: Blame, submissions: tuple[Path, ...]) -> None:
    """The finding in words. What a student wrote or printed is shown as text."""
    own = f"the student's {_shorts(found.own)}, the rest reference" if found.own else "no usable layer of the student's"
    word = "reached" if found.reached else "not reached"
    console.print(Text(f"{milestone.key}: {word} on {own}", style="bold"))
    for choice in found.refused:
        console.print(Text(f"to blame: {choice.assignment}, which cannot be used at all", style="bold red"))
        console.print(Text(indented(f"{choice.reason}\nthe reference stood in for it")))
    if found.by_chance:
        console.print(Text("it failed on the first draws and passed on others: by chance, so no layer is to blame"))
    elif found.reached and not found.refused:
        console.print(Text("nothing is to blame"))
    for culprit in found.culprits:
        console.print(Text(f"to blame: {_who(course, culprit)}", style="bold red"))
        console.print(Text(indented("\n".join((_why(culprit), *_seen(culprit))))))
    if found.swaps:
        choices = " or ".join(_shorts(swap) for swap in found.swaps)
        console.print(Text(f"smallest swap: {choices}", style="bold"))
        console.print(Text(f"    with the reference in place of {choices}, {milestone.key} is reached (tried)"))
    for line in _what_next(found, submissions):
        console.print(Text(line, style="dim"))


def _who(course: Course, culprit: Culprit) -> str:
    named = [f"{key} ({course.by_key[key].title})" for key in culprit.layers]
    return named[0] if len(named) == 1 else f"{' and '.join(named)}, together"


def _why(culprit: Culprit) -> str:
    if len(culprit.layers) == 1:
        return "with this layer alone on the reference the milestone fails"
    return "with all of these on the reference the milestone fails, with any one of them alone it does not"


def _seen(culprit: Culprit) -> list[str]:
    """The first thing that goes wrong on the culprit alone, in the judge's words."""
    if culprit.notes:
        return list(culprit.notes)
    if culprit.case is None:
        return []
    told = (culprit.case.detail or culprit.case.message).splitlines()
    more = ["..."] if len(told) > LINES else []
    return [f"{culprit.case.title} ({culprit.case.status.value})", *(f"  {line}" for line in (*told[:LINES], *more))]


def _what_next(found: Blame, submissions: tuple[Path, ...]) -> list[str]:
    """How to see the culprits fail by themselves."""
    keys = list(dict.fromkeys(key for culprit in found.culprits for key in culprit.layers))
    path = submissions[0] if len(submissions) == 1 else None
    zips = shlex.quote(str(path)) if path else "ZIP"
    return [f"which of its own cases it fails: tito grade {key.partition('_')[0]} {zips}" for key in keys]


def _shorts(keys: tuple[str, ...]) -> str:
    return " + ".join(key.partition("_")[0] for key in keys)
