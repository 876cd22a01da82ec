"""Uploads on which the grader itself failed: why, and what a person has to do. None of them has a score meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from autograder.batch import ledger
from autograder.batch.gradebook import Gradebook
from autograder.batch.ledger import Attempt
from autograder.judge.cases import Status

SHOWN = 300


@dataclass(frozen=True)
class Fault:
    """One upload that waits for a person. `why` and `remedy` are one line each."""

    attempt: Attempt
    why: str
    remedy: str


def faults(book: Gradebook, attempts: Iterable[Attempt]) -> tuple[Fault, ...]:
    """The faults among some attempts."""
    return tuple(_fault(book, attempt) for attempt in attempts if attempt.needs_a_person)


def _fault(book: Gradebook, attempt: Attempt) -> Fault:
    again = f"--regrade --only {attempt.label}"
    if attempt.fault:
        why = attempt.fault
        if why.startswith("the judge"):
            remedy = f"grade it alone, so that it has the machine to itself: {again} --jobs 1"
        else:
            remedy = f"see {attempt.label}/record.json; when the cause is gone: {again}"
        return Fault(attempt, _one_line(why), remedy)
    broken = _broken_cases(book, attempt)
    files = ", ".join(sorted({f"test_{key.partition('.')[0]}.py" for key, _ in broken}))
    remedy = f"correct {files}, prove it (tito validate {attempt.assignment.partition('_')[0]}), then {again}"
    return Fault(attempt, _one_line("; ".join(f"{key}: {detail}" for key, detail in broken)), remedy)


def _broken_cases(book: Gradebook, attempt: Attempt) -> list[tuple[str, str]]:
    _, details = ledger.written(book, attempt.id)
    cases = json.loads(details)["cases"]
    return [(case["key"], case["detail"]) for case in cases if case["status"] == Status.GRADER_ERROR.value]


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."
