"""The leaderboard of a class: whose numbers stand where, from a gradebook, from results.json files, or from both.

A course declares the columns (`leaderboard` in course.yaml), test files record the numbers, score and record carry
them. Here they are put side by side. Places follow the columns in their order, as on Gradescope: the second one decides
where the first is equal. Rows that are equal in all columns share a place; a row without any number has none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.batch import exports, ledger
from autograder.batch.gradebook import NAME, Gradebook
from autograder.course import Assignment, Column, Course, Milestone
from autograder.errors import UserError

RESULTS = ("results.json", "result.json")


@dataclass(frozen=True)
class Row:
    """One who is compared. `values` has the numbers that there are, by column."""

    who: str
    values: Mapping[str, float]
    note: str = ""


@dataclass(frozen=True)
class Place:
    """A row with its place from 1, None without any number; `front`: nobody is better in one thing and as good in all
    others."""

    place: int | None
    row: Row
    front: bool


def ranked(rows: Iterable[Row], columns: Sequence[Column]) -> tuple[Place, ...]:
    """Rows by place; a missing number is worse than any. Those who are equal stand in the order of their names."""
    keyed = sorted(((_key(row, columns), row) for row in rows), key=lambda pair: (pair[0], pair[1].who.casefold()))
    keys = [key for key, _ in keyed]
    return tuple(
        Place(keys.index(key) + 1 if row.values else None, row, bool(row.values) and not _beaten(key, keys))
        for key, row in keyed
    )


def _key(row: Row, columns: Sequence[Column]) -> tuple[float, ...]:
    """The numbers as losses: less is better."""
    signs = {"asc": 1.0, "desc": -1.0}
    return tuple(signs[c.order] * row.values[c.name] if c.name in row.values else math.inf for c in columns)


def _beaten(key: tuple[float, ...], keys: Iterable[tuple[float, ...]]) -> bool:
    return any(other != key and all(o <= k for o, k in zip(other, key, strict=True)) for other in keys)


def subject_of(course: Course, name: str | None) -> Assignment | Milestone:
    """The assignment or milestone of this name, or the only one with a leaderboard."""
    if name is not None:
        milestones = {m.key: m for m in course.milestones}
        found = milestones[name] if name in milestones else course.assignment(name)
        if not found.leaderboard:
            raise UserError(f"{found.key} has no leaderboard in course.yaml")
        return found
    have = [s for s in (*course.assignments, *course.milestones) if s.leaderboard]
    if not have:
        raise UserError("no assignment of this course has a leaderboard; declare one in course.yaml")
    return have[0]


def gather(course: Course, subject: Assignment | Milestone, places: Iterable[Path]) -> tuple[Row, ...]:
    """Rows from gradebooks, results files, and folders that hold either (a gradebook before the files beside it).

    Raises:
        UserError: a place that is not there, holds nothing, or holds something else.
    """
    return tuple(row for place in places for row in _gather_one(course, subject, place))


def _gather_one(course: Course, subject: Assignment | Milestone, place: Path) -> list[Row]:
    if not place.exists():
        raise UserError(f"there is no {place}; name a gradebook, a results file or a folder of them")
    if place.is_file() and place.suffix == ".json":
        return [_from_file(subject, place, place.parent.name)]
    book = place / NAME if place.is_dir() else place
    if book.is_file() and isinstance(subject, Assignment):
        return _from_gradebook(course, subject, book)
    files = sorted(f for name in RESULTS for f in place.rglob(name)) if place.is_dir() else []
    if not files:
        raise UserError(f"{place} holds no {NAME} and no {RESULTS[0]}; was it made by tito grade --out?")
    return [_from_file(subject, file, _called(file.parent, place)) for file in files]


def _called(folder: Path, place: Path) -> str:
    """A folder by its path from the place that was asked for, or by its own name if it is that place."""
    return folder.resolve().name if folder == place else str(folder.relative_to(place))


def _from_gradebook(course: Course, assignment: Assignment, file: Path) -> list[Row]:
    """A row for everybody on the roster or with an upload: the attempt that counts."""
    with Gradebook(file, existing=True) as book:
        return [
            Row(standing.student.shown, *_of_attempt(book, standing.counted))
            for standing in exports.standings(book, course, assignment)
        ]


def _of_attempt(book: Gradebook, attempt: ledger.Attempt | None) -> tuple[Mapping[str, float], str]:
    if attempt is None:
        return {}, "nothing handed in"
    values = {} if attempt.needs_a_person else ledger.leaderboard(book, attempt.id)
    return values, "" if values else "a person has to look" if attempt.needs_a_person else "no entry passed"


def _from_file(subject: Assignment | Milestone, file: Path, who: str) -> Row:
    """The row of one results.json, or of a milestone's result.json, called by its folder."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        mine = subject.key in (found.get("milestone"), found.get("extra_data", {}).get("assignment"))
        values = _numbers(found, [column.name for column in subject.leaderboard])
    except (OSError, UnicodeDecodeError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{file} is no results file: {type(error).__name__}: {error}") from error
    if not mine:
        raise UserError(f"{file} is not about {subject.key}; leave it out, or name what it is about")
    return Row(who or file.name, values, "" if values else "no entry passed")


def _numbers(found: Mapping[str, Any], columns: Sequence[str]) -> dict[str, float]:
    listed = {entry["name"]: entry["value"] for entry in found.get("leaderboard", [])}
    given = {**found.get("recorded", {}), **listed}
    return {name: float(given[name]) for name in columns if name in given and math.isfinite(float(given[name]))}
