"""Which layer of a student's stack keeps a milestone from being reached: found by running it on parts of the stack.

A part is some of the student's layers over the reference. Two searches take turns (delta debugging, and the hitting
sets that turn its findings into a cure): a smallest part that fails names the layers that fail together, and a smallest
choice of layers that meets every such part is tried as the swap that cures the whole stack. What is reported as a swap
was run and passed. Every part is asked the same questions, and what a finding rests on is asked others too: a program
that trains may miss its mark once by chance, but a layer that is wrong misses it always. Taking layers in and running
them is the matter of `autograder.milestone`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from autograder.course import Course, Milestone
from autograder.errors import GraderError
from autograder.judge.cases import CaseResult, Status, Verdict
from autograder.milestone import Choice, Runner

OTHER_SWAPS = 6  # how many further swaps of the same size are tried at most
DRAWS = 3  # on so many different draws a part has to fail before anything is concluded from it

Part = frozenset[str]


@dataclass(frozen=True)
class Culprit:
    """Layers that fail together on the reference, though none of several does alone. `case` is the first to fail."""

    layers: tuple[str, ...]
    case: CaseResult | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Blame:
    """What was found out about a stack.

    Attributes:
        reached: the milestone is reached on all layers that could be used, so that none of these is to blame.
        by_chance: but not on the first draws.
        swaps: choices of layers, all of the same size, each of which makes the rest of the stack pass when the
            reference stands in for it.
        refused: layers that could not even be used; the reference stood in for them throughout.
        runs: how often the milestone ran.
    """

    milestone: str
    own: tuple[str, ...]
    reached: bool
    culprits: tuple[Culprit, ...]
    swaps: tuple[tuple[str, ...], ...]
    refused: tuple[Choice, ...]
    runs: int
    by_chance: bool = False


@dataclass(frozen=True)
class Step:
    """One run that is about to begin (no verdict yet) or has ended: on which of the student's layers, and whether on
    other draws than the first."""

    number: int
    layers: tuple[str, ...]
    draws: int = 0
    verdict: Verdict | None = None

    @property
    def passed(self) -> bool:
        return self.verdict is not None and _passed(self.verdict)


Told = Callable[[Step], None]


def blame(
    course: Course,
    milestone: Milestone,
    submissions: Iterable[Path],
    seed: int = 0,
    allow_weak_sandbox: bool = False,
    told: Told = lambda step: None,
) -> Blame:
    """Find what is to blame in the stack that the submissions make; see `of_runner`."""
    with Runner(course, milestone, allow_weak_sandbox=allow_weak_sandbox) as runner:
        return of_runner(runner, submissions, seed, told)


def of_runner(runner: Runner, submissions: Iterable[Path], seed: int = 0, told: Told = lambda step: None) -> Blame:
    """The same, with a runner that exists.

    Raises:
        UserError: a submission in which nothing of the course was found.
        GraderError: the milestone fails on the reference alone, or the grader itself failed.
    """
    with runner.stack(tuple(submissions), seed) as stack:
        search = Search(stack.keys, lambda keys, draws: stack.judge(keys, seed + draws), told)
        refused = tuple(c for c in stack.choices if c.origin == "reference" and c.reason != NOT_THERE)
        swaps, culprits = search.run()
        return Blame(
            runner.milestone.key, stack.keys, not culprits, culprits, swaps, refused, search.runs, search.by_chance
        )


NOT_THERE = "not among the submissions"


class Search:
    """Finds the layers to blame among `keys` by judging parts of them, on the first draws, or on others; no part is
    judged twice on the same."""

    def __init__(self, keys: tuple[str, ...], judge: Callable[[Iterable[str], int], Verdict], told: Told):
        self.keys, self._judge, self._told = keys, judge, told
        self._verdicts: dict[Part, Verdict] = {}
        self._tries: Counter[Part] = Counter()
        self.runs = 0
        self.by_chance = False

    def run(self) -> tuple[tuple[tuple[str, ...], ...], tuple[Culprit, ...]]:
        """The smallest swaps that cure the whole, and the culprits that they rest on; nothing when nothing fails."""
        whole = frozenset(self.keys)
        if not self.surely_fails(whole):
            self.by_chance = self.runs > 1
            return (), ()
        if self.surely_fails(frozenset()):
            case, notes = _first_failing(self.verdict(frozenset()))
            what = f"'{case.title}' ends as {case.status.value}" if case else "; ".join(notes)
            raise GraderError(f"it is not reached on the reference alone ({what}), so no layer can be blamed")
        conflicts: list[Part] = []
        swap: Part = frozenset()
        while self.surely_fails(whole - swap):
            conflict = self._conflict(whole - swap)
            # If that was chance, it is known now, and the search takes another way.
            if self.surely_fails(conflict):
                conflicts.append(conflict)
                swap = next(_hitting(conflicts, self.keys))
        swap = self._without_idle(whole, swap)
        swaps = self._equally_small(whole, swap, conflicts)
        at_fault = [part for part in conflicts if any(part & found for found in swaps)]
        return tuple(self._ordered(found) for found in swaps), tuple(self._culprit(part) for part in at_fault)

    def passes(self, part: Part) -> bool:
        return _passed(self.verdict(part))

    def surely_fails(self, part: Part) -> bool:
        """Whether a part fails on other draws as well; if it passes on one, that is what is known of it from now on."""
        while not self.passes(part) and self._tries[part] < DRAWS:
            verdict = self._run(part, self._tries[part])
            if _passed(verdict):
                self._verdicts[part] = verdict
        return not self.passes(part)

    def verdict(self, part: Part) -> Verdict:
        if part not in self._verdicts:
            self._verdicts[part] = self._run(part, 0)
        return self._verdicts[part]

    def _run(self, part: Part, draws: int) -> Verdict:
        layers = self._ordered(part)
        self.runs += 1
        self._tries[part] += 1
        self._told(Step(self.runs, layers, draws))
        verdict = self._judge(layers, draws)
        if verdict.grader_errors:
            where = ", ".join(layers) or "the reference"
            raise GraderError(f"the judge failed on {where}: {verdict.grader_errors[0].detail}")
        self._told(Step(self.runs, layers, draws, verdict))
        return verdict

    def _conflict(self, failing: Part) -> Part:
        """A smallest part of a failing one that fails by itself.

        The shortest run of layers from the bottom that fails ends in a layer that is needed for failing; with that one
        in place, the same is asked of the layers below it.
        """
        needed: Part = frozenset()
        below = self._ordered(failing)
        while self.passes(needed):
            passing, fails = 0, len(below)
            while fails - passing > 1:
                middle = (passing + fails) // 2
                if self.passes(needed | set(below[:middle])):
                    passing = middle
                else:
                    fails = middle
            needed, below = needed | {below[fails - 1]}, below[: fails - 1]
        # A layer that leans on another of the student's own may fail without it: then the smaller part is the finding.
        alone = [frozenset({key}) for key in self._ordered(needed)] if len(needed) > 1 else []
        return next((part for part in alone if not self.passes(part)), needed)

    def _without_idle(self, whole: Part, swap: Part) -> Part:
        """The swap without what need not be in it: a part may have failed for a reason that the whole has not."""
        for key in self._ordered(swap):
            if len(swap) > 1 and self.passes(whole - (swap - {key})):
                swap = swap - {key}
        return swap

    def _equally_small(self, whole: Part, swap: Part, conflicts: list[Part]) -> list[Part]:
        """All swaps of that size which cure the whole, as far as there are several that may."""
        same = [found for found in _hitting(conflicts, self.keys) if len(found) == len(swap) and found != swap]
        return [swap, *(found for found in same[:OTHER_SWAPS] if self.passes(whole - found))]

    def _culprit(self, part: Part) -> Culprit:
        return Culprit(self._ordered(part), *_first_failing(self.verdict(part)))

    def _ordered(self, part: Iterable[str]) -> tuple[str, ...]:
        wanted = set(part)
        return tuple(key for key in self.keys if key in wanted)


def _hitting(conflicts: list[Part], keys: tuple[str, ...]) -> Iterator[Part]:
    """The choices of layers that meet every conflict, the smallest first; among equals those of later layers first,
    since a student's later work rests on the earlier."""
    candidates = [key for key in reversed(keys) if any(key in part for part in conflicts)]
    for size in range(1, len(candidates) + 1):
        for chosen in combinations(candidates, size):
            if all(part & set(chosen) for part in conflicts):
                yield frozenset(chosen)


def _passed(verdict: Verdict) -> bool:
    return bool(verdict.cases) and all(case.status is Status.PASSED for case in verdict.cases)


def _first_failing(verdict: Verdict) -> tuple[CaseResult | None, tuple[str, ...]]:
    return next((case for case in verdict.cases if case.status is not Status.PASSED), None), verdict.notes
