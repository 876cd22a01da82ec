"""`tito olympics`: the leaderboard of a class on this machine."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder import leaderboard
from autograder.course import Column, load_course
from autograder.leaderboard import Place


@click.command("olympics")
@click.argument("places", nargs=-1, type=click.Path(path_type=Path))
@click.option("--of", "name", help="The assignment or milestone.  [default: the first one with a leaderboard]")
def command(places: tuple[Path, ...], name: str | None) -> None:
    """Show the leaderboard of what lies in PLACES (default: here): gradebooks, results files, or folders of them.

    The columns are declared in course.yaml; the first decides, the next where it is equal. A star marks an entry that
    no other is better than in everything.
    """
    course = load_course()
    subject = leaderboard.subject_of(course, name)
    rows = leaderboard.gather(course, subject, places or (Path(),))
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"{subject.title}: {len(rows)} {'entry' if len(rows) == 1 else 'entries'}", style="bold"))
    console.print(_table(leaderboard.ranked(rows, subject.leaderboard), subject.leaderboard))


def _table(found: tuple[Place, ...], columns: tuple[Column, ...]) -> Table:
    made = Table(box=None, pad_edge=False, header_style="dim")
    made.add_column("place", justify="right")
    made.add_column("")
    made.add_column("who")
    for column in columns:
        made.add_column(f"{column.name} {'↓' if column.order == 'desc' else '↑'}", justify="right")
    made.add_column("")
    for one in found:
        numbers = (one.row.values.get(column.name) for column in columns)
        shown = ("-" if number is None else _number(number) for number in numbers)
        cells = (str(one.place or "-"), "*" if one.front else "", one.row.who, *shown, one.row.note)
        made.add_row(*(Text(_plain(cell)) for cell in cells))
    return made


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"


def _plain(text: str) -> str:
    """Names come from uploads: nothing of them may steer the terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)
