"""From failing cases to the misconceptions behind them.

`tito validate` records which cases each named misconception fails (`kills.json`, the kill matrix). Here the failing
cases of a submission are compared with those vectors: every set of up to three misconceptions is weighed by how well it
accounts for what failed and what passed, against the possibility of a mistake that nobody has named, and a
misconception is told when the sets that hold it carry most of the weight. That share is the stated confidence. A
function that is not written yet says nothing about what its author believes, so cases that stopped at a blank are left
out. When nothing stands out, nothing is said. How often this is right is measured by `tito explain`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from autograder.course import Model
from autograder.errors import GraderError
from autograder.judge.cases import Status, Verdict

KILLS = "kills.json"
MISCONCEPTIONS = "misconceptions.yaml"

# What the weights rest on, all of them chances.
HELD = 0.1  # that a student whose work fails somewhere holds a given misconception
ESCAPED = 0.01  # that a case which a misconception fails passes all the same, since another mistake got in its way
UNNAMED = 0.005  # that there is a mistake which nobody has named
SPREAD = 0.6  # that such a mistake fails one more case
WIDE = 0.01  # that it fails as many as you like
TOGETHER = 3  # as many misconceptions at once are considered
TOLD = 0.7  # told from this confidence on
SURE = 0.9  # told without a "may" from here on


class Edit(Model):
    """Replace the one occurrence of `find` in the reference by `put`."""

    find: str
    put: str


class Misconception(Model):
    """A named wrong version of the reference, and what to tell a student who wrote it."""

    id: str
    title: str
    file: str
    edits: tuple[Edit, ...] = Field(min_length=1)
    loses: tuple[str, ...] = Field(min_length=1)
    hint: str
    read: str


@dataclass(frozen=True)
class Match:
    """A misconception that the failing cases look like.

    Attributes:
        confidence: the chance that it, or another of its group, is there.
        group: matches of one group fail the same cases, so that nobody can tell them apart.
    """

    misconception: Misconception
    confidence: float
    group: int = 0


def load_misconceptions(folder: Path) -> tuple[Misconception, ...]:
    """The misconceptions of an assignment's solution folder."""
    file = folder / MISCONCEPTIONS
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        found = TypeAdapter(tuple[Misconception, ...]).validate_python(data)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise GraderError(f"{file}: {error}") from error
    ids = [m.id for m in found]
    if len(set(ids)) != len(ids):
        raise GraderError(f"{file}: two misconceptions share an id; every id stands once")
    return found


def load_vectors(folder: Path) -> dict[str, frozenset[str]]:
    """Misconception id -> keys of the cases it fails, as `tito validate` last measured them; empty before that."""
    file = folder / KILLS
    if not file.is_file():
        return {}
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return {name: frozenset(cases) for name, cases in data["misconceptions"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        advice = "remove it and run: tito validate --write"
        raise GraderError(f"{file} is not a kill matrix ({type(error).__name__}: {error}); {advice}") from error


def explain(
    verdict: Verdict, misconceptions: tuple[Misconception, ...], vectors: Mapping[str, frozenset[str]]
) -> tuple[Match, ...]:
    """The misconceptions that a verdict speaks for, the surest first; none when nothing stands out."""
    judged = [c for c in verdict.cases if c.status not in (Status.SKIPPED, Status.GRADER_ERROR) and not c.unwritten]
    failing = frozenset(c.key for c in judged if c.status is not Status.PASSED)
    known = {m.id: m for m in misconceptions}
    found = weigh(failing, frozenset(c.key for c in judged), {id: v for id, v in vectors.items() if id in known})
    return tuple(
        Match(known[name], said.confidence, number) for number, said in enumerate(found) for name in said.names
    )


@dataclass(frozen=True)
class Said:
    """Misconceptions that fail the same of the judged cases, and the chance that one of them is there."""

    names: tuple[str, ...]
    confidence: float


def weigh(failing: frozenset[str], judged: frozenset[str], vectors: Mapping[str, frozenset[str]]) -> tuple[Said, ...]:
    """What the failing cases speak for, by the names of the vectors; cases that were not judged play no part."""
    if not failing:
        return ()
    alike: dict[frozenset[str], list[str]] = {}
    for name, vector in vectors.items():
        # What fails in fewer than half of its cases is out of the question, and would only cost time.
        if 2 * len(vector & failing) >= max(1, len(vector & judged)):
            alike.setdefault(vector & judged, []).append(name)
    chances = _chances(failing, judged, alike)
    said = [Said(tuple(alike[v]), chances[v]) for v in alike if v == failing or chances[v] >= TOLD]
    return tuple(sorted(said, key=lambda s: (-s.confidence, s.names)))


def _chances(
    failing: frozenset[str], judged: frozenset[str], alike: Mapping[frozenset[str], list[str]]
) -> dict[frozenset[str], float]:
    """The chance of each vector: the share of the weight of all sets of vectors which those with it carry."""
    bits = {case: 1 << i for i, case in enumerate(sorted(judged))}
    failed = sum(bits[case] for case in failing)
    masks = {vector: sum(bits[case] for case in vector) for vector in alike}
    held = {vector: len(names) * HELD / (1 - HELD) for vector, names in alike.items()}
    total, carried = 0.0, dict.fromkeys(alike, 0.0)
    for size in range(TOGETHER + 1):
        for chosen in combinations(alike, size):
            union, prior = 0, 1.0
            for vector in chosen:
                union |= masks[vector]
                prior *= held[vector]
            weight = prior * _likelihood((failed & ~union).bit_count(), (union & ~failed).bit_count())
            total += weight
            for vector in chosen:
                carried[vector] += weight
    return {vector: weight / total for vector, weight in carried.items()}


def _likelihood(beyond: int, missing: int) -> float:
    """How likely it is that `beyond` cases more than expected fail, and `missing` of the expected ones pass."""
    unnamed = UNNAMED * max(SPREAD**beyond, WIDE) if beyond else 1.0
    return unnamed * ESCAPED**missing


def in_words(matches: Iterable[Match]) -> str:
    """What the student reads."""
    groups: dict[int, list[Match]] = {}
    for match in matches:
        groups.setdefault(match.group, []).append(match)
    return "\n".join(line for group in groups.values() for line in _group_in_words(group))


def _group_in_words(group: list[Match]) -> list[str]:
    sure = group[0].confidence >= SURE
    percent = min(99, max(1, math.floor(100 * group[0].confidence + 0.5)))
    if len(group) > 1:
        begin = "The cases that fail fit one of these; see which one is yours" if sure else "It may be one of these"
    else:
        begin = "This looks like" if sure else "This may be"
    told = (f"- {m.misconception.title}. {m.misconception.hint.strip()} Read: {m.misconception.read}" for m in group)
    return [f"{begin} ({percent} % sure):", *told]
