"""Writes samples/a01_submission.zip: what a student might hand in who got one thing wrong and did not get to another.

    python samples/make.py

Run it again when assignment 1 changes. The sample is the reference with the misconception `rsub_reversed` (1 - t
computed as t - 1) and with `arange` left as the stub has it.
"""

from __future__ import annotations

import ast
import tempfile
from pathlib import Path

from autograder.build import make_stub
from autograder.course import load_course
from autograder.explain import load_misconceptions
from autograder.submit import write_submission

WRONG, UNWRITTEN = "rsub_reversed", "arange"


def function(source: str, name: str) -> str:
    """The text of a top-level function."""
    node = next(n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == name)
    return "\n".join(source.splitlines()[node.lineno - 1 : node.end_lineno])


def main() -> None:
    course = load_course(Path(__file__).parent.parent)
    assignment = course.assignment("a01")
    folder = course.solution(assignment.key)
    path = assignment.writes[0]
    source = (folder / path).read_text(encoding="utf-8")
    stub = make_stub(source, assignment.key, path)
    text = source.replace(function(source, UNWRITTEN), function(stub, UNWRITTEN))
    wrong = next(m for m in load_misconceptions(folder) if m.id == WRONG)
    for edit in wrong.edits:
        text = text.replace(edit.find, edit.put)
    # A student's file has no solution markers.
    lines = [line for line in text.splitlines() if line.strip() not in ("# BEGIN SOLUTION", "# END SOLUTION")]
    with tempfile.TemporaryDirectory() as workspace:
        target = Path(workspace) / path
        target.parent.mkdir(parents=True)
        target.write_text("\n".join(lines) + "\n", encoding="utf-8")
        report = write_submission(course, assignment, Path(workspace), Path(__file__).parent)
    print(f"wrote {report.path}")


if __name__ == "__main__":
    main()
