"""Marks given by hand: what may be entered, one by one or as a CSV."""

from __future__ import annotations

from pathlib import Path

from autograder.batch import tables
from autograder.batch.people import Directory
from autograder.course import Course
from autograder.errors import UserError

COLUMNS = ("points", "comment")


def check_points(course: Course, points: float) -> None:
    """UserError if a reflection cannot be worth so many points."""
    most = course.policies.reflection_points
    if not 0 <= points <= most:
        raise UserError(f"{points:g} points are not from 0 to {most:g} (policies.reflection_points in course.yaml)")


def read_marks(file: Path, course: Course, assignment: str, directory: Directory) -> list[tuple[str, int, float, str]]:
    """The marks of a CSV, as the gradebook takes them. UserError with one line for every line that is wrong."""
    marks: list[tuple[str, int, float, str]] = []
    problems: list[str] = []
    seen: dict[int, str] = {}
    for row in tables.read_rows(tables.read_text(file), file.name, COLUMNS, required=("points",)):
        if not row["points"]:
            continue  # not marked yet
        try:
            student, points = directory.of_row(row), _points(row, course)
            if earlier := seen.get(student.id):
                raise row.wrong(f"{student.shown} stands in {earlier} already; keep one line")
        except UserError as error:
            problems.append(str(error))
            continue
        seen[student.id] = row.where
        marks.append((assignment, student.id, points, row["comment"]))
    if problems:
        raise UserError("nothing was entered:\n" + "\n".join(problems))
    if not marks:
        raise UserError(f"{file.name} holds no marks; fill in the column points")
    return marks


def _points(row: tables.Row, course: Course) -> float:
    points = tables.number(row, "points")
    try:
        check_points(course, points)
    except UserError as error:
        raise row.wrong(str(error)) from None
    return points
