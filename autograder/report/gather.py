"""From a gradebook to the records of a report: the attempts that count, what each student sees, and what follows.

Reads the gradebook, and the uploads where they still lie. The numbers are worked out in `stats`, resemblance in
`similarity`; how it all looks is left to `page` and `summary`.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import combinations
from pathlib import Path
from typing import Any

from autograder import explain
from autograder.batch import exports, ledger, policy
from autograder.batch.faults import Fault, faults
from autograder.batch.gradebook import Gradebook, Mark
from autograder.batch.ledger import Attempt, CaseRow
from autograder.course import Assignment, Course
from autograder.errors import UserError
from autograder.explain import Match, Misconception
from autograder.intake import IntakeError, receive
from autograder.judge.cases import CaseResult, Status, Verdict
from autograder.report import similarity, stats
from autograder.report.similarity import Likeness
from autograder.report.stats import CaseStats, Scores

SLOWEST = 10


@dataclass(frozen=True)
class SeenCase:
    """One row of what the student sees; `detail` is for the staff alone: the full story of a case that did not pass."""

    number: str
    name: str
    score: float
    points: float
    status: str
    passed: bool
    hidden: bool
    output: str
    detail: str = ""


@dataclass(frozen=True)
class Entry:
    """One attempt that counts, of one student or a group. Its number names it on the page."""

    attempt: Attempt
    names: tuple[str, ...]
    cases: tuple[CaseRow, ...]
    seen: tuple[SeenCase, ...]
    output: str
    shown_when: str
    matches: tuple[Match, ...]

    @property
    def number(self) -> int:
        return self.attempt.id

    @property
    def name(self) -> str:
        return " and ".join(self.names) or self.attempt.label

    @property
    def cpu_seconds(self) -> float:
        return sum(case.cpu_seconds for case in self.cases)

    @property
    def memory_mb(self) -> float:
        return max((case.memory_kb for case in self.cases), default=0) / 1024


@dataclass(frozen=True)
class StudentPage:
    """One student: the attempt that counts, if there is one, how many there are, and the mark by hand."""

    number: int
    name: str
    known_as: tuple[str, ...]
    status: str
    entry: Entry | None
    others: tuple[Attempt, ...]
    mark: Mark | None
    total: float | None
    possible: float


@dataclass(frozen=True)
class Held:
    """A misconception and whom it was seen in, with how sure that is. `alike` cannot be told apart from it here."""

    misconception: Misconception
    entries: tuple[tuple[Entry, float], ...]
    alike: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Report:
    """Everything that a report shows. Scores and cases are over the attempts that count and were graded in full."""

    course: Course
    assignment: Assignment
    made: datetime
    entries: tuple[Entry, ...]
    students: tuple[StudentPage, ...]
    faults: tuple[Fault, ...]
    scores: Scores
    cases: tuple[CaseStats, ...]
    together: tuple[tuple[CaseStats, ...], ...]
    never: tuple[CaseStats, ...]
    held: tuple[Held, ...]
    unexplained: int
    likeness: Likeness | None
    gone: int = 0

    @property
    def graded(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.attempt.state == ledger.GRADED)

    @property
    def rejected(self) -> tuple[Entry, ...]:
        return tuple(e for e in self.entries if e.attempt.state in (ledger.REJECTED, ledger.REFUSED))

    @property
    def missing(self) -> tuple[StudentPage, ...]:
        return tuple(page for page in self.students if page.entry is None)

    @property
    def slowest(self) -> tuple[Entry, ...]:
        return tuple(sorted(self.graded, key=lambda e: (-e.attempt.seconds, e.number))[:SLOWEST])

    def entry(self, number: int) -> Entry:
        return next(entry for entry in self.entries if entry.number == number)


def assignment_of(book: Gradebook, course: Course, out: Path) -> Assignment:
    """The assignment whose results lie in a folder."""
    row = book.db.execute("SELECT assignment FROM batches WHERE out = ? LIMIT 1", (_relative(book, out),)).fetchone()
    if row is None:
        raise UserError(f"{book.path} knows of no batch into {out}; give the folder that was --out of tito grade")
    return course.assignment(row[0])


def _relative(book: Gradebook, out: Path) -> str:
    """As batches are written down: relative to the gradebook."""
    return os.path.relpath(out.resolve(), book.path.resolve().parent)


def gather(
    book: Gradebook, course: Course, assignment: Assignment, out: Path, threshold: float | None = similarity.LIKE
) -> Report:
    """Everything about the batches of an assignment into a folder. Without a `threshold` no uploads are compared."""
    folder = course.solution(assignment.key)
    known, vectors = explain.load_misconceptions(folder), explain.load_vectors(folder)
    batches = {
        row[0]
        for row in book.db.execute(
            "SELECT id FROM batches WHERE assignment = ? AND out = ?", (assignment.key, _relative(book, out))
        )
    }
    entries: dict[int, Entry] = {}
    pages = []
    directory = book.directory()
    for standing in exports.standings(book, course, assignment):
        here = tuple(attempt for attempt in standing.attempts if attempt.batch in batches)
        counted = policy.counted(course, here)
        if counted is not None and counted.id not in entries:
            names = tuple(directory[number].shown for number in counted.students)
            entries[counted.id] = _entry(book, counted, names, known, vectors)
        pages.append(_page(standing, here, entries.get(counted.id) if counted else None))
    found = tuple(entries.values())
    graded = [entry for entry in found if entry.attempt.state == ledger.GRADED]
    cases = stats.cases_of([entry.cases for entry in graded])
    by_key = {case.key: case for case in cases}
    likeness, gone = _likeness(course, assignment, graded, threshold) if threshold is not None else (None, 0)
    return Report(
        course=course,
        assignment=assignment,
        made=datetime.now(timezone.utc),
        entries=found,
        students=tuple(pages),
        faults=faults(book, [entry.attempt for entry in found]),
        scores=stats.scores_of([entry.attempt.score for entry in graded], assignment.points),
        cases=cases,
        together=tuple(
            tuple(by_key[key] for key in keys) for keys in stats.always_together([entry.cases for entry in graded])
        ),
        never=stats.never_failing(cases),
        held=held(known, graded),
        unexplained=sum(not entry.matches and any(_wrong(case) for case in entry.cases) for entry in graded),
        likeness=likeness,
        gone=gone,
    )


def held(known: Iterable[Misconception], entries: Sequence[Entry]) -> tuple[Held, ...]:
    """The misconceptions that students seem to hold, those of most students first."""
    ranked = []
    for misconception in known:
        whom, alike = [], set()
        for entry in entries:
            for match in entry.matches:
                if match.misconception.id == misconception.id:
                    whom.append((entry, match.confidence))
                    alike |= {m.misconception.id for m in entry.matches if m.group == match.group}
        if whom:
            ranked.append(Held(misconception, tuple(whom), frozenset(alike - {misconception.id})))
    return tuple(sorted(ranked, key=lambda h: (-len(h.entries), h.misconception.id)))


def _wrong(case: CaseRow) -> bool:
    return stats.outcome(case) is False


def _entry(
    book: Gradebook,
    attempt: Attempt,
    names: tuple[str, ...],
    known: tuple[Misconception, ...],
    vectors: dict[str, frozenset[str]],
) -> Entry:
    results, details = (json.loads(text) for text in ledger.written(book, attempt.id))
    cases = ledger.cases(book, attempt.id)
    told = {case["key"]: case["detail"] for case in details["cases"]}
    return Entry(
        attempt,
        names,
        cases,
        tuple(_seen(row, told) for row in results["tests"]),
        results["output"],
        results["visibility"],
        explain.explain(_verdict(attempt, cases), known, vectors),
    )


def _seen(row: dict[str, Any], told: dict[str, str]) -> SeenCase:
    status = row["extra_data"].get("status", "")
    passed = row["status"] == "passed"
    detail = "" if passed else told.get(row["extra_data"].get("case", ""), "")
    # For a public case the student reads all of it already.
    extra = detail if detail.strip() and detail.strip() not in row["output"] else ""
    return SeenCase(
        str(row["number"]), row["name"], row["score"], row["max_score"], status, passed, "hidden" in row["tags"],
        row["output"], extra,
    )  # fmt: skip


def _verdict(attempt: Attempt, cases: Iterable[CaseRow]) -> Verdict:
    """The verdict as far as `explain` looks at it."""
    return Verdict(
        attempt.assignment,
        tuple(
            CaseResult(
                c.file, c.key.partition(".")[2], c.number, c.title, c.hidden, c.points, Status(c.status), "", "",
                c.seed, c.unwritten,
            )
            for c in cases
        ),
    )  # fmt: skip


def _page(standing: exports.Standing, here: tuple[Attempt, ...], entry: Entry | None) -> StudentPage:
    person = standing.student.person
    known_as = tuple(text for text in (person.email, person.sid, person.canvas, person.login) if text)
    others = tuple(attempt for attempt in here if entry is None or attempt.id != entry.number)
    return StudentPage(
        standing.student.id, standing.student.shown, known_as, standing.status, entry, others, standing.mark,
        standing.total, standing.possible,
    )  # fmt: skip


# Resemblance.


def _likeness(
    course: Course, assignment: Assignment, entries: Sequence[Entry], threshold: float
) -> tuple[Likeness, int]:
    """The comparison of all uploads that are still there, and how many are not."""
    sources: dict[int, str] = {}
    for entry in entries:
        if text := _code(course, assignment, entry.attempt):
            sources[entry.number] = text
    stub = "\n".join(_text(course.stub(assignment.key) / path) for path in assignment.writes)
    apart = (
        frozenset((left.number, right.number))
        for left, right in combinations(entries, 2)
        if set(left.attempt.students) & set(right.attempt.students)
    )
    return similarity.compare(sources, stub, apart, threshold), len(entries) - len(sources)


def _code(course: Course, assignment: Assignment, attempt: Attempt) -> str:
    """The code of an upload, all files in the order of the course; empty when what was graded is not there any more."""
    with tempfile.TemporaryDirectory(prefix="tito-report-") as folder:
        try:
            submission = receive(attempt.source, course, assignment, Path(folder) / "upload")
        except IntakeError:
            return ""
        if submission.digest != attempt.digest:
            return ""
        there = {file.path for file in submission.files}
        return "\n".join(_text(submission.root / path) for path in assignment.writes if path in there)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
