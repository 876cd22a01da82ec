"""What the course's policies make of uploads: extensions and late days, attempts a day, and which attempt counts.

The penalty itself is worked out in `autograder.score`; here is only what a single upload does not know about itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from autograder.batch import tables
from autograder.batch.people import Directory
from autograder.course import Assignment, Course
from autograder.errors import UserError
from autograder.score import Terms, attempt_of_day, attempts_before

COLUMNS = ("assignment", "due", "days", "late_days", "comment")
END_OF_DAY = time(23, 59)


@dataclass(frozen=True)
class Allowance:
    """What one student was granted for one assignment: a later date, and late days for it or for the whole term."""

    due: datetime | None = None
    late_days: int = 0
    budget: int = 0


@dataclass(frozen=True)
class Granted:
    """A line of the extensions file."""

    student: int
    assignment: str  # a key, or empty: all assignments
    due: datetime | None
    late_days: int


@dataclass(frozen=True)
class Extensions:
    """All of a file. `unknown` are lines whose student nobody knows: not yet anybody's upload, or misspelt."""

    granted: tuple[Granted, ...] = ()
    unknown: tuple[str, ...] = ()

    def of(self, student: int, assignment: Assignment) -> Allowance:
        mine = [g for g in self.granted if g.student == student]
        here = [g for g in mine if g.assignment == assignment.key]
        dues = [g.due for g in here if g.due is not None]
        late_days = sum(g.late_days for g in here)
        return Allowance(max(dues, default=None), late_days, sum(g.late_days for g in mine if not g.assignment))


def read_extensions(text: str, file: str, course: Course, directory: Directory) -> Extensions:
    """A CSV with one line a student (and assignment): `due` or `days` for a later date, `late_days` to spend.

    `late_days` with an assignment are for it alone; without one they last for the term.
    """
    granted: list[Granted] = []
    unknown: list[str] = []
    seen: dict[tuple[int, str], str] = {}
    for row in tables.read_rows(text, file, COLUMNS) if text else ():
        key = _assignment(row, course)
        due, late_days = _due(row, course, key), _late_days(row)
        if due is None and not late_days:
            raise row.wrong("nothing is granted; fill in due, days or late_days")
        try:
            student = directory.of_row(row)
        except UserError as error:
            unknown.append(str(error))
            continue
        if earlier := seen.get((student.id, key)):
            raise row.wrong(f"{student.shown} stands in {earlier} already for this; keep one line")
        seen[student.id, key] = row.where
        granted.append(Granted(student.id, key, due, late_days))
    return Extensions(tuple(granted), tuple(unknown))


def _assignment(row: tables.Row, course: Course) -> str:
    if not row["assignment"]:
        return ""
    try:
        return course.assignment(row["assignment"]).key
    except UserError as error:
        raise row.wrong(str(error)) from None


def _due(row: tables.Row, course: Course, key: str) -> datetime | None:
    if row["due"] and row["days"]:
        raise row.wrong("due and days both say until when; keep one")
    if not row["due"] and not row["days"]:
        return None
    if not key:
        raise row.wrong("a date is for one assignment; name it in the column assignment")
    if row["due"]:
        return _moment(row, ZoneInfo(course.timezone))
    return course.due(course.by_key[key]) + timedelta(days=tables.number(row, "days"))


def _moment(row: tables.Row, zone: ZoneInfo) -> datetime:
    text = row["due"].replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise row.wrong(f"due is '{row['due']}'; write 2027-02-19, or 2027-02-19 18:00") from None
    if len(text) == len("2027-02-19"):
        moment = datetime.combine(moment, END_OF_DAY)
    return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)


def _late_days(row: tables.Row) -> int:
    if not row["late_days"]:
        return 0
    days = tables.number(row, "late_days")
    if days != int(days):
        raise row.wrong(f"late_days is {row['late_days']}; late days are whole")
    return int(days)


# One upload.


@dataclass(frozen=True)
class Applied:
    """The student's own due date (None: the course's), and the terms on which an upload is graded."""

    due: datetime | None
    terms: Terms


def apply(
    course: Course,
    assignment: Assignment,
    submitted: datetime | None,
    allowances: Sequence[Allowance],
    spent: Sequence[int],
    others: Sequence[Collection[datetime]],
    marked_late: bool = False,
) -> Applied:
    """What holds for one upload. All sequences go by its submitters; of a group, the most generous allowance counts.

    Args:
        submitted: when it came; None when nobody knows.
        spent: late days of the term's budget that each has used on other assignments.
        others: when each submitter's other attempts came.
        marked_late: the platform says that it came late but not when.
    """
    due = max((a.due for a in allowances if a.due is not None), default=None)
    left = [a.late_days + max(0, a.budget - used) for a, used in zip(allowances, spent, strict=True)]
    lines = []
    if due is not None:
        lines.append(f"Your own due date is {due:%Y-%m-%d %H:%M %Z} (the course's: {_shown(course.due(assignment))}).")
    if submitted is None and marked_late:
        lines.append("The platform marks this upload as late, but not by how much: the late policy is not applied.")
    number = 1 + max((attempts_before(course, submitted, times) for times in others), default=0)
    refused, counted = attempt_of_day(course, submitted, number)
    return Applied(due, Terms(max(left, default=0), refused, (*lines, *counted)))


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M %Z}"


# Which attempt counts.


class Attempted(Protocol):
    """What choosing among attempts needs to know of each. Order of `attempts` breaks ties between unknown times."""

    @property
    def submitted(self) -> datetime | None: ...

    @property
    def score(self) -> float: ...

    @property
    def refused(self) -> bool: ...

    @property
    def needs_a_person(self) -> bool: ...


A = TypeVar("A", bound=Attempted)


def counted(course: Course, attempts: Iterable[A]) -> A | None:
    """The attempt that counts. What the limit on attempts refused never does, and no other comes before its time.

    Under `best`, an attempt on which the grader failed is the one to look at: nobody knows yet what it is worth.
    """
    standing = [a for a in attempts if not a.refused]
    if not standing:
        return None
    in_order = sorted(standing, key=lambda a: (a.submitted is not None, a.submitted.timestamp() if a.submitted else 0))
    if course.policies.attempt_counted == "last":
        return in_order[-1]
    return max(reversed(in_order), key=lambda a: (a.needs_a_person, a.score))
