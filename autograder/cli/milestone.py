"""`tito milestone`: list the milestones, and run one on the reference or on a student's own layers."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from autograder import milestone
from autograder.cli.show import indented
from autograder.course import load_course
from autograder.judge.cases import Status


@click.group("milestone")
def command() -> None:
    """Programs of the field's history on one's own framework."""


@command.command("list")
def list_command() -> None:
    """The milestones, and whether they can run today."""
    course = load_course()
    for m in course.milestones:
        problem = milestone.obstacle(course, m)
        state = f"not yet: {problem}" if problem else "ready"
        click.echo(f"{m.key:12} {m.year}  {m.question}\n{'':18}must reach: {m.must_reach}\n{'':18}{state}")


@command.command("run")
@click.argument("name")
@click.option(
    "--submission",
    "submissions",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A zip, folder or notebook; may be repeated. Of two with the same layer the later counts.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for result.json and pictures  [default: runs/NAME].",
)
@click.option(
    "--case", "cases", multiple=True, help="Only this case; may be repeated  [default: all but the extra ones]."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--allow-weak-sandbox", is_flag=True, help="Run although a protection is missing (trusted code only).")
def run_command(
    name: str,
    submissions: tuple[Path, ...],
    out: Path | None,
    cases: tuple[str, ...],
    seed: int,
    allow_weak_sandbox: bool,
) -> None:
    """Run milestone NAME on the student's layers found in the submissions, over the reference.

    What its program prints is kept in log.txt. Ends with status 0 when the milestone is reached (or the cases that were
    asked for passed), 1 when it is not.
    """
    course = load_course()
    chosen = course.milestone(name)
    out = out or Path("runs") / chosen.key
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"{chosen.year} {chosen.title}: {chosen.question}", style="bold"))
    log = out / "log.txt"
    log.unlink(missing_ok=True)
    outcome = milestone.run(course, chosen, submissions, seed, allow_weak_sandbox, _follower(console, log), cases)
    _show(console, outcome)
    out.mkdir(parents=True, exist_ok=True)
    drawn = milestone.draw(course, outcome, out)
    written = [milestone.write(outcome, out, drawn.paths), *drawn.paths]
    if drawn.problem:
        console.print(Text(f"no picture: {drawn.problem}", style="yellow"))
    verdict = "grader error: a person has to look" if outcome.needs_a_person else "not reached"
    verdict = "reached" if outcome.reached else verdict
    verdict = "passed in what was run" if outcome.passed_what_ran else verdict
    console.print(Text(f"{chosen.key}: {verdict} ({chosen.must_reach})", style="bold"))
    for path in written:
        console.print(Text(f"wrote {path}"))
    sys.exit(3 if outcome.needs_a_person else 0 if outcome.reached or outcome.passed_what_ran else 1)


def _follower(console: Console, log: Path) -> milestone.Follower:
    """What a program prints is shown and logged as it comes, but not allowed to steer the terminal."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def printed(chunk: bytes) -> None:
        text = "".join(c if c.isprintable() or c == "\n" else " " for c in decoder.decode(chunk))
        console.print(Text(text, style="dim"), end="")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(text)

    def exchanged(choice: milestone.Choice) -> None:
        console.print(Text(f"again, with the reference for {choice.assignment}: {choice.reason}", style="yellow"))

    return milestone.Follower(printed, exchanged)


def _show(console: Console, outcome: milestone.Outcome) -> None:
    """Whose layers it ran on, and how each case ended."""
    for choice in outcome.choices:
        source = f" ({choice.source})" if choice.source else ""
        why = f": not {choice.reason}" if choice.source and choice.reason else f": {choice.reason}"
        console.print(Text(f"  {choice.assignment}: {choice.origin}{source}{why if choice.reason else ''}"))
    for note in (*outcome.notes, *outcome.verdict.notes):
        console.print(Text(note, style="yellow"))
    for case in outcome.verdict.cases:
        passed = case.status is Status.PASSED
        mark = "ok" if passed else f"no ({case.status.value})"
        mark = "-" if case.status is Status.SKIPPED and outcome.passed_what_ran else mark
        console.print(Text(f"{mark} {case.title}  ({case.seconds:.1f} s, {case.memory_kb / 1024:.0f} MB)"))
        for what, number in case.measured:
            console.print(Text(f"   {what}: {number:.4g}"))
        if not passed:
            console.print(Text(indented(case.detail or case.message)))
