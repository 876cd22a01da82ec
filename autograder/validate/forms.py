"""The form of what a student reads when a public case fails: the call, what was expected, what came, where to read.

A bare assertion teaches nothing. The gate looks at every message that the stub and the misconceptions bring about; this
module run by itself looks at nothing else, on public cases only, which takes seconds an assignment:

    python -m autograder.validate.forms [a05 ...]
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from autograder import explain, hints
from autograder.course import Assignment, Course, load_course
from autograder.grade import Grader
from autograder.judge.cases import CaseResult, Status
from autograder.validate.trials import Trials

JUDGED = (Status.FAILED, Status.ERROR, Status.TIMED_OUT, Status.CRASHED)
LABELS = ("asked", "expected", "came")
_LABEL = re.compile(r"^(asked|expected|came): +(\S.*)$", re.MULTILINE)

_SHAPELESS = re.compile(r"(an )?array of (?!shape|dtype)")


def anchors(handout: Path) -> frozenset[str]:
    """The anchors of a handout's headings."""
    lines = handout.read_text(encoding="utf-8").splitlines() if handout.is_file() else []
    return frozenset(hints.anchor(line) for line in lines if line.startswith("#"))


def flaws(case: CaseResult, sections: Mapping[str, str], handout: Path) -> Iterator[str]:
    """What is missing in the message of a public case that failed; nothing for any other case."""
    if case.hidden or case.status not in JUDGED:
        return
    told = dict(reversed(_LABEL.findall(case.message)))
    for label in LABELS:
        if label not in told:
            yield f"'{case.title}' fails without saying what {'was ' * (label != 'came')}{label}"
    if not re.match(r"(student|reference)\.\w+(\(| )", told.get("asked", "student.f(")):
        yield f"'{case.title}' does not show the call as one would type it: {told['asked'][:60]}"
    for label in ("expected", "came"):
        if _SHAPELESS.match(told.get(label, "")):
            yield f"'{case.title}' shows an array without its shape: {told[label][:60]}"
    name, _, anchor = (sections.get(case.key) or hints.ANYWHERE).partition("#")
    if anchor not in anchors(handout.parent / name):
        yield f"'{case.title}' sends to {name}#{anchor}, which does not exist"


def survey(course: Course, assignment: Assignment) -> tuple[int, list[str]]:
    """How many messages were read, and every flaw in them: of the stub, and of each misconception where it is recorded
    to fail a public case."""
    folder = course.solution(assignment.key)
    sections = json.loads(hints.shipped(course, assignment))["sections"]
    vectors = explain.load_vectors(folder)
    read, found = 0, []
    with Grader(course, assignment) as grader:
        trials = Trials(course, grader)
        stub = {path: (course.stub(assignment.key) / path).read_text(encoding="utf-8") for path in assignment.writes}
        tried = {"the stub": (stub, frozenset(sections))}
        for wrong in grader.misconceptions:
            fails = vectors.get(wrong.id, frozenset()) & sections.keys()
            if fails:
                tried[f"misconception {wrong.id}"] = (trials.misconception(wrong), fails)
        for who, (changed, wanted) in tried.items():
            for case in trials.judge(changed, wanted=wanted).cases:
                read += not case.hidden and case.status in JUDGED
                found += [f"{who}: {flaw}" for flaw in flaws(case, sections, folder / "README.md")]
    return read, found


def main() -> None:
    course = load_course()
    flawed = 0
    for assignment in [course.assignment(name) for name in sys.argv[1:]] or course.written():
        read, found = survey(course, assignment)
        print("\n".join([f"{assignment.key}: {read} messages, {len(found)} flaws", *found]), flush=True)
        flawed += len(found)
    sys.exit(1 if flawed else 0)


if __name__ == "__main__":
    main()
