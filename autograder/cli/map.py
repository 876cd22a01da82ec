"""`tito map`: the course as a picture, what builds on what, coloured by what has passed."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click

from autograder import drawing, progress
from autograder.course import Assignment, Course, load_course
from autograder.errors import UserError
from autograder.messages import message
from autograder.progress import Standing, State

WORDS = 27  # characters of a question in one line
LOOK = {  # state -> fill, ink, meaning
    State.PASSED: ("#2b8a3e", "#ffffff", "passed"),
    State.CHANGED: ("#ffd43b", "#1b1b1b", "passed, changed since"),
    State.BEGUN: ("#a5d8ff", "#1b1b1b", "begun"),
    State.OPEN: ("#ffffff", "#1b1b1b", "can be begun"),
    State.LATER: ("#e9ecef", "#5c636a", "later"),
}


@click.command("map")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("course-map.svg"), show_default=True,
    metavar="FILE", help="Where to write the picture.",
)  # fmt: skip
def command(out: Path) -> None:
    """Draw the assignments and milestones, what each builds on, and how far you are. Any browser shows the picture."""
    course = load_course()
    write(out, course_map(course))


def write(out: Path, picture: str) -> None:
    try:
        out.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise UserError(message("draw.unwritable", file=out, reason=error.strerror)) from error
    click.echo(f"wrote {out}; open it in a browser")


def course_map(course: Course) -> str:
    """The map as SVG."""
    assignments, milestones = progress.standings(course, progress.read(course.root))
    nodes = [_node(standing) for standing in (*assignments, *milestones)]
    edges = [(key, s.subject.key) for s in (*assignments, *milestones) for key in s.subject.requires]
    legend = [(fill, meaning) for fill, _, meaning in LOOK.values()]
    return drawing.svg(nodes, edges, f"{course.name}, {course.term}: what builds on what", legend)


def _node(standing: Standing) -> drawing.Node:
    subject = standing.subject
    fill, ink, _ = LOOK[standing.state]
    milestone = not isinstance(subject, Assignment)
    head = f"{subject.year} {subject.title}" if milestone else f"{subject.short} {subject.title}"
    lines = (head, *textwrap.wrap(subject.question, WORDS))
    edge = "#e8590c" if milestone else "#868e96"
    return drawing.Node(subject.key, lines, fill, ink, edge, rounded=milestone, tip=subject.question)
