"""`tito milestone`: list the milestones, and run one on the reference or on a student's own layers."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from autograder import milestone
from autograder.cli.grade import indented
from autograder.course import load_course
from autograder.judge.cases import Status


@click.group("milestone")
def command() -> None:
    """Programs of the field's history on one's own framework."""


@command.command("list")
def list_command() -> None:
    """The milestones, and whether they can run today."""
    course = load_course()
    runnable = {m.key for m in milestone.ready(course)}
    for m in course.milestones:
        state = "ready" if m.key in runnable else "not yet: some of " + ", ".join(m.requires) + " is not written"
        click.echo(f"{m.key:12} {m.year}  {m.question}\n{'':18}must reach: {m.must_reach}\n{'':18}{state}")


@command.command("run")
@click.argument("name")
@click.option(
    "--submission",
    "submissions",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="A zip, folder or notebook; may be repeated.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for result.json and pictures  [default: runs/NAME].",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--allow-weak-sandbox", is_flag=True, help="Run although a protection is missing (trusted code only).")
def run_command(
    name: str, submissions: tuple[Path, ...], out: Path | None, seed: int, allow_weak_sandbox: bool
) -> None:
    """Run milestone NAME on the student's layers found in the submissions, over the reference."""
    course = load_course()
    chosen = course.milestone(name)
    out = out or Path("runs") / chosen.key
    console = Console(highlight=False)
    console.print(Text(f"{chosen.year} {chosen.title}: {chosen.question}", style="bold"))

    def follow(chunk: bytes) -> None:
        # A program's own text: shown, but not allowed to steer the terminal.
        text = chunk.decode("utf-8", errors="replace")
        console.print(Text("".join(c if c.isprintable() or c == "\n" else " " for c in text), style="dim"), end="")

    outcome = milestone.run(course, chosen, submissions, seed, allow_weak_sandbox, follow)
    for choice in outcome.choices:
        why = f": {choice.reason}" if choice.reason else ""
        console.print(Text(f"  {choice.assignment}: {choice.origin}{why}"))
    for case in outcome.verdict.cases:
        passed = case.status is Status.PASSED
        console.print(
            Text(f"{'ok' if passed else 'no'} {case.title}  ({case.seconds:.1f} s, {case.memory_kb / 1024:.0f} MB)")
        )
        if not passed:
            console.print(Text(indented(case.detail or case.message)))
    out.mkdir(parents=True, exist_ok=True)
    written = [milestone.write(outcome, out), *milestone.draw(course, outcome, out)]
    console.print(
        Text(f"{chosen.key}: {'reached' if outcome.reached else 'not reached'} ({chosen.must_reach})", style="bold")
    )
    for path in written:
        console.print(Text(f"wrote {path}"))
    sys.exit(0 if outcome.reached else 1)
