"""The gradebook's side of a batch: what was uploaded, how it was graded, and the events that led there.

A grading is written whole, in one transaction, or not at all; that is what going on after a crash relies on. It keeps
results.json and record.json as well, so that lost files come back without grading anything twice.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder.batch.gradebook import Gradebook, moment, now, stamp
from autograder.batch.models import Earlier, Person, Upload
from autograder.batch.work import Outcome
from autograder.course import Course
from autograder.judge.cases import CaseResult
from autograder.score import Grade

GRADED, REJECTED, REFUSED, GRADER_ERROR = "graded", "rejected", "refused", "grader error"


@dataclass(frozen=True)
class Batch:
    """One run over a folder, perhaps in several goes. `seed` None: each attempt keeps the seed it had."""

    id: int
    assignment: str
    out: str
    regrade: bool
    seed: int | None
    only_of: tuple[str, ...]
    extensions: str
    course_digest: str
    finished: bool


@dataclass(frozen=True)
class Attempt:
    """One upload as the gradebook knows it; the fields from `state` on are empty until it is graded."""

    id: int
    assignment: str
    upload: str
    sha256: str
    label: str
    source: Path
    submitted: datetime | None
    marked_late: bool
    students: tuple[int, ...]
    state: str = ""
    batch: int = 0
    score: float = 0.0
    earned: float = 0.0
    deduction: float = 0.0
    possible: float = 0.0
    rejected: str = ""
    fault: str = ""
    explanation: str = ""
    policies: str = ""
    due: datetime | None = None
    late_seconds: float = 0.0
    late_percent: float = 0.0
    free_days: int = 0
    digest: str = ""
    seed: int = 0
    course_version: str = ""
    course_digest: str = ""
    image: str = ""
    versions: str = ""
    graded_at: str = ""
    seconds: float = 0.0

    @property
    def graded(self) -> bool:
        return bool(self.state)

    @property
    def refused(self) -> bool:
        return self.state == REFUSED

    @property
    def needs_a_person(self) -> bool:
        return self.state == GRADER_ERROR


@dataclass(frozen=True)
class CaseRow:
    """How one case of one attempt ended, and what it used."""

    attempt: int
    key: str
    file: str
    number: str
    title: str
    hidden: bool
    points: float
    earned: float
    status: str
    unwritten: bool
    seed: int
    seconds: float
    cpu_seconds: float
    memory_kb: int


# Batches.


def begin_batch(book: Gradebook, course: Course, image: str, source: Path, batch: Batch) -> int:
    """Write a new batch; its number. Inside a transaction."""
    cursor = book.db.execute(
        "INSERT INTO batches (assignment, source, out, regrade, seed, only_of, extensions, course_version,"
        " course_digest, image, who, started) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            batch.assignment, str(source), batch.out, batch.regrade, batch.seed, json.dumps(batch.only_of),
            batch.extensions, course.version, batch.course_digest, image, book.who, now(),
        ),
    )  # fmt: skip
    return int(cursor.lastrowid or 0)


def finish_batch(book: Gradebook, batch: int) -> None:
    with book.transaction() as db:
        db.execute("UPDATE batches SET finished = ? WHERE id = ?", (now(), batch))


def last_batch(book: Gradebook, assignment: str, out: str) -> Batch | None:
    """The latest batch of an assignment into a folder, finished or not."""
    row = book.db.execute(
        "SELECT * FROM batches WHERE assignment = ? AND out = ? ORDER BY id DESC LIMIT 1", (assignment, out)
    ).fetchone()
    return _batch(row) if row else None


def other_assignment(book: Gradebook, assignment: str, out: str) -> str:
    """The key of another assignment whose results already lie in a folder, if any."""
    row = book.db.execute(
        "SELECT assignment FROM batches WHERE out = ? AND assignment <> ? LIMIT 1", (out, assignment)
    ).fetchone()
    return row[0] if row else ""


def _batch(row: sqlite3.Row) -> Batch:
    return Batch(
        row["id"],
        row["assignment"],
        row["out"],
        bool(row["regrade"]),
        row["seed"],
        tuple(json.loads(row["only_of"])),
        row["extensions"],
        row["course_digest"],
        row["finished"] is not None,
    )


# Attempts.


def register(
    book: Gradebook, assignment: str, uploads: Iterable[tuple[Upload, str]], earlier: Iterable[Earlier]
) -> tuple[int, ...]:
    """Write uploads (each with its sha256) and their students; the number of each upload. Inside a transaction.

    An upload that is known keeps its number and its label; one whose bytes changed is another attempt.
    """
    uploads, earlier = list(uploads), list(earlier)
    people = [person for upload, _ in uploads for person in upload.people]
    numbers = book.add_people([*people, *(person for one in earlier for person in one.people)])
    taken = Counter(row[0].casefold() for row in book.db.execute(
        "SELECT label FROM attempts WHERE assignment = ?", (assignment,)))  # fmt: skip
    found = tuple(_register(book, assignment, upload, sha256, numbers, taken) for upload, sha256 in uploads)
    for one in earlier:
        for person in one.people:
            book.db.execute(
                "INSERT OR REPLACE INTO earlier (assignment, student, upload, submitted, score) VALUES (?, ?, ?, ?, ?)",
                (assignment, numbers[person], one.key, stamp(one.submitted), one.score),
            )
    return found


def _register(
    book: Gradebook, assignment: str, upload: Upload, sha256: str, numbers: dict[Person, int], taken: Counter[str]
) -> int:
    submitted = stamp(upload.submitted) if upload.submitted else None
    row = book.db.execute(
        "SELECT id FROM attempts WHERE assignment = ? AND upload = ? AND sha256 = ?", (assignment, upload.key, sha256)
    ).fetchone()
    if row:
        number = int(row[0])
        book.db.execute(
            "UPDATE attempts SET source = ?, submitted = coalesce(?, submitted), marked_late = ? WHERE id = ?",
            (str(upload.path), submitted, upload.marked_late, number),
        )
    else:
        cursor = book.db.execute(
            "INSERT INTO attempts (assignment, upload, sha256, label, source, submitted, marked_late)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                assignment, upload.key, sha256, _free_label(upload.label, taken), str(upload.path), submitted,
                upload.marked_late,
            ),
        )  # fmt: skip
        number = int(cursor.lastrowid or 0)
    for person in upload.people:
        book.db.execute("INSERT OR IGNORE INTO submitters (attempt, student) VALUES (?, ?)", (number, numbers[person]))
    return number


def _free_label(label: str, taken: Counter[str]) -> str:
    """The label, numbered when another upload has it; some file systems take a and A for one name."""
    number, free = 1, label
    while taken[free.casefold()]:
        number += 1
        free = f"{label}~{number}"
    taken[free.casefold()] += 1
    return free


_ATTEMPTS = (
    "SELECT attempts.*, gradings.*, attempts.id AS number FROM attempts"
    " LEFT JOIN gradings ON gradings.attempt = attempts.id"
)


def attempts(book: Gradebook, assignment: str = "", numbers: Collection[int] | None = None) -> tuple[Attempt, ...]:
    """Attempts in the order in which they were first seen: of one assignment, or with these numbers, or all."""
    students: dict[int, list[int]] = {}
    for attempt, student in book.db.execute("SELECT attempt, student FROM submitters ORDER BY attempt, student"):
        students.setdefault(attempt, []).append(student)
    rows = book.db.execute(f"{_ATTEMPTS} WHERE ? IN ('', assignment) ORDER BY attempts.id", (assignment,))
    wanted = None if numbers is None else set(numbers)
    return tuple(
        _attempt(row, students.get(row["number"], [])) for row in rows if wanted is None or row["number"] in wanted
    )


def _attempt(row: sqlite3.Row, students: list[int]) -> Attempt:
    upload = {
        "id": row["number"],
        "source": Path(row["source"]),
        "submitted": moment(row["submitted"]),
        "marked_late": bool(row["marked_late"]),
        "students": tuple(students),
        **{name: row[name] for name in ("assignment", "upload", "sha256", "label")},
    }
    if row["state"] is None:
        return Attempt(**upload)
    names = (*_GRADE_COLUMNS, "batch", "state", "course_version", "course_digest", "image", "versions", "graded_at")
    return Attempt(**upload, **{name: row[name] for name in names}, due=moment(row["due"]))


def attempt_times(book: Gradebook, assignment: str) -> dict[int, set[datetime]]:
    """When each student's attempts came, as far as known, those without files included.

    A set of times: an attempt of which the platform told first with its files and later without counts once.
    """
    found: dict[int, set[datetime]] = {}
    rows = book.db.execute(
        "SELECT student, submitted FROM attempts JOIN submitters ON attempt = attempts.id"
        " WHERE assignment = ? AND submitted IS NOT NULL"
        " UNION SELECT student, submitted FROM earlier WHERE assignment = ?",
        (assignment, assignment),
    )
    for student, submitted in rows:
        found.setdefault(student, set()).add(datetime.fromisoformat(submitted))
    return found


# Gradings.

_GRADE_COLUMNS = (
    "score", "earned", "deduction", "possible", "rejected", "fault", "explanation", "policies", "late_seconds",
    "late_percent", "free_days", "digest", "seed", "seconds",
)  # fmt: skip
_CASE_COLUMNS = (
    "key", "file", "number", "title", "hidden", "points", "earned", "status", "unwritten", "seed", "seconds",
    "cpu_seconds", "memory_kb",
)  # fmt: skip


def state_of(grade: Grade, refused: bool) -> str:
    if grade.needs_a_person:
        return GRADER_ERROR
    if refused:
        return REFUSED
    return REJECTED if grade.rejected else GRADED


def write_grading(
    book: Gradebook, course: Course, batch: Batch, attempt: Attempt, due: datetime, refused: bool,
    outcome: Outcome,
) -> None:  # fmt: skip
    """Write a grading with its cases, in place of the one before; a transaction of its own."""
    grade = outcome.grade
    values = {
        **_grade_values(grade, outcome.seconds),
        "attempt": attempt.id,
        "batch": batch.id,
        "state": state_of(grade, refused),
        "due": stamp(due),
        "course_version": course.version,
        "course_digest": batch.course_digest,
        "image": outcome.image,
        "versions": json.dumps(outcome.versions),
        "graded_at": now(),
        "results": zlib.compress(outcome.results),
        "record": zlib.compress(outcome.record),
    }
    with book.transaction() as db:
        before = db.execute("SELECT score, state FROM gradings WHERE attempt = ?", (attempt.id,)).fetchone()
        db.execute("DELETE FROM cases WHERE attempt = ?", (attempt.id,))
        db.execute("DELETE FROM leaderboard WHERE attempt = ?", (attempt.id,))
        _insert(db, "INSERT OR REPLACE INTO gradings", values)
        for position, case in enumerate(grade.verdict.cases):
            _insert(db, "INSERT INTO cases", {"attempt": attempt.id, "position": position, **_case_values(case)})
        told = f"{grade.score:g} ({values['state']})"
        for column, number in grade.leaderboard:
            _insert(db, "INSERT INTO leaderboard", {"attempt": attempt.id, "name": column.name, "value": number})
        if before:
            book.log("regraded", f"{before['score']:g} ({before['state']}) -> {told}", attempt.id, batch.id)
        else:
            book.log("graded", told, attempt.id, batch.id)


def _grade_values(grade: Grade, seconds: float) -> dict[str, Any]:
    late = grade.lateness
    return {
        "score": grade.score,
        "earned": grade.earned,
        "deduction": grade.deduction,
        "possible": grade.possible,
        "rejected": grade.rejected,
        "fault": grade.fault,
        "explanation": grade.explanation,
        "policies": "\n".join(grade.policies),
        "late_seconds": late.by.total_seconds() if late else 0.0,
        "late_percent": late.percent if late else 0.0,
        "free_days": late.free_days if late else 0,
        "digest": grade.digest,
        "seed": grade.seed,
        "seconds": round(seconds, 3),
    }


def _case_values(case: CaseResult) -> dict[str, Any]:
    whole = {**asdict(case), "key": case.key, "earned": case.earned, "status": case.status.value}
    return {name: whole[name] for name in _CASE_COLUMNS}


def _insert(db: sqlite3.Connection, into: str, values: dict[str, Any]) -> None:
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    db.execute(f"{into} ({columns}) VALUES ({marks})", tuple(values.values()))


def written(book: Gradebook, attempt: int) -> tuple[bytes, bytes]:
    """results.json and record.json of an attempt that is graded."""
    row = book.db.execute("SELECT results, record FROM gradings WHERE attempt = ?", (attempt,)).fetchone()
    return zlib.decompress(row["results"]), zlib.decompress(row["record"])


def cases(book: Gradebook, attempt: int) -> tuple[CaseRow, ...]:
    """The cases of an attempt in the order of the test files."""
    rows = book.db.execute("SELECT * FROM cases WHERE attempt = ? ORDER BY position", (attempt,))
    return tuple(
        CaseRow(attempt, **{**{name: row[name] for name in _CASE_COLUMNS}, "hidden": bool(row["hidden"]),
                            "unwritten": bool(row["unwritten"])})
        for row in rows
    )  # fmt: skip


def leaderboard(book: Gradebook, attempt: int) -> dict[str, float]:
    """What was recorded of an attempt for the leaderboard, by column."""
    rows = book.db.execute("SELECT name, value FROM leaderboard WHERE attempt = ?", (attempt,))
    return {row["name"]: row["value"] for row in rows}


def events(book: Gradebook, attempt: int) -> tuple[str, ...]:
    """What happened to an attempt, a line each, the oldest first."""
    rows = book.db.execute("SELECT at, who, what, detail FROM events WHERE attempt = ? ORDER BY id", (attempt,))
    return tuple(f"{row['at'][:16]} {row['what']} by {row['who']}: {row['detail']}" for row in rows)
