"""`tito build`: write the students' files, or check that they are in step. Only printing happens here."""

from __future__ import annotations

import click
from rich.console import Console

from autograder.build import build, check
from autograder.course import Course, load_course


@click.command("build")
@click.argument("keys", nargs=-1)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; list differences, exit 1 if there are any.")
def command(keys: tuple[str, ...], only_check: bool) -> None:
    """Write assignments/ from solutions/ (all that are written, or KEYS such as a01)."""
    course = load_course()
    if only_check:
        _check(course, keys or None)
    else:
        _build(course, keys or None)


def _build(course: Course, keys: tuple[str, ...] | None) -> None:
    for key, files in build(course, keys).items():
        _line(f"{key}: {len(files)} files")


def _check(course: Course, keys: tuple[str, ...] | None) -> None:
    differences = check(course, keys)
    for difference in differences:
        _line(str(difference))
    names = [course.assignment(key).key for key in keys] if keys else [a.key for a in course.written()]
    for key in dict.fromkeys(names):
        count = sum(d.path.split("/")[1] == key for d in differences)
        _line(f"{key}: {'in step' if not count else f'out of step ({count})'}")
    if differences:
        raise SystemExit(1)


def _line(text: str) -> None:
    """Paths and source lines may hold what rich takes for markup, and must not be wrapped."""
    Console(soft_wrap=True, highlight=False).print(text, markup=False)
