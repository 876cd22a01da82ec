"""`tito gradebook`: look at grades, enter marks given by hand, and export both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.batch import exports, ledger, marking
from autograder.batch.exports import Standing
from autograder.batch.faults import faults
from autograder.batch.gradebook import NAME, Gradebook
from autograder.batch.ledger import Attempt
from autograder.batch.people import Student
from autograder.course import Course, load_course
from autograder.errors import UserError
from autograder.record import write_bytes


@click.group("gradebook")
def command() -> None:
    """The gradebook of `tito grade FOLDER --out DIR`: grades, marks by hand, exports."""


def with_gradebook(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option --gradebook, which every subcommand has."""
    return click.option(
        "--gradebook",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="TITO_GRADEBOOK",
        default=Path(NAME),
        show_default=True,
        show_envvar=True,
        help="The gradebook's file.",
    )(function)


def with_who(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--by", "who", help="Who gives the mark.  [default: the user's name]")(function)


@command.command("show")
@click.argument("student", required=False)
@click.option("--assignment", "-a", help="This assignment alone.")
@with_gradebook
def show_command(student: str | None, assignment: str | None, gradebook: Path) -> None:
    """Everybody's grades, or everything about one STUDENT (mail address, student number, name or file name)."""
    course = load_course()
    console = Console(highlight=False, soft_wrap=True)
    with Gradebook(gradebook, existing=True) as book:
        chosen = [course.assignment(assignment)] if assignment else _graded(book, course)
        standings = [s for a in chosen for s in exports.standings(book, course, a)]
        if student is None:
            _show_all(console, standings)
        else:
            _show_one(console, book, book.directory().find(student), standings)


def _graded(book: Gradebook, course: Course) -> list[Any]:
    """The assignments of which the gradebook knows something."""
    known = {attempt.assignment for attempt in ledger.attempts(book)} | {mark.assignment for mark in book.marks()}
    return [a for a in course.assignments if a.key in known]


def _show_all(console: Console, standings: list[Standing]) -> None:
    made = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("assignment", "student", "status", "attempts", "tests", "by hand", "total"):
        made.add_column(heading, justify="left" if heading in ("assignment", "student", "status") else "right")
    for s in standings:
        tests = f"{s.counted.score:g}" if s.counted and not s.counted.needs_a_person else ""
        mark = f"{s.mark.points:g}" if s.mark else ""
        total = "" if s.total is None else f"{s.total:g}/{s.possible:g}"
        cells = (s.assignment.short, s.student.shown, s.status, str(len(s.attempts)), tests, mark, total)
        made.add_row(*(Text(cell) for cell in cells))
    console.print(made)


def _show_one(console: Console, book: Gradebook, student: Student, standings: list[Standing]) -> None:
    person = student.person
    known = ", ".join(text for text in (person.email, person.sid, person.canvas, person.login) if text)
    console.print(Text(f"{student.shown}  ({known})", style="bold"))
    for standing in (s for s in standings if s.student.id == student.id):
        total = "no grade" if standing.total is None else f"{standing.total:g} of {standing.possible:g}"
        console.print(Text(f"{standing.assignment.key}: {standing.status}, {total}", style="bold"))
        for attempt in standing.attempts:
            _show_attempt(console, book, attempt, attempt == standing.counted)
        for mark in (m for m in book.marks(student.id) if m.assignment == standing.assignment.key):
            replaced = "" if mark == standing.mark else " (replaced)"
            console.print(Text(f"  by hand: {mark.points:g} by {mark.who} at {mark.at}{replaced}"))
            if mark.comment:
                console.print(Text(f"    {mark.comment}"))


def _show_attempt(console: Console, book: Gradebook, attempt: Attempt, counts: bool) -> None:
    when = f", submitted {attempt.submitted:%Y-%m-%d %H:%M %Z}" if attempt.submitted else ""
    console.print(Text(f"  {attempt.label}: {attempt.score:g}/{attempt.possible:g} {attempt.state}{when}"
                       f"{'  <- counts' if counts else ''}"))  # fmt: skip
    said = [attempt.rejected, *attempt.policies.splitlines()]
    if attempt.late_seconds:
        free = f", {attempt.free_days} late days used" if attempt.free_days else ""
        said.append(f"late: -{attempt.deduction:g} points ({attempt.late_percent:g} %{free})")
    lost = [f"{c.number} {c.title} ({c.status})" for c in ledger.cases(book, attempt.id) if c.earned < c.points]
    said += [f"lost: {'; '.join(lost)}"] if lost else []
    said += [f"{fault.why}; to do: {fault.remedy}" for fault in faults(book, [attempt])]
    for line in said:
        if line:
            console.print(Text(f"    {line}"))
    for event in ledger.events(book, attempt.id):
        console.print(Text(f"    {event}", style="dim"))


@command.command("mark")
@click.argument("assignment")
@click.argument("student")
@click.option("--points", type=float, required=True, help="Points for the reflection.")
@click.option("--comment", default="", help="What the student is told.")
@with_who
@with_gradebook
def mark_command(assignment: str, student: str, points: float, comment: str, who: str | None, gradebook: Path) -> None:
    """Mark STUDENT's reflection by hand. The last mark counts; a regrade never touches it."""
    course = load_course()
    with Gradebook(gradebook, existing=True, who=who) as book:
        found = book.directory().find(student)
        key = course.assignment(assignment).key
        marking.check_points(course, points)
        before = book.mark(key, found.id)
        book.add_marks([(key, found.id, points, comment)])
        instead = f" (before: {before.points:g} by {before.who})" if before else ""
        click.echo(f"{key}: {found.shown} has {points:g} of {course.policies.reflection_points:g}{instead}")


@command.command("import")
@click.argument("assignment")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_who
@with_gradebook
def import_command(assignment: str, file: Path, who: str | None, gradebook: Path) -> None:
    """Enter the marks of a CSV: columns student (or sid, email, name), points, comment. All of them or none."""
    course = load_course()
    with Gradebook(gradebook, existing=True, who=who) as book:
        key = course.assignment(assignment).key
        marks = marking.read_marks(file, course, key, book.directory())
        added = book.add_marks(marks)
        click.echo(f"{key}: {added} marks entered, {len(marks) - added} were there already")


@command.command("export")
@click.argument("assignment", required=False)
@click.option("--format", "form", type=click.Choice(exports.FORMATS), required=True)
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="File.  [default: the terminal]")
@click.option("--column", default="", help="Canvas's name of the assignment's column, such as 'a05 Autograd (4711)'.")
@with_gradebook
def export_command(assignment: str | None, form: str, output: Path | None, column: str, gradebook: Path) -> None:
    """Grades as CSV for Gradescope or Canvas (one ASSIGNMENT), or as JSON with everything (one or all)."""
    course = load_course()
    with Gradebook(gradebook, existing=True) as book:
        if assignment is None and form != "json":
            raise UserError(f"which assignment? name it: tito gradebook export a05 --format {form}")
        chosen = [course.assignment(assignment)] if assignment else _graded(book, course)
        text = exports.export(book, course, chosen, form, column)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_bytes(output, text.encode("utf-8"))
        click.echo(f"wrote {output}")


@command.command("errors")
@with_gradebook
def errors_command(gradebook: Path) -> None:
    """Uploads on which the grader itself failed, and what to do about each."""
    console = Console(highlight=False, soft_wrap=True)
    with Gradebook(gradebook, existing=True) as book:
        found = faults(book, ledger.attempts(book))
        for fault in found:
            console.print(Text(f"{fault.attempt.assignment} {fault.attempt.label}: {fault.why}"))
            console.print(Text(f"    to do: {fault.remedy}"))
    raise SystemExit(3 if found else 0)
