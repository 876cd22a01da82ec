"""`tito grade`: grade submissions to one assignment on this machine, one by one or a whole folder as a batch."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections import Counter, deque
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from autograder.batch.sources import is_submission
from autograder.cli.show import MARKS, indented
from autograder.course import Assignment, Course, load_course
from autograder.errors import UserError
from autograder.judge.cases import CaseResult, Status
from autograder.sandbox import describe
from autograder.score import Grade

if TYPE_CHECKING:
    from autograder.batch.cluster import Cluster
    from autograder.batch.gradebook import Gradebook
    from autograder.batch.ledger import Attempt
    from autograder.batch.pool import Pool
    from autograder.batch.run import Order, Plan
    from autograder.batch.work import Outcome

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command("grade")
@click.argument("assignment")
@click.argument("submissions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write <name>/results.json and record.json here."
)
@click.option("--seed", type=click.IntRange(min=0), help="Mixed into every case's inputs.  [default: 0]")
@click.option("--allow-weak-sandbox", is_flag=True, help="Grade although a protection is missing (trusted code only).")
@click.option("--quiet", is_flag=True, help="One line a submission.")
@click.option("--jobs", type=click.IntRange(min=1), help="Batch: judges at once.  [default: one a core]")
@click.option("--scheduler", metavar="ADDRESS", help="Batch: judges on a Dask cluster, such as tcp://10.0.0.7:8786.")
@click.option("--resume", is_flag=True, help="Batch: go on after an interruption, or grade what has come since.")
@click.option("--regrade", is_flag=True, help="Batch: grade again what is graded; marks given by hand stay.")
@click.option("--only", multiple=True, metavar="STUDENT", help="Batch: this student alone; may be repeated.")
@click.option("--extensions", type=FILE, help="Batch: CSV of student, assignment, due or days, late_days.")
@click.option("--roster", type=FILE, help="Batch: CSV of everybody, such as an export of Gradescope or Canvas.")
@click.option(
    "--gradebook",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="TITO_GRADEBOOK",
    help="Batch: the gradebook.  [default: $TITO_GRADEBOOK, else gradebook.sqlite in --out]",
)
def command(
    assignment: str,
    submissions: tuple[Path, ...],
    out: Path | None,
    seed: int | None,
    allow_weak_sandbox: bool,
    quiet: bool,
    jobs: int | None,
    scheduler: str | None,
    resume: bool,
    regrade: bool,
    only: tuple[str, ...],
    extensions: Path | None,
    roster: Path | None,
    gradebook: Path | None,
) -> None:
    """Grade SUBMISSIONS (zips, notebooks, folders, or a folder of such) to ASSIGNMENT.

    A folder of submissions (also a Gradescope export, or a Canvas download) with --out is a batch: several judges at
    once, a gradebook, and --resume after an interruption.

    Exit status: 0 all graded, 1 some could not be (a bad zip), 3 the grader failed on some, 2 wrong use.
    """
    course = load_course()
    chosen = course.assignment(assignment)
    console = Console(highlight=False, soft_wrap=True)
    if out is not None and len(submissions) == 1 and is_shelf(submissions[0], chosen):
        from autograder.batch.run import Order

        order = Order(
            submissions[0], out, gradebook, seed, resume, regrade, only, extensions, roster, allow_weak_sandbox
        )
        if scheduler and jobs:
            raise UserError("--jobs is for this machine; how many judges a cluster has is decided by its workers")
        sys.exit(grade_batch(console, course, chosen, order, jobs, scheduler))
    given = {
        "--jobs": jobs,
        "--scheduler": scheduler,
        "--resume": resume,
        "--regrade": regrade,
        "--only": only,
        "--extensions": extensions,
        "--roster": roster,
    }
    if batch_only := [name for name, value in given.items() if value]:
        raise UserError(f"{batch_only[0]} is for a batch: give one folder of submissions, and --out DIR")
    sys.exit(grade_each(console, course, chosen, submissions, out, seed or 0, allow_weak_sandbox, quiet))


def is_shelf(path: Path, assignment: Assignment) -> bool:
    """Whether a path is a folder of submissions."""
    return path.is_dir() and not is_submission(path, assignment.writes)


def _status(needs_a_person: bool, rejected: bool) -> int:
    return 3 if needs_a_person else int(rejected)


# One by one.


def grade_each(
    console: Console,
    course: Course,
    assignment: Assignment,
    submissions: tuple[Path, ...],
    out: Path | None,
    seed: int,
    allow_weak_sandbox: bool,
    quiet: bool,
) -> int:
    """Grade submissions in this process, without a gradebook; the exit status."""
    from autograder.grade import Graded, Grader

    found = find_submissions(submissions, assignment.writes)
    names = unique_names(found)
    results: list[Graded] = []
    with Grader(course, assignment, seed=seed, allow_weak_sandbox=allow_weak_sandbox) as grader:
        _tell_sandbox(console, grader.bench.layers, grader.bench.notes)
        for source, name in zip(found, names, strict=True):
            graded = grader.grade(source, out / name if out else None)
            results.append(graded)
            show(console, graded.grade, graded.seconds, name, quiet or len(found) > 1)
    if len(results) > 1:
        _tell_mean(console, [g.grade.score for g in results], len(results), sum(g.seconds for g in results))
    return _status(any(g.grade.needs_a_person for g in results), any(g.grade.rejected for g in results))


def _tell_sandbox(console: Console, layers: frozenset[str], notes: tuple[str, ...]) -> None:
    console.print(Text(describe(layers)), style="dim")
    for note in notes:
        console.print(Text(note), style="dim")


def _tell_mean(console: Console, scores: list[float], count: int, seconds: float) -> None:
    mean = f"mean {sum(scores) / len(scores):.1f}, " if scores else ""
    console.print(f"{count} submissions, {mean}in {seconds:.1f} s")


# A batch.


def grade_batch(
    console: Console,
    course: Course,
    assignment: Assignment,
    order: Order,
    jobs: int | None,
    scheduler: str | None = None,
) -> int:
    """Grade a folder with a gradebook; the exit status."""
    from autograder.batch import run

    started = time.monotonic()
    with run.opened(order) as book:
        plan = run.make_plan(book, course, assignment, order)
        console.print(Text(f"{plan.shelf.kind}: {len(plan.selected)} uploads, {len(plan.jobs)} to grade"), style="dim")
        try:
            attempts = _grade_jobs(console, book, course, plan, order.out, jobs, scheduler)
        except KeyboardInterrupt:
            console.print(Text("stopped; what is graded is kept: go on with --resume", style="yellow"))
            raise
        scores = [attempt.score for attempt in attempts if not attempt.needs_a_person]
        _tell_mean(console, scores, len(attempts), time.monotonic() - started)
        changed = run.changed_meanwhile(course, assignment, plan)
        _tell_notes(console, plan, changed)
        _tell_faults(console, book, attempts, assignment, order)
        console.print(Text(f"a page about the batch: {shlex.join(['tito', 'report', str(order.out)])}", style="dim"))
    failed = any(attempt.needs_a_person for attempt in attempts)
    return _status(failed or changed, any(attempt.rejected for attempt in attempts))


def _grade_jobs(
    console: Console,
    book: Gradebook,
    course: Course,
    plan: Plan,
    out: Path,
    jobs: int | None,
    scheduler: str | None,
) -> tuple[Attempt, ...]:
    from autograder.batch import pool, run

    if not plan.jobs:
        return run.grade_all(book, course, plan, pool.Nobody(), out, lambda attempt, outcome: None)
    with _judges(console, course, plan, jobs, scheduler) as judges, _progress(console) as progress:
        _tell_sandbox(console, judges.sandbox.layers, judges.sandbox.notes)
        lines = _Lines(console, progress, plan)
        return run.grade_all(book, course, plan, judges, out, lines.told)


def _judges(console: Console, course: Course, plan: Plan, jobs: int | None, scheduler: str | None) -> Pool | Cluster:
    """The judges that grade a batch: processes of this machine, or the workers of a cluster."""
    from autograder.batch import cluster, pool

    limits = course.limits_of(course.by_key[plan.batch.assignment])
    if not scheduler:
        return pool.Pool(plan.setting, jobs or pool.cores(), limits.submission_seconds)

    def tell(text: str) -> None:
        console.print(Text(text), style="dim")

    return cluster.Cluster(plan.setting, scheduler, limits.submission_seconds, limits.upload_mb << 20, tell)


def _progress(console: Console) -> Progress:
    """A bar with an estimate, where somebody looks."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(),
    )  # fmt: skip
    # The estimate rests on all that was done so far: submissions differ too much for the last few to tell.
    return Progress(*columns, console=console, disable=not console.is_terminal, speed_estimate_period=1e6)


class _Lines:
    """A line for each upload in the order of the folder, whichever is done first."""

    def __init__(self, console: Console, progress: Progress, plan: Plan):
        self.console, self.progress = console, progress
        self.waiting = deque(job.attempt.id for job in plan.jobs)
        self.done: dict[int, tuple[Attempt, Outcome]] = {}
        self.task = progress.add_task("grading", total=len(plan.jobs))

    def told(self, attempt: Attempt, outcome: Outcome) -> None:
        self.done[attempt.id] = (attempt, outcome)
        self.progress.advance(self.task)
        while self.waiting and self.waiting[0] in self.done:
            attempt, outcome = self.done.pop(self.waiting.popleft())
            show(self.console, outcome.grade, outcome.seconds, attempt.label, brief=True)


def _tell_notes(console: Console, plan: Plan, changed: bool) -> None:
    if plan.notes:
        console.print(Text(f"to look at ({len(plan.notes)}):", style="bold yellow"))
    for note in plan.notes:
        console.print(Text(f"  {note}"))
    if changed:
        message = "the course changed while this batch ran: nobody knows which upload met which tests; use --regrade"
        console.print(Text(message, style="bold magenta"))


def _tell_faults(
    console: Console, book: Gradebook, attempts: tuple[Attempt, ...], assignment: Assignment, order: Order
) -> None:
    """Grader errors are a list of their own at the end: they are ours, and each says what to do."""
    from autograder.batch.faults import faults

    if not (found := faults(book, attempts)):
        return
    again = shlex.join(["tito", "grade", assignment.short, str(order.folder), "--out", str(order.out)])
    console.print(Text(f"without a score, since the grader failed on them ({len(found)}):", style="bold magenta"))
    for fault in found:
        console.print(Text(f"  {fault.attempt.label}: {fault.why}"))
        console.print(Text(f"    to do: {fault.remedy}"))
    console.print(Text(f"  (options of: {again})", style="dim"))


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


def show(console: Console, grade: Grade, seconds: float, name: str, brief: bool) -> None:
    """One submission on the terminal. A student's text is printed as text: its brackets are no markup."""
    line = Text(f"{name}: {grade.score:g} / {grade.possible:g}", style="bold")
    line.append(f"   {seconds:.2f} s", style="dim")
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
            console.print(Text(indented(case.told)))
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
