"""Points: the late policy, and the one writer of Gradescope's results.json.

One row a case, numbered and tagged; the late policy is a row of its own that says what it took and why. Nothing in a
row depends on the machine or the clock, so the same submission gives the same bytes wherever it is graded; only
`execution_time` differs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from autograder.course import Assignment, Course
from autograder.judge.cases import CaseResult, Status, Verdict

FIELD_LIMIT = 20_000


@dataclass(frozen=True)
class Lateness:
    """How late a submission came and what that costs."""

    by: timedelta
    days: int
    percent: float
    reason: str


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
    def needs_a_person(self) -> bool:
        """Whether something of ours failed: the score must not stand before somebody has looked."""
        return bool(self.verdict.grader_errors or self.fault)


def lateness(
    course: Course, assignment: Assignment, submitted: datetime | None, due: datetime | None = None
) -> Lateness | None:
    """What the late policy says; None when the submission is in time or its time is unknown.

    Args:
        submitted: when it was uploaded (with a zone). Lateness never comes from this machine's clock.
        due: the student's own due date where the platform states one (an extension), else the course's.
    """
    if submitted is None:
        return None
    due = due or course.due(assignment)
    by = submitted.astimezone(timezone.utc) - due.astimezone(timezone.utc)
    policy = course.late
    if by <= timedelta(minutes=policy.grace_minutes):
        return None
    days = math.ceil((by - timedelta(minutes=policy.grace_minutes)) / timedelta(days=1))
    percent = 100.0 if days > policy.max_days else min(100.0, days * policy.percent_per_day)
    rule = f"{policy.percent_per_day:g} % a day or part of one, nothing after {policy.max_days} days"
    reason = f"due {due:%Y-%m-%d %H:%M %Z}, submitted {_span(by)} late: {percent:g} % of the points earned ({rule})"
    return Lateness(by, days, percent, reason)


def results(grade: Grade, execution_time: float) -> dict[str, Any]:
    """results.json in Gradescope's schema."""
    rows = [_row(case) for case in grade.verdict.cases]
    if grade.lateness:
        rows.append(_late_row(grade))
    found: dict[str, Any] = {
        "score": grade.score,
        "execution_time": round(execution_time, 3),
        "output": _cut(_output(grade)),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
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
    return found


def _row(case: CaseResult) -> dict[str, Any]:
    passed = case.status is Status.PASSED
    output = case.message if passed else "\n".join(part for part in (f"[{case.status.value}]", case.message) if part)
    return {
        "number": case.number,
        "name": case.title,
        "score": case.earned,
        "max_score": case.points,
        "status": "passed" if passed else "failed",
        "output": _cut(output),
        "tags": [case.file, "hidden" if case.hidden else "public", case.status.value],
        "visibility": "visible",
        "extra_data": {"case": case.key, "status": case.status.value, "seed": case.seed},
    }


def _late_row(grade: Grade) -> dict[str, Any]:
    assert grade.lateness is not None
    return {
        "number": "L",
        "name": "Late submission",
        "score": 0 - grade.deduction,  # not -0.0
        "max_score": 0,
        "status": "failed",
        "output": f"-{grade.deduction:g} points: {grade.lateness.reason}",
        "tags": ["late policy"],
        "visibility": "visible",
        "extra_data": {"percent": grade.lateness.percent, "days": grade.lateness.days},
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
