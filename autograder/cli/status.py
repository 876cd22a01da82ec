"""`tito status`: the course as what one can do, and what of it has passed."""

from __future__ import annotations

import click
from rich.console import Console
from rich.text import Text

from autograder import progress
from autograder.cli.show import plain_console
from autograder.course import Assignment, Course, load_course
from autograder.messages import message
from autograder.progress import Log, Standing, State

COLOURS = {State.PASSED: "green", State.CHANGED: "yellow", State.BEGUN: "cyan", State.OPEN: "bold", State.LATER: "dim"}

NAMED = 5  # as many prerequisites are named


@click.command("status")
@click.option("--timeline", is_flag=True, help="When you could do what.")
def command(timeline: bool) -> None:
    """Show the assignments and milestones as what you can do with your own code.

    An assignment counts when all of its public cases have passed on the files as they are.
    """
    course = load_course()
    log = progress.read(course.root)
    console = plain_console()
    if timeline:
        _timeline(console, course, log)
    else:
        _overview(console, course, log)
    if log.damaged:
        file = progress.log_file(course.root)
        console.print(Text(message("progress.damaged", count=log.damaged, file=file), style="yellow"))


def _overview(console: Console, course: Course, log: Log) -> None:
    assignments, milestones = progress.standings(course, log)
    done, reached = (sum(s.state is State.PASSED for s in group) for group in (assignments, milestones))
    told = f"{done} of {len(assignments)} assignments, {reached} of {len(milestones)} milestones"
    console.print(Text(f"{course.name}, {course.term}: {told}", style="bold"))
    part = ""
    for standing in (*assignments, *milestones):
        subject = standing.subject
        heading = subject.part if isinstance(subject, Assignment) else "milestones"
        if heading != part:
            part = heading
            console.print(Text(f"\n{part}", style="dim"))
        console.print(_line(standing))


def _line(standing: Standing) -> Text:
    subject = standing.subject
    name = subject.short if isinstance(subject, Assignment) else f"{subject.year} {subject.key}"
    text = Text(f"  {_word(standing):8}", style=COLOURS[standing.state])
    text.append(f"{name:18}" if not isinstance(subject, Assignment) else f"{name}  ", style="default")
    text.append(subject.question, style="default")
    return text.append(_remark(standing), style="dim")


def _word(standing: Standing) -> str:
    if isinstance(standing.subject, Assignment):
        return standing.state.value
    return {State.PASSED: "reached", State.OPEN: "ready", State.BEGUN: "tried"}.get(standing.state, "later")


def _remark(standing: Standing) -> str:
    last = standing.last
    if standing.state is State.PASSED:
        return f"  {standing.passed_at}" + (f", {standing.own}" if standing.own else "")
    if standing.state is State.CHANGED:
        return f"  passed {standing.passed_at}, changed since: run tito check"
    if standing.state is State.BEGUN and last is not None:
        return f"  {last.passed} of {last.cases} cases"
    if standing.state is State.OPEN and not isinstance(standing.subject, Assignment):
        return f"  tito checkpoint test {standing.subject.key}"
    waits = [key.split("_")[0] for key in standing.waits_for]
    more = f" and {len(waits) - NAMED} more" if len(waits) > NAMED else ""
    return f"  after {', '.join(waits[:NAMED])}{more}" if waits else ""


def _timeline(console: Console, course: Course, log: Log) -> None:
    rows = progress.timeline(course, log)
    for day, key, question in rows:
        console.print(Text(f"{day}  ", style="dim").append(f"{key:18} {question}", style="default"))
    if not rows:
        console.print("nothing has passed yet; begin with: tito check")
