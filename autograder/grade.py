"""The pipeline: one submission flows intake -> lint -> compose -> observe/judge -> score -> explain -> record, one way.

`Grader` holds what submissions to one assignment share (the tests, the bench with its zygote); `grade` takes one of
them from its file to its results.json. A submission that cannot be graded still gets a results.json that says why.
"""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from autograder import compose, explain, hints, lint, record, score
from autograder.course import Assignment, Course
from autograder.errors import GraderError, UserError
from autograder.intake import Submission, receive
from autograder.judge.bench import Bench
from autograder.judge.cases import Verdict
from autograder.judge.run import Watcher, judge
from autograder.judge.testfiles import TestFile, check_leaderboard, check_points, load_test_files


@dataclass(frozen=True)
class Graded:
    """One graded submission: where it came from, its grade, and how long that took (wall and CPU seconds)."""

    source: Path
    grade: score.Grade
    seconds: float
    results: Path | None = None

    @property
    def ok(self) -> bool:
        """Graded by the rules, whatever the score: neither rejected nor waiting for a person."""
        return not self.grade.rejected and not self.grade.needs_a_person


class Grader:
    """Grades submissions to one assignment, one after another. Use as a context manager.

    Args:
        slot: number of this grader among those that run at once on this machine.
        seed: mixed into the seed of every case; the same seed gives the same inputs.
    """

    def __init__(
        self,
        course: Course,
        assignment: Assignment,
        slot: int = 0,
        seed: int = 0,
        allow_weak_sandbox: bool = False,
        without: frozenset[str] = frozenset(),
    ):
        if not course.solution(assignment.key).is_dir():
            written = ", ".join(a.key for a in course.written())
            raise UserError(f"{assignment.key} is declared but not written yet; written are {written}")
        self.course, self.assignment, self.seed = course, assignment, seed
        folder = course.solution(assignment.key)
        self.bench = Bench(course, assignment, slot, allow_weak_sandbox, without)
        try:
            self.files: tuple[TestFile, ...] = load_test_files(folder / "tests")
            check_points(self.files, assignment)
            check_leaderboard(self.files, assignment)
            self.misconceptions = explain.load_misconceptions(folder)
            self.vectors = explain.load_vectors(folder)
        except BaseException:
            self.bench.close()
            raise

    def grade(
        self,
        source: Path,
        out: Path | None = None,
        submitted: datetime | None = None,
        due: datetime | None = None,
        terms: score.Terms | None = None,
    ) -> Graded:
        """Grade one submission.

        Args:
            source: a zip, a folder or a notebook.
            out: folder for results.json and record.json; results.json is rewritten after every test file.
            submitted, due: when it was uploaded and the student's own due date, if the platform says.
            terms: what the policies say about this upload in particular.
        """
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="tito-intake-") as folder:
            grade = self._graded(source, Path(folder), out, submitted, due, terms or score.Terms(), started)
        seconds = time.monotonic() - started
        if out is not None:
            self._record(grade, out, seconds)
        return Graded(source, grade, seconds, out / "results.json" if out else None)

    def _graded(
        self,
        source: Path,
        folder: Path,
        out: Path | None,
        submitted: datetime | None,
        due: datetime | None,
        terms: score.Terms,
        started: float,
    ) -> score.Grade:
        grade = score.Grade(
            assignment=self.assignment.key,
            title=self.assignment.title,
            verdict=Verdict(self.assignment.key, ()),
            possible=self.assignment.points,
            lateness=score.lateness(self.course, self.assignment, submitted, due, terms.free_days),
            seed=self.seed,
            policies=(*score.policy_lines(self.course.policies), *terms.lines),
            visibility=score.visibility(self.course.policies),
            columns=self.assignment.leaderboard,
        )
        if terms.refused:
            return replace(grade, rejected=terms.refused)
        try:
            submission = receive(source, self.course, self.assignment, folder)
        except UserError as error:
            return replace(grade, rejected=str(error))
        grade = replace(grade, digest=submission.digest)
        try:
            return self._judged(grade, submission, out, started)
        except GraderError as error:
            # A fault of ours is this submission's own affair: the others of a batch go on.
            return replace(grade, fault=str(error), complete=False)

    def _judged(self, grade: score.Grade, submission: Submission, out: Path | None, started: float) -> score.Grade:
        files = {file.path: submission.root / file.path for file in submission.files}
        linted = self.bench.lint(self.assignment, files)
        if linted.fatal:
            return replace(grade, rejected="\n".join(str(f) for f in linted.fatal))
        grade = replace(grade, remarks=_remarks(submission, linted))
        composition = self.compose(submission, linted)

        def progress(verdict: Verdict) -> None:
            if out is not None:
                partial = replace(grade, verdict=verdict, complete=False)
                record.write_json(out / "results.json", score.results(partial, time.monotonic() - started))

        try:
            verdict = judge(self.bench, self.files, composition, submission.digest, self.seed, Watcher(progress))
        finally:
            compose.discard(composition.path)
        matches = explain.explain(verdict, self.misconceptions, self.vectors)
        verdict = replace(verdict, cases=tuple(hints.with_reading(case, self.sections) for case in verdict.cases))
        return replace(grade, verdict=verdict, explanation=explain.in_words(matches))

    @cached_property
    def sections(self) -> Mapping[str, str]:
        """Public case -> where in the handout to read about it."""
        return hints.sections(self.course, self.assignment)

    def compose(self, submission: Submission, linted: lint.Linted) -> compose.Composition:
        """The submission's layer on the reference of its prerequisites."""
        files = {file.path: submission.root / file.path for file in submission.files}
        for path in submission.missing:
            files[path] = self.course.stub(self.assignment.key) / path
        return self.bench.compose_student(files, linted.bytecode)

    def _record(self, grade: score.Grade, out: Path, seconds: float) -> None:
        """results.json is what the platform and the student see; record.json is what an instructor may need later."""
        details = {
            "assignment": grade.assignment,
            "course_version": self.course.version,
            "submission": grade.digest,
            "seed": grade.seed,
            "seconds": round(seconds, 3),
            "sandbox": sorted(self.bench.layers),
            "sandbox_notes": list(self.bench.notes),
            "fault": grade.fault,
            "versions": {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()},
            "cases": [{**asdict(case), "status": case.status.value, "key": case.key} for case in grade.verdict.cases],
        }
        record.write_json(out / "record.json", details)
        record.write_json(out / "results.json", score.results(grade, seconds))

    def close(self) -> None:
        self.bench.close()

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _remarks(submission: Submission, linted: lint.Linted) -> tuple[str, ...]:
    """What intake and lint have to say that does not stop the grading."""
    remarks = list(submission.notes)
    if submission.ignored:
        listed = "; ".join(f"{i.path} ({i.reason})" for i in submission.ignored[:20])
        more = f" and {len(submission.ignored) - 20} more" if len(submission.ignored) > 20 else ""
        remarks.append(f"Files that were not used: {listed}{more}.")
    remarks += [str(finding) for finding in linted.findings]
    return tuple(remarks)
