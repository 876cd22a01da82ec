"""What judging one case, and one submission, ends as. Plain records: the phases after the judge see nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from autograder.messages import message


class Status(str, Enum):
    """How a case ended. Only `PASSED` earns points; `GRADER_ERROR` is our fault and is never counted as a zero."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    TIMED_OUT = "timed out"
    CRASHED = "crashed"
    SKIPPED = "skipped"
    GRADER_ERROR = "grader error"


@dataclass(frozen=True)
class CaseResult:
    """One case on one submission.

    `message` is in the judge's words: for a public case what was asked, expected and came; for a hidden one only its
    hint. `detail` is the full story for instructors. `unwritten` tells that the program reached a blank that is still a
    stub. `measured` are the numbers that expect.between looked at, with what they are; `recorded` those for the
    leaderboard. `read` is the section of the handout that speaks of a failed case, where somebody has looked it up.
    """

    file: str
    id: str
    number: str
    title: str
    hidden: bool
    points: float
    status: Status
    message: str
    detail: str
    seed: int
    unwritten: bool = False
    printed: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_kb: int = 0
    measured: tuple[tuple[str, float], ...] = ()
    recorded: tuple[tuple[str, float], ...] = ()
    read: str = ""

    @property
    def key(self) -> str:
        """The case's name over the whole assignment: `softmax.survives_large_inputs`."""
        return f"{self.file}.{self.id}"

    @property
    def told(self) -> str:
        """The message and, where it is known, the place to read, as a student sees them."""
        return "\n".join(part for part in (self.message, f"read:     {self.read}" if self.read else "") if part)

    @property
    def earned(self) -> float:
        return self.points if self.status is Status.PASSED else 0.0


@dataclass(frozen=True)
class Verdict:
    """All cases of one submission in the order of the test files, and what was said about it as a whole."""

    assignment: str
    cases: tuple[CaseResult, ...]
    notes: tuple[str, ...] = ()

    @property
    def earned(self) -> float:
        return round(sum(case.earned for case in self.cases), 6)

    @property
    def possible(self) -> float:
        return round(sum(case.points for case in self.cases), 6)

    @property
    def failing(self) -> frozenset[str]:
        """Keys of the cases that did not pass."""
        return frozenset(case.key for case in self.cases if case.status is not Status.PASSED)

    @property
    def recorded(self) -> dict[str, float]:
        """What was recorded for the leaderboard by cases that passed; nothing else stands."""
        return {name: value for case in self.cases if case.status is Status.PASSED for name, value in case.recorded}

    @property
    def grader_errors(self) -> tuple[CaseResult, ...]:
        return tuple(case for case in self.cases if case.status is Status.GRADER_ERROR)


def with_call(asked: str, came: str) -> str:
    """What a student reads where no answer came that could be compared with anything."""
    return message("judge.asked", asked=asked, came=came) if asked else came
