"""`tito validate`: prove that the tests of the assignments are good."""

from __future__ import annotations

import sys
import time
import traceback
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from autograder.course import Assignment, Course, load_course
from autograder.messages import message
from autograder.validate.changed import changed
from autograder.validate.gate import Plan, Report, validate

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

LOOK = 0.2  # seconds between two looks at what the processes of the pool say
QUIET = 60.0  # seconds after which a log, which has no bar, is told how far everything is


@click.command("validate")
@click.argument("assignments", nargs=-1)
@click.option("--changed", "only_changed", is_flag=True, help="Those that a difference from the last commit concerns.")
@click.option("--mutants", default="25", help="How many automatic mutants an assignment, or 'all'.")
@click.option("--full", is_flag=True, help="All mutants on all cases: the whole kill matrix (minutes an assignment).")
@click.option("--write", is_flag=True, help="Write each solution's kills.json instead of comparing with it.")
@click.option("--quick", is_flag=True, help="Less of what has not changed; stubs: see build --check.")
@click.option("--no-labs", is_flag=True, help="Do not execute the labs.")
@click.option("--jobs", "-j", type=click.IntRange(1), default=2, show_default=True, help="Assignments at once.")
@click.option("--executed", type=click.Path(path_type=Path, file_okay=False), help="Keep the executed labs here.")
@click.option("--survivors", is_flag=True, help="List the mutants that no case caught.")
def command(
    assignments: tuple[str, ...],
    only_changed: bool,
    mutants: str,
    full: bool,
    write: bool,
    quick: bool,
    no_labs: bool,
    jobs: int,
    executed: Path | None,
    survivors: bool,
) -> None:  # fmt: skip
    """Try every claim about the tests of ASSIGNMENTS (default: all that are written)."""
    course = load_course()
    chosen = [course.assignment(name) for name in assignments] or list(course.written())
    if only_changed:
        concerned = changed(course)
        chosen = [assignment for assignment in chosen if assignment in concerned]
        if not chosen:
            click.echo(message("changed.none"))
            return
    count = None if full or mutants == "all" else _count(mutants)
    console = Console()
    plans = [
        Plan(count, full, not no_labs, write, quick, executed / f"{assignment.key}.ipynb" if executed else None)
        for assignment in chosen
    ]
    reports = _run(console, course, list(zip(chosen, plans, strict=True)), jobs, survivors)
    console.print(_table([reports[a.key] for a in chosen]))
    for assignment in chosen:
        _details(console, reports[assignment.key])
    sys.exit(1 if any(report.problems for report in reports.values()) else 0)


def _run(
    console: Console, course: Course, tasks: list[tuple[Assignment, Plan]], jobs: int, survivors: bool
) -> dict[str, Report]:
    """Every assignment in a process of a pool. A report is told as soon as there is one: who stops the run keeps it."""
    context = get_context("spawn")
    said: SimpleQueue[tuple[str, str]] = context.SimpleQueue()
    reports: dict[str, Report] = {}
    doing: dict[str, str] = {}
    told = time.monotonic()
    with (
        _progress(console) as progress,
        ProcessPoolExecutor(min(jobs, len(tasks)), context, initializer=_begin, initargs=(said,)) as pool,
    ):
        bar = progress.add_task("validating", total=len(tasks))
        waiting: dict[Future[Report], Assignment] = {
            pool.submit(_validated, course, assignment, plan, number): assignment
            for number, (assignment, plan) in enumerate(tasks)
        }
        while waiting:
            done, _ = wait(waiting, LOOK, FIRST_COMPLETED)
            while not said.empty():
                short, text = said.get()
                doing[short] = text
            for future in done:
                assignment = waiting.pop(future)
                if error := future.exception():  # a fault of ours or of one solution; the others go on
                    progress.console.print(Text("".join(traceback.format_exception(error))))
                    report = Report(assignment.key, problems=[message("validate.broken", error=repr(error))])
                else:
                    report = future.result()
                reports[assignment.key] = report
                doing.pop(assignment.short, None)
                progress.advance(bar)
                progress.console.print(_line(report))
                for name in report.survivors if survivors else ():
                    progress.console.print(Text(f"{report.assignment}: survives: {name}", style="yellow"))
            now = "; ".join(f"{short} {text}" for short, text in sorted(doing.items()))
            progress.update(bar, description=now or "validating")
            if not console.is_terminal and now and time.monotonic() > told + QUIET:
                told = time.monotonic()
                console.print(Text(f"... {now}"))
    return reports


_said: SimpleQueue[tuple[str, str]] | None = None  # in a process of the pool: hears what is being done


def _begin(said: SimpleQueue[tuple[str, str]]) -> None:
    global _said
    _said = said


def _validated(course: Course, assignment: Assignment, plan: Plan, slot: int) -> Report:
    def say(text: str) -> None:
        if _said is not None:
            _said.put((assignment.short, text))

    return validate(course, assignment, plan, slot, say)


def _count(text: str) -> int:
    if not text.isdigit():
        raise click.BadParameter(f"'{text}' is neither a number nor 'all'", param_hint="--mutants")
    return int(text)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _line(report: Report) -> Text:
    word, colour = ("holds", "green") if not report.problems else (f"{len(report.problems)} problems", "red")
    return Text(f"{report.assignment}: ").append(word, style=colour).append(f"  {report.seconds:.0f} s", style="dim")


def _table(reports: list[Report]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for heading in (
        "assignment",
        "cases",
        "public",
        "miscon-\nceptions",
        "mutants\ncaught",
        "share",
        "problems",
        "seconds",
    ):
        left = heading == "assignment"
        # A name is read to its end, also in a log, which has 80 columns.
        table.add_column(heading, justify="left" if left else "right", no_wrap=left, vertical="bottom")
    for r in reports:
        share = f"{100 * r.caught / r.mutants:.0f} %" if r.mutants else "-"
        row = (
            r.cases,
            r.public,
            r.misconceptions if r.tried == r.misconceptions else f"{r.tried} of {r.misconceptions}",
            f"{r.caught}/{r.mutants}",
            share,
            len(r.problems),
            f"{r.seconds:.0f}",
        )
        table.add_row(r.assignment, *map(str, row))
    return table


def _details(console: Console, report: Report) -> None:
    for problem in report.problems:
        console.print(Text(f"{report.assignment}: {problem}", style="red"))
    if report.alike:
        console.print(Text(f"{report.assignment}: these misconceptions fail the same cases: {', '.join(report.alike)}"))
    if report.idle:
        console.print(Text(f"{report.assignment}: nothing fails these cases: {', '.join(report.idle)}"))
