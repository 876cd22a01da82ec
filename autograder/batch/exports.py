"""The gradebook as others want it: CSV in Gradescope's and in Canvas's columns, and JSON with everything.

A grade is the attempt that counts plus the marks given by hand. Where the grader failed, no score is exported: the row
says that a person has to look. Nothing is written by this module; it makes text.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autograder.batch import ledger, policy
from autograder.batch.gradebook import Gradebook, Mark
from autograder.batch.ledger import Attempt
from autograder.batch.people import Student
from autograder.course import Assignment, Course

FORMATS = ("gradescope", "canvas", "json")


@dataclass(frozen=True)
class Standing:
    """One student on one assignment: every attempt, the one that counts, and the mark that counts."""

    student: Student
    assignment: Assignment
    attempts: tuple[Attempt, ...]
    counted: Attempt | None
    mark: Mark | None
    possible: float

    @property
    def status(self) -> str:
        if self.counted is None:
            return "Missing"
        return "Ungraded" if self.counted.needs_a_person else "Graded"

    @property
    def total(self) -> float | None:
        """None when nobody may rely on it yet, or when there is nothing at all."""
        if self.status == "Ungraded" or (self.counted is None and self.mark is None):
            return None
        tests = self.counted.score if self.counted else 0.0
        return round(tests + (self.mark.points if self.mark else 0.0), 2)


def standings(book: Gradebook, course: Course, assignment: Assignment) -> tuple[Standing, ...]:
    """Everybody who is on the roster, handed something in or has a mark; by last name, as a roster goes."""
    attempts: dict[int, list[Attempt]] = {}
    for attempt in ledger.attempts(book, assignment.key):
        for student in attempt.students:
            if attempt.graded:
                attempts.setdefault(student, []).append(attempt)
    marks = {mark.student: mark for mark in book.marks() if mark.assignment == assignment.key}
    possible = assignment.points + course.policies.reflection_points
    found = []
    for student in book.directory():
        own = attempts.get(student.id, [])
        if own or student.enrolled or student.id in marks:
            counted = policy.counted(course, own)
            found.append(Standing(student, assignment, tuple(own), counted, marks.get(student.id), possible))
    return tuple(sorted(found, key=lambda s: (*_names(s.student)[::-1], s.student.id)))


def export(book: Gradebook, course: Course, assignments: Iterable[Assignment], form: str, column: str = "") -> str:
    """The text of an export.

    Args:
        form: gradescope, canvas (one assignment each) or json.
        column: Canvas's own name for the assignment's column, such as `a05 Autograd (4711)`.
    """
    chosen = tuple(assignments)
    found = {a.key: standings(book, course, a) for a in chosen}
    if form == "json":
        return _json(book, course, found)
    (assignment,) = chosen
    if form == "canvas":
        return _canvas(assignment, found[assignment.key], column)
    return _gradescope(book, found[assignment.key])


# Gradescope.

_GRADESCOPE = (
    "First Name", "Last Name", "SID", "Email", "Sections", "Total Score", "Max Points", "Status", "Submission ID",
    "Submission Time", "Lateness (H:M:S)", "View Count", "Submission Count",
)  # fmt: skip


def _gradescope(book: Gradebook, found: tuple[Standing, ...]) -> str:
    """Gradescope's table of one assignment's scores: a row a student, a column a case, the mark by hand last."""
    cases = {s.student.id: ledger.cases(book, s.counted.id) if s.counted else () for s in found}
    columns = {f"{case.number}: {case.title} ({case.points:g} pts)": None for own in cases.values() for case in own}
    rows = []
    for standing in found:
        own = {f"{c.number}: {c.title} ({c.points:g} pts)": _points(c.earned) for c in cases[standing.student.id]}
        mark = _points(standing.mark.points) if standing.mark else ""
        rows.append([*_gradescope_fields(standing), *(own.get(column, "") for column in columns), mark])
    return _csv([[*_GRADESCOPE, *columns, "Reflection"], *rows])


def _gradescope_fields(standing: Standing) -> list[str]:
    attempt, (first, last) = standing.counted, _names(standing.student)
    person = standing.student.person
    return [
        first,
        last,
        person.sid or person.canvas or person.login,
        person.email,
        "",
        _points(standing.total),
        _points(standing.possible),
        standing.status,
        attempt.upload.removeprefix("submission_") if attempt else "",
        f"{attempt.submitted:%Y-%m-%d %H:%M:%S %z}" if attempt and attempt.submitted else "",
        _lateness(attempt.late_seconds) if attempt else "",
        "0",
        str(len(standing.attempts)),
    ]


def _lateness(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"


# Canvas.


def _canvas(assignment: Assignment, found: tuple[Standing, ...], column: str) -> str:
    """What Canvas's gradebook imports. It finds people by ID, SIS User ID or SIS Login ID, whichever is there."""
    column = column or f"{assignment.short} {assignment.title}"
    possible = found[0].possible if found else assignment.points
    rows = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", column],
        ["    Points Possible", "", "", "", "", _points(possible)],
    ]
    for standing in found:
        person = standing.student.person
        first, last = _names(standing.student)
        name = f"{last}, {first}" if first else last
        login = person.login or person.email
        rows.append([name, person.canvas, person.sid, login, "", _points(standing.total)])
    return _csv(rows)


# JSON.


def _json(book: Gradebook, course: Course, found: Mapping[str, tuple[Standing, ...]]) -> str:
    whole = {
        "course": course.name,
        "term": course.term,
        "course_version": course.version,
        "policies": course.policies.model_dump(),
        "late": course.late.model_dump(),
        "assignments": {key: [_standing(book, s) for s in standings] for key, standings in found.items()},
    }
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _standing(book: Gradebook, standing: Standing) -> dict[str, Any]:
    person = standing.student.person
    marks = [m for m in book.marks(standing.student.id) if m.assignment == standing.assignment.key]
    return {
        "student": {
            "name": person.name,
            "email": person.email,
            "sid": person.sid,
            "canvas": person.canvas,
            "login": person.login,
        },
        "status": standing.status,
        "total": standing.total,
        "possible": standing.possible,
        "counted": standing.counted.label if standing.counted else None,
        "attempts": [_attempt(book, attempt) for attempt in standing.attempts],
        "marks": [{"points": m.points, "comment": m.comment, "who": m.who, "at": m.at} for m in marks],
    }


_PLAIN = (
    "label", "upload", "sha256", "state", "score", "earned", "deduction", "possible", "rejected", "fault",
    "explanation", "late_seconds", "late_percent", "free_days", "digest", "seed", "course_version", "course_digest",
    "image", "graded_at", "seconds",
)  # fmt: skip


def _attempt(book: Gradebook, attempt: Attempt) -> dict[str, Any]:
    cases = [
        {name: value for name, value in vars(case).items() if name != "attempt"}
        for case in ledger.cases(book, attempt.id)
    ]
    return {
        **{name: getattr(attempt, name) for name in _PLAIN},
        "submitted": attempt.submitted.isoformat() if attempt.submitted else None,
        "due": attempt.due.isoformat() if attempt.due else None,
        "policies": attempt.policies.splitlines(),
        "versions": json.loads(attempt.versions),
        "cases": cases,
    }


# Text.


def _names(student: Student) -> tuple[str, str]:
    """First and last name: `Lee, Ann` and `Ann Lee` are the same; who has no name is called by what is known."""
    last, comma, first = student.person.name.partition(",")
    if comma:
        return first.strip(), last.strip()
    first, _, last = student.shown.rpartition(" ")
    return first.strip(), last.strip()


def _points(value: float | None) -> str:
    return "" if value is None else f"{round(value, 2):g}"


def _csv(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_harmless(field) for field in row] for row in rows)
    return text.getvalue()


def _harmless(field: str) -> str:
    """No spreadsheet may take what a student chose, their name or a file's, for a formula."""
    return f"'{field}" if field.startswith(("=", "+", "-", "@", "\t", "\r")) and not _is_number(field) else field


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
