"""Points: the late policy, what other policies say, and the one writer of Gradescope's results.json.

One row a case, numbered and tagged; the late policy is a row of its own that says what it took and why. Nothing in a
row depends on the machine or the clock, so the same submission gives the same bytes wherever it is graded; only
`execution_time` differs, and times on the leaderboard, which stands last.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from autograder.course import Assignment, Column, Course, Policies
from autograder.judge.cases import CaseResult, Status, Verdict

FIELD_LIMIT = 20_000


@dataclass(frozen=True)
class Lateness:
    """How late a submission came and what that costs.

    `days` were begun after the grace period; `free_days` of them are covered by the student's own late days.
    """

    by: timedelta
    days: int
    percent: float
    reason: str
    free_days: int = 0


@dataclass(frozen=True)
class Terms:
    """What the policies say about one upload, where the platform or the gradebook knows more than its files.

    `free_days` are late days that the student may still use; `refused` says why the upload is not to be graded at all;
    `lines` are for the student to read.
    """

    free_days: int = 0
    refused: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grade:
    """A judged (or rejected) submission with everything that is said about it."""

    assignment: str
    title: str
    verdict: Verdict
    possible: float
    rejected: str = ""
    fault: str = ""
    remarks: tuple[str, ...] = ()
    explanation: str = ""
    lateness: Lateness | None = None
    digest: str = ""
    seed: int = 0
    complete: bool = True
    policies: tuple[str, ...] = ()
    visibility: str = "visible"
    columns: tuple[Column, ...] = ()

    @property
    def earned(self) -> float:
        return self.verdict.earned

    @property
    def deduction(self) -> float:
        return round(self.earned * self.lateness.percent / 100, 2) if self.lateness else 0.0

    @property
    def score(self) -> float:
        return round(self.earned - self.deduction, 2)

    @property
    def leaderboard(self) -> tuple[tuple[Column, float], ...]:
        """The numbers of the columns that were recorded; none before a grading has ended well."""
        if self.rejected or self.needs_a_person or not self.complete:
            return ()
        recorded = self.verdict.recorded
        return tuple((column, recorded[column.name]) for column in self.columns if column.name in recorded)

    @property
    def needs_a_person(self) -> bool:
        """Whether something of ours failed: the score must not stand before somebody has looked."""
        return bool(self.verdict.grader_errors or self.fault)


def lateness(
    course: Course,
    assignment: Assignment,
    submitted: datetime | None,
    due: datetime | None = None,
    free_days: int = 0,
) -> Lateness | None:
    """What the late policy says; None when the submission is in time or its time is unknown.

    Args:
        submitted: when it was uploaded (with a zone). Lateness never comes from this machine's clock.
        due: the student's own due date where the platform states one (an extension), else the course's.
        free_days: late days that cost the student nothing; used before any points are taken.
    """
    if submitted is None:
        return None
    due = due or course.due(assignment)
    by = submitted.astimezone(timezone.utc) - due.astimezone(timezone.utc)
    policy = course.late
    if by <= timedelta(0):
        return None
    came = f"due {due:%Y-%m-%d %H:%M %Z}, submitted {_span(by) or 'less than a minute'} late"
    if by <= timedelta(minutes=policy.grace_minutes):
        return Lateness(by, 0, 0.0, f"{came}: within the grace period of {policy.grace_minutes} minutes")
    days = math.ceil((by - timedelta(minutes=policy.grace_minutes)) / timedelta(days=1))
    free = min(days, free_days)
    charged = days - free
    percent = 100.0 if charged > policy.max_days else min(100.0, charged * policy.percent_per_day)
    rule = f"{policy.percent_per_day:g} % a day or part of one, nothing after {policy.max_days} days"
    covered = f" and {free} of {free_days} late days used" if free else ""
    return Lateness(by, days, percent, f"{came}{covered}: {percent:g} % of the points earned ({rule})", free)


def attempts_before(course: Course, submitted: datetime | None, others: Iterable[datetime]) -> int:
    """How many of a student's other attempts came earlier on the same day, by the course's clock."""
    if submitted is None:
        return 0
    zone = ZoneInfo(course.timezone)
    day = submitted.astimezone(zone).date()
    return sum(1 for moment in others if moment < submitted and moment.astimezone(zone).date() == day)


def attempt_of_day(course: Course, submitted: datetime | None, number: int) -> tuple[str, tuple[str, ...]]:
    """What the limit on attempts makes of the `number`-th of a day: why it is refused (or nothing); what to say."""
    most = course.policies.attempts_per_day
    if not most:
        return "", ()
    if submitted is None:
        return "", ("It is not known when this came, so the attempts of its day were not counted.",)
    day = submitted.astimezone(ZoneInfo(course.timezone)).date()
    if number > most:
        return f"this is attempt {number} of {day}, and {most} a day are graded; an earlier attempt counts", ()
    return "", (f"This is attempt {number} of {most} on {day}.",)


def visibility(policies: Policies) -> str:
    """Gradescope's word for when a student sees score and cases."""
    return "visible" if policies.score_shown == "at once" else "after_due_date"


def policy_lines(policies: Policies) -> tuple[str, ...]:
    """What a student should know of the course's policies; the usual goes without saying."""
    lines = []
    if policies.attempts_per_day:
        lines.append(f"At most {policies.attempts_per_day} attempts a day are graded.")
    if policies.attempt_counted == "best":
        lines.append("The best of your attempts counts.")
    if policies.score_shown != "at once":
        lines.append("Score and cases are shown after the due date.")
    return tuple(lines)


def results(grade: Grade, execution_time: float) -> dict[str, Any]:
    """results.json in Gradescope's schema."""
    rows = [_row(case, grade.visibility) for case in grade.verdict.cases]
    if grade.lateness:
        rows.append(_late_row(grade))
    found: dict[str, Any] = {
        "score": grade.score,
        "execution_time": round(execution_time, 3),
        "output": _cut(_output(grade)),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": grade.visibility,
        "stdout_visibility": "hidden",
        "extra_data": {
            "assignment": grade.assignment,
            "possible": grade.possible,
            "earned": grade.earned,
            "deduction": grade.deduction,
            "submission": grade.digest,
            "seed": grade.seed,
            "complete": grade.complete,
            "needs_a_person": grade.needs_a_person,
        },
        "tests": rows,
    }
    if grade.leaderboard and grade.visibility == "visible":  # a board is seen at once, whatever its rows say
        found["leaderboard"] = [{"name": c.name, "value": number, "order": c.order} for c, number in grade.leaderboard]
    if grade.policies:
        found["extra_data"]["policies"] = list(grade.policies)
    return found


def _row(case: CaseResult, visibility: str) -> dict[str, Any]:
    passed = case.status is Status.PASSED
    output = case.message if passed else "\n".join(part for part in (f"[{case.status.value}]", case.told) if part)
    return {
        "number": case.number,
        "name": case.title,
        "score": case.earned,
        "max_score": case.points,
        "status": "passed" if passed else "failed",
        "output": _cut(output),
        "tags": [case.file, "hidden" if case.hidden else "public", case.status.value],
        "visibility": visibility,
        "extra_data": {"case": case.key, "status": case.status.value, "seed": case.seed},
    }


def _late_row(grade: Grade) -> dict[str, Any]:
    assert grade.lateness is not None
    free = {"free_days": grade.lateness.free_days} if grade.lateness.free_days else {}
    return {
        "number": "L",
        "name": "Late submission",
        "score": 0 - grade.deduction,  # not -0.0
        "max_score": 0,
        "status": "failed" if grade.lateness.percent else "passed",
        "output": f"-{grade.deduction:g} points: {grade.lateness.reason}",
        "tags": ["late policy"],
        "visibility": grade.visibility,
        "extra_data": {"percent": grade.lateness.percent, "days": grade.lateness.days, **free},
    }


def _output(grade: Grade) -> str:
    parts = []
    if grade.rejected:
        parts.append(f"Not graded: {grade.rejected}")
    if not grade.complete and not grade.fault:
        parts.append(
            "Grading was interrupted; the cases below that have not run count as 0 here."
            " Submit again or tell the staff."
        )
    parts += grade.verdict.notes
    if grade.fault:
        parts.append(
            "The grader itself failed; that is not your program's fault. The staff has to look at this submission;"
            " you lose nothing by it."
        )
    elif grade.needs_a_person:
        parts.append(
            "The grader itself failed on some cases (marked 'grader error'). The staff has to look at this submission."
        )
    parts += grade.remarks
    parts += grade.policies
    if grade.explanation:
        parts.append(grade.explanation)
    return "\n\n".join(parts)


def _cut(text: str) -> str:
    return text if len(text) <= FIELD_LIMIT else text[: FIELD_LIMIT - 12] + "\n[cut here]"


def _span(by: timedelta) -> str:
    minutes = int(by.total_seconds() // 60)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    parts = [
        f"{n} {unit}{'s' if n != 1 else ''}" for n, unit in ((days, "day"), (hours, "hour"), (minutes, "minute")) if n
    ]
    return " ".join(parts[:2])
