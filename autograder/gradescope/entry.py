"""Inside the platform: grade the one submission that Gradescope has laid out, and always leave a valid results.json.

Standard output is for instructors (Gradescope hides it from students): sandbox, versions, notes, and the full story
of every case. What a student reads is in results.json alone. A fault of ours never becomes a silent zero: results.json
then says `"complete": false, "needs_a_person": true`, and the exit status is 3. Should this process die without a
word, the script run_autograder writes such a file itself.
"""

from __future__ import annotations

import json
import os
import platform
import re
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from autograder import record
from autograder.course import Assignment, Course, load_course
from autograder.errors import UserError
from autograder.grade import Graded, Grader
from autograder.gradescope.metadata import Metadata, read_metadata
from autograder.judge.cases import CaseResult
from autograder.sandbox import describe
from autograder.score import Terms, attempt_of_day, attempts_before

GRADED = 0  # results.json says it all, whatever the score
GRADER_FAILED = 3  # a person has to look; the command line uses the same number
MARGIN = 60.0  # seconds between the judge's own deadline and ours
LAST = 20.0  # seconds for ending in good order after that

RESULTS = "results.json"
METADATA = "submission_metadata.json"
FAILED = (
    "The autograder itself failed on this submission. That is not your program's fault. Your upload is kept and will "
    "be graded again; the score shown here is not final. Please tell the course staff if it stays like this."
)
_NAMED = re.compile(r"(?<![0-9a-z])(a\d\d)(?![0-9a-z])")


class Overdue(BaseException):
    """Our own deadline passed. Not an Exception, so that no handler on the way takes it for a test's failure."""


def main(root: Path) -> int:
    """Grade ROOT/submission with the course in ROOT/source and write ROOT/results. Returns the exit status."""
    sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
    results, metadata = root / "results", root / METADATA
    try:
        results.mkdir(exist_ok=True)
        (results / RESULTS).unlink(missing_ok=True)
        course = load_course(root / "source")
        assignment = choose_assignment(course, root / "source", read_metadata(metadata, course.timezone), os.environ)
    except (Exception, SystemExit) as error:
        return _failed(results, error)
    return run(course, assignment, root / "submission", results, metadata)


def choose_assignment(course: Course, source: Path, metadata: Metadata, environment: Mapping[str, str]) -> Assignment:
    """Which assignment is graded here: $ASSIGNMENT, else the file `assignment`, else the title on Gradescope.

    The submitted files have no say: someone who hands in a01 where a02 is asked for is told so.
    """
    built = source / "assignment"
    named = environment.get("ASSIGNMENT", "").strip()
    named = named or (built.read_text(encoding="utf-8").strip() if built.is_file() else "")
    in_title = sorted(set(_NAMED.findall(metadata.title.casefold())))
    if named:
        chosen = course.assignment(named)
        if in_title not in ([], [chosen.short]):
            print(f"note: this grades {chosen.key}, but the assignment's title here names {', '.join(in_title)}")
        return chosen
    if len(in_title) != 1:
        raise UserError(
            f"which assignment? the title {metadata.title!r} names {len(in_title)} of them; begin it with the short "
            "name ('a01 Tensor'), build the image with --build-arg ASSIGNMENT=a01, or set the variable ASSIGNMENT"
        )
    return course.assignment(in_title[0])


def run(course: Course, assignment: Assignment, submission: Path, results: Path, metadata: Path | None) -> int:
    """Grade the folder `submission`; returns GRADED, or GRADER_FAILED when a person has to look.

    Args:
        results: the folder in which results.json (and record.json for instructors) are written.
        metadata: Gradescope's submission_metadata.json, if there is one.
    """
    try:
        (results / RESULTS).unlink(missing_ok=True)
        with _deadline(course.limits_of(assignment).submission_seconds + MARGIN):
            graded = _grade(course, assignment, submission, results, read_metadata(metadata, course.timezone))
    except (Exception, SystemExit, Overdue) as error:
        return _failed(results, error, assignment)
    return GRADER_FAILED if graded.grade.needs_a_person else GRADED


def _grade(course: Course, assignment: Assignment, submission: Path, results: Path, known: Metadata) -> Graded:
    print(f"{course.name} {course.version}, {assignment.key}")
    print(f"python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}, uid {os.getuid()}")
    print(f"submitted {known.submitted or 'at an unknown time'}, due {known.due or course.due(assignment)}")
    for note in known.notes:
        print(f"note: {note}")
    with Grader(course, assignment) as grader:
        print(describe(grader.bench.layers))
        for note in grader.bench.notes:
            print(f"note: {note}")
        graded = grader.grade(submission, results, known.submitted, known.due, _terms(course, known))
    _tell(graded)
    return graded


def _terms(course: Course, known: Metadata) -> Terms:
    """What the limit on attempts says about this one."""
    number = 1 + attempts_before(course, known.submitted, known.earlier)
    refused, lines = attempt_of_day(course, known.submitted, number)
    advice = ": activate it in the submission history" if refused else ""
    return Terms(refused=refused + advice, lines=lines)


def _tell(graded: Graded) -> None:
    """The full story for instructors, hidden cases and all."""
    grade = graded.grade
    print(f"score {grade.score:g} of {grade.possible:g} in {graded.seconds:.1f} s, code {grade.digest[:12] or '-'}")
    for text in (grade.rejected, *grade.verdict.notes, *grade.remarks, grade.explanation):
        if text:
            print(_printable(text))
    for case in grade.verdict.cases:
        print(_case(case))


def _case(case: CaseResult) -> str:
    used = f"{case.seconds:.2f} s, CPU {case.cpu_seconds:.2f} s, {case.memory_kb >> 10} MB, seed {case.seed}"
    lines = [f"{case.number} {case.title}: {case.status.value}, {case.earned:g}/{case.points:g}   ({used})"]
    if case.earned < case.points:
        told = case.detail + (f"\nprinted: {case.printed}" if case.printed.strip() else "")
        lines += [f"    {line}" for line in _printable(told).splitlines()]
    return "\n".join(lines)


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raise Overdue in here after `seconds`; if ending in good order takes too long as well, the process is killed."""

    def overdue(number: int, frame: object) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, LAST)
        raise Overdue(f"not done after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, overdue)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _failed(results: Path, error: BaseException, assignment: Assignment | None = None) -> int:
    """Say in results.json that the grader failed; what it had found until then stays in."""
    print(f"grader error (not the submission's fault): {type(error).__name__}: {error}")
    traceback.print_exception(type(error), error, error.__traceback__, file=sys.stdout)
    partial = _partial(results / RESULTS)
    extra = {"assignment": assignment.key if assignment else "", **partial.get("extra_data", {})}
    found = {
        "score": 0,
        "execution_time": 0,
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [],
        **partial,
        "output": "\n\n".join(part for part in (FAILED, partial.get("output", "")) if part),
        "extra_data": {**extra, "complete": False, "needs_a_person": True},
    }
    record.write_json(results / RESULTS, found)
    return GRADER_FAILED


def _partial(file: Path) -> dict[str, Any]:
    """What this run wrote after its last whole test file; nothing if it did not get that far."""
    return json.loads(file.read_bytes()) if file.is_file() else {}


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
