"""What a table of passed and failed cases tells: about the scores, and about the tests that made them.

Pure functions on plain records. A case that stopped at a blank, or was not run, earned nothing, but says nothing about
whether two cases look at the same thing.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.batch.ledger import CaseRow
from autograder.judge.cases import Status

TOGETHER = 3  # as often at least have cases to fail before it is said that they always fail together
BARS = 10


@dataclass(frozen=True)
class Scores:
    """The distribution of scores, in points. `bars` counts them in ten equal parts from 0 to what is possible."""

    count: int
    possible: float
    mean: float = 0.0
    median: float = 0.0
    low: float = 0.0
    high: float = 0.0
    lower_quarter: float = 0.0
    upper_quarter: float = 0.0
    deviation: float = 0.0
    bars: tuple[int, ...] = (0,) * BARS


@dataclass(frozen=True)
class CaseStats:
    """One case over all submissions that were judged on it.

    Attributes:
        passed, failed, blank: how many passed it, failed it, or had not written what it needs (or were not run).
        telling: the point-biserial correlation of passing it with the points earned in all other cases; None where
            everybody does alike.
        seconds, memory_mb: the median over submissions.
    """

    key: str
    number: str
    file: str
    title: str
    hidden: bool
    points: float
    passed: int
    failed: int
    blank: int
    telling: float | None
    seconds: float
    memory_mb: float

    @property
    def count(self) -> int:
        return self.passed + self.failed + self.blank

    @property
    def share(self) -> float:
        """The share that passed: the higher, the easier."""
        return self.passed / self.count if self.count else 0.0


def scores_of(scores: Sequence[float], possible: float) -> Scores:
    if not scores:
        return Scores(0, possible)
    bars = [0] * BARS
    for score in scores:
        place = int(BARS * score / possible) if possible else 0
        bars[max(0, min(BARS - 1, place))] += 1
    lower, upper = _quarters(sorted(scores))
    return Scores(
        len(scores), possible, statistics.fmean(scores), statistics.median(scores), min(scores), max(scores), lower,
        upper, statistics.pstdev(scores), tuple(bars),
    )  # fmt: skip


def bar_edges(scores: Scores) -> tuple[tuple[float, float], ...]:
    """From which score to which each bar goes; the last one holds the full score too."""
    width = scores.possible / BARS
    return tuple((round(i * width, 2), round((i + 1) * width, 2)) for i in range(BARS))


def _quarters(ordered: Sequence[float]) -> tuple[float, float]:
    if len(ordered) < 2:
        return ordered[0], ordered[0]
    first, _, third = statistics.quantiles(ordered, n=4, method="inclusive")
    return first, third


def cases_of(submissions: Sequence[Sequence[CaseRow]]) -> tuple[CaseStats, ...]:
    """The cases, in the order of the test files, over submissions each given by its cases."""
    rows: dict[str, list[CaseRow]] = {}
    rest: dict[str, list[float]] = {}
    for cases in submissions:
        earned = sum(case.earned for case in cases)
        for case in cases:
            # A case on which the grader failed says nothing about the submission.
            if case.status != Status.GRADER_ERROR.value:
                rows.setdefault(case.key, []).append(case)
                rest.setdefault(case.key, []).append(earned - case.earned)
    made = [_case(found, rest[key]) for key, found in rows.items()]
    return tuple(sorted(made, key=lambda case: [int(part) for part in case.number.split(".")]))


def _case(rows: list[CaseRow], rest: list[float]) -> CaseStats:
    outcomes = [outcome(row) for row in rows]
    ran = [row for row in rows if row.status != Status.SKIPPED.value] or rows
    first = rows[0]
    return CaseStats(
        first.key, first.number, first.file, first.title, first.hidden, first.points,
        outcomes.count(True), outcomes.count(False), outcomes.count(None),
        correlation([float(o is True) for o in outcomes], rest),
        statistics.median(row.seconds for row in ran), statistics.median(row.memory_kb for row in ran) / 1024,
    )  # fmt: skip


def outcome(row: CaseRow) -> bool | None:
    """Whether a case passed; None when it stopped at a blank or was not run."""
    if row.unwritten or row.status == Status.SKIPPED.value:
        return None
    return row.status == Status.PASSED.value


def correlation(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Pearson's correlation, with 0 and 1 on one side the point-biserial one; None where a side does not vary."""
    if len(xs) < 2:
        return None
    x_mean, y_mean = statistics.fmean(xs), statistics.fmean(ys)
    spread = math.sqrt(sum((x - x_mean) ** 2 for x in xs) * sum((y - y_mean) ** 2 for y in ys))
    if spread < 1e-12:
        return None
    together = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True))
    return max(-1.0, min(1.0, together / spread))


def always_together(submissions: Sequence[Sequence[CaseRow]]) -> tuple[tuple[str, ...], ...]:
    """Keys of cases that end alike on every submission and fail often enough to say so: one of each group would do."""
    columns: dict[str, list[bool | None]] = {}
    for cases in submissions:
        for case in cases:
            columns.setdefault(case.key, []).append(outcome(case))
    groups: dict[tuple[bool | None, ...], list[str]] = {}
    for key, column in columns.items():
        if len(column) == len(submissions) and column.count(False) >= TOGETHER:
            groups.setdefault(tuple(column), []).append(key)
    return tuple(tuple(keys) for keys in groups.values() if len(keys) > 1)


def never_failing(cases: Sequence[CaseStats]) -> tuple[CaseStats, ...]:
    """Cases that everybody who got that far passed."""
    return tuple(case for case in cases if case.passed and not case.failed)
