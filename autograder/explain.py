"""From failing cases to the misconception behind them.

`tito validate` records which cases each named misconception fails (`kills.json`, the kill matrix). Here the failing
cases of a submission are compared with those vectors. A function that is not written yet says nothing about what its
author believes, so cases that stopped at a blank are left out of the comparison. When nothing fits well enough, nothing
is said.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from autograder.course import Model
from autograder.errors import GraderError
from autograder.judge.cases import Status, Verdict

KILLS = "kills.json"
MISCONCEPTIONS = "misconceptions.yaml"

# A near match has to share this much of the failing cases (Jaccard index), and be ahead of the next one by the margin.
NEAR = 0.7
MARGIN = 0.15


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
    """A misconception that the failing cases look like. `confidence` is 1 for an exact match."""

    misconception: Misconception
    confidence: float


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
    verdict: Verdict, misconceptions: tuple[Misconception, ...], vectors: dict[str, frozenset[str]]
) -> tuple[Match, ...]:
    """The misconceptions that fit the verdict: all exact ones, else the one near match that stands out, else none."""
    judged = [c for c in verdict.cases if c.status not in (Status.SKIPPED, Status.GRADER_ERROR) and not c.unwritten]
    considered = frozenset(c.key for c in judged)
    failing = frozenset(c.key for c in judged if c.status is not Status.PASSED)
    if not failing:
        return ()
    scored = []
    for misconception in misconceptions:
        vector = vectors.get(misconception.id, frozenset()) & considered
        if vector:
            scored.append((len(vector & failing) / len(vector | failing), misconception))
    scored.sort(key=lambda pair: -pair[0])
    exact = tuple(Match(m, 1.0) for score, m in scored if score == 1.0)
    if exact:
        return exact
    if scored and scored[0][0] >= NEAR and (len(scored) == 1 or scored[0][0] - scored[1][0] >= MARGIN):
        return (Match(scored[0][1], scored[0][0]),)
    return ()


def in_words(matches: tuple[Match, ...]) -> str:
    """What the student reads."""
    if not matches:
        return ""
    if len(matches) > 1:
        lines = ["The cases that fail fit one of these; see which one is yours:"]
    else:
        lines = ["This looks like:" if matches[0].confidence == 1.0 else "This may be (most, not all, cases fit):"]
    for match in matches:
        lines.append(
            f"- {match.misconception.title}. {match.misconception.hint.strip()} Read: {match.misconception.read}"
        )
    return "\n".join(lines)
