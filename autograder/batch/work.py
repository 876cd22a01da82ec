"""The unit of work: one upload graded, as a pure function of its file, the course and the seed.

`grade_one` takes plain data and gives plain data, writes nothing that lasts, and may run in any process that can read
the course and the upload: a worker of `pool`, or of a cluster. A process keeps its judge from one upload to the next;
it grades one upload at a time (one thread).
"""

from __future__ import annotations

import atexit
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder import record, score
from autograder.batch.digest import course_digest, image_version
from autograder.course import load_course
from autograder.errors import GraderError
from autograder.judge.cases import Verdict

if TYPE_CHECKING:
    from autograder.grade import Grader


@dataclass(frozen=True)
class Setting:
    """What the uploads of a batch share. `digest` tells the course apart from the one it was before a change."""

    course: str  # the folder that holds course.yaml
    assignment: str
    digest: str
    allow_weak_sandbox: bool = False


@dataclass(frozen=True)
class Work:
    """One upload to grade. `name` is the caller's own for it."""

    name: int
    source: str
    seed: int = 0
    submitted: datetime | None = None
    due: datetime | None = None
    terms: score.Terms = field(default_factory=score.Terms)


@dataclass(frozen=True)
class Outcome:
    """What became of one upload: its grade, results.json and record.json as they are to be written, and the image in
    which it was graded (empty on a bare machine)."""

    grade: score.Grade
    seconds: float
    results: bytes
    record: bytes
    image: str = ""

    @property
    def versions(self) -> Mapping[str, str]:
        """Python's, NumPy's and the machine's, of where it was graded."""
        return json.loads(self.record).get("versions", {})


def grade_one(setting: Setting, work: Work) -> Outcome:
    """Grade one upload. A fault that is the upload's own affair is in the outcome; GraderError concerns all of them."""
    grader = _grader(setting)
    grader.seed = work.seed
    with tempfile.TemporaryDirectory(prefix="tito-out-") as folder:
        out = Path(folder)
        graded = grader.grade(Path(work.source), out, work.submitted, work.due, work.terms)
        return Outcome(graded.grade, graded.seconds, *_written(out), image_version())


def failed(setting: Setting, work: Work, why: str, seconds: float = 0.0) -> Outcome:
    """The outcome when the judge itself broke on an upload: no score, and a person has to look."""
    course = load_course(setting.course)
    assignment = course.assignment(setting.assignment)
    grade = score.Grade(
        assignment=assignment.key,
        title=assignment.title,
        verdict=Verdict(assignment.key, ()),
        possible=assignment.points,
        fault=why,
        lateness=score.lateness(course, assignment, work.submitted, work.due, work.terms.free_days),
        seed=work.seed,
        complete=False,
        policies=(*score.policy_lines(course.policies), *work.terms.lines),
        visibility=score.visibility(course.policies),
    )
    details: dict[str, Any] = {
        "assignment": assignment.key,
        "course_version": course.version,
        "submission": "",
        "seed": work.seed,
        "seconds": round(seconds, 3),
        "fault": why,
        "cases": [],
    }
    with tempfile.TemporaryDirectory(prefix="tito-out-") as folder:
        out = Path(folder)
        record.write_json(out / "record.json", details)
        record.write_json(out / "results.json", score.results(grade, seconds))
        return Outcome(grade, seconds, *_written(out))


def _written(out: Path) -> tuple[bytes, bytes]:
    return (out / "results.json").read_bytes(), (out / "record.json").read_bytes()


# The judge that this process keeps.

_kept: dict[Setting, Grader] = {}


def _grader(setting: Setting) -> Grader:
    from autograder.grade import Grader  # a second of CPU time, which only a judge needs

    if setting not in _kept:
        close()
        course = load_course(setting.course)
        assignment = course.assignment(setting.assignment)
        if course_digest(course, assignment) != setting.digest:
            raise GraderError(
                f"{setting.course} has changed since this batch began; finish with the course as it was, or --regrade"
            )
        # Private uids are claimed by lock, so that processes that all call theirs slot 0 still get one each.
        _kept[setting] = Grader(course, assignment, allow_weak_sandbox=setting.allow_weak_sandbox)
    return _kept[setting]


def sandbox_of(setting: Setting) -> tuple[frozenset[str], tuple[str, ...]]:
    """The layers of the sandbox under this process's judge, and notes on it; starts the judge."""
    bench = _grader(setting).bench
    return frozenset(bench.layers), tuple(bench.notes)


@atexit.register
def close() -> None:
    """End the judge that this process keeps."""
    while _kept:
        _kept.popitem()[1].close()
