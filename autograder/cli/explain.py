"""`tito explain`: how often the misconceptions that students are told are the ones that are there."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.course import Course, load_course
from autograder.validate import mixtures
from autograder.validate.explaining import Score, measure, mistaken
from autograder.validate.mixtures import Recording

LEAST_RIGHT, MOST_WRONG = 0.80, 0.05


@click.command("explain")
@click.argument("assignments", nargs=-1)
@click.option("--record", is_flag=True, help="Judge the programs anew and keep them (a minute or two an assignment).")
@click.option("--mixtures", "mixed", type=click.IntRange(1), default=20, show_default=True, help="With --record.")
@click.option("--mutants", type=click.IntRange(0), default=8, show_default=True, help="With --record.")
@click.option("--mistakes", is_flag=True, help="List the mixtures on which nothing right, or something wrong, is said.")
def command(assignments: tuple[str, ...], record: bool, mixed: int, mutants: int, mistakes: bool) -> None:
    """Measure the explanations on programs with two misconceptions, with unknown mistakes and with none.

    The programs are kept in each solution's mixtures.json. Exit status 1 when, over all ASSIGNMENTS together, fewer
    than 80 % of the mixtures are told one of theirs, more than 5 % a wrong one, or a correct program anything.
    """
    course = load_course()
    chosen = [course.assignment(name) for name in assignments] or list(course.written())
    console = Console(highlight=False, soft_wrap=True)
    if record:
        for assignment in chosen:
            mixtures.make(course, assignment, mixtures.Plan(mixed, mutants), lambda text: _say(console, text))
    found = {a.key: made for a in chosen if (made := mixtures.read(course.solution(a.key))) is not None}
    scores = {key: measure(recording) for key, recording in found.items()}
    total = sum(scores.values(), Score())
    console.print(_table(scores, total))
    _notes(console, course, found, [a.key for a in chosen if a.key not in found])
    if mistakes:
        for key, recording in found.items():
            _mistakes(console, key, recording)
    sys.exit(0 if holds(total) else 1)


def holds(total: Score) -> bool:
    """Whether the explanations may be shown to students."""
    mixed = max(1, total.mixed)
    enough = total.right >= LEAST_RIGHT * mixed and total.wrong <= MOST_WRONG * mixed
    return bool(total.mixed) and enough and not total.correct_told


def _say(console: Console, text: str) -> None:
    console.print(Text(text, style="dim"))


def _table(scores: dict[str, Score], total: Score) -> Table:
    made = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))
    headings = ("mixtures", "right", "both", "wrong", "alone", "right", "unknown", "told", "correct", "told")
    made.add_column("", no_wrap=True)
    for heading in headings:
        made.add_column(heading, justify="right")
    for name, s in [*scores.items(), ("all", total)]:
        counts = (
            str(s.mixed), _share(s.right, s.mixed), _share(s.both, s.mixed), _share(s.wrong, s.mixed), str(s.alone),
            _share(s.alone_right, s.alone), str(s.unknown), _share(s.unknown_told, s.unknown), str(s.correct),
            str(s.correct_told),
        )  # fmt: skip
        made.add_row(name.partition("_")[0], *counts)
    return made


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


def _notes(console: Console, course: Course, found: dict[str, Recording], missing: list[str]) -> None:
    for key, recording in found.items():
        if not mixtures.in_step(course.solution(key), recording):
            console.print(Text(f"{key}: judged before its tests or misconceptions changed; see tito explain --record"))
    if missing:
        console.print(Text(f"nothing kept of {', '.join(missing)}; judge them: tito explain --record"))


def _mistakes(console: Console, key: str, recording: Recording) -> None:
    for program, said in mistaken(recording):
        told = "; ".join(f"{' or '.join(one.names)} ({one.confidence:.2f})" for one in said) or "nothing"
        console.print(Text(f"{key}: {program.name}: fails {len(program.fails)}, told {told}"))
