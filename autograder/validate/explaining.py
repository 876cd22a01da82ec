"""How often `explain` is right, on the programs that `autograder.validate.mixtures` keeps.

Measured is what a student would read: of programs with two misconceptions, how many are told at least one of the two
(and both), and how many are told one that is not there; of programs with a mistake that nobody has named, how many are
told anything at all; and of correct programs, how many.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from autograder.explain import Said, weigh
from autograder.validate.mixtures import CORRECT, MIXED, UNKNOWN, Program, Recording


@dataclass(frozen=True)
class Score:
    """Counts over some programs. A wrong one is a misconception told that is not in the program; where two that fail
    the same cases are told as "one of these", neither of them is in it."""

    mixed: int = 0
    right: int = 0
    both: int = 0
    wrong: int = 0
    alone: int = 0
    alone_right: int = 0
    alone_wrong: int = 0
    unknown: int = 0
    unknown_told: int = 0
    correct: int = 0
    correct_told: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(**{name: value + getattr(other, name) for name, value in vars(self).items()})


def measure(recording: Recording) -> Score:
    """The score on one assignment: its misconceptions one by one, and every program kept."""
    everything = frozenset().union(*(program.judged for program in recording.programs))
    alone = (Program("", name, (name,), vector, everything) for name, vector in recording.vectors.items())
    whole = sum((_alone(program, recording) for program in alone), Score())
    return sum((_one(program, recording) for program in recording.programs), whole)


def mistaken(recording: Recording) -> Iterable[tuple[Program, tuple[Said, ...]]]:
    """The mixtures on which nothing right, or something wrong, is said."""
    for program in recording.programs:
        said = weigh(program.fails, program.judged, recording.vectors)
        score = _one(program, recording)
        if program.kind == MIXED and (score.right < score.mixed or score.wrong):
            yield program, said


def _one(program: Program, recording: Recording) -> Score:
    said = weigh(program.fails, program.judged, recording.vectors)
    if program.kind == UNKNOWN:
        return Score(unknown=1, unknown_told=bool(said)) if program.fails else Score()
    if program.kind == CORRECT:
        return Score(correct=1, correct_told=bool(said))
    # Two mistakes that undo each other leave a program that is right: nothing is to be told.
    if not program.fails:
        return Score(correct=1, correct_told=bool(said))
    named = _named(said)
    holds = set(program.holds)
    return Score(mixed=1, right=bool(named & holds), both=holds <= named, wrong=_wrong(said, holds))


def _alone(program: Program, recording: Recording) -> Score:
    said = weigh(program.fails, program.judged, recording.vectors)
    holds = set(program.holds)
    return Score(alone=1, alone_right=bool(_named(said) & holds), alone_wrong=_wrong(said, holds))


def _named(said: tuple[Said, ...]) -> set[str]:
    return {name for one in said for name in one.names}


def _wrong(said: tuple[Said, ...], holds: set[str]) -> bool:
    return any(not holds & set(one.names) for one in said)
