"""The same code grades in three places and has to say the same thing in each, byte for byte.

Here are the submissions on which that is shown (right, wrong, broken and hostile ones, all derived from an assignment's
own solution and misconceptions), a way to lay one out as Gradescope does, and the comparison. Starting a zip's scripts
or a container is left to the tests and to `autograder.image`.
"""

from __future__ import annotations

import ast
import json
import random
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any

from autograder.build.markers import strip
from autograder.course import Assignment, Course
from autograder.explain import Misconception, load_misconceptions
from autograder.grade import Grader
from autograder.gradescope.metadata import read_metadata

MISCONCEPTIONS = 4  # how many named wrong versions are tried
# What may differ from machine to machine: the time that grading took, and numbers on the leaderboard.
_TIME = re.compile(rb'^  "execution_time": [0-9.]+,\n|^      "value": [-+0-9.e]+,\n', re.MULTILINE)
_BEGIN = re.compile(r"^\s*# BEGIN SOLUTION\b.*\n", re.MULTILINE)
_END = re.compile(r"^\s*# END SOLUTION\b.*\n", re.MULTILINE)


@dataclass(frozen=True)
class Sample:
    """One upload as the platform lays it out: files below submission/, and the metadata if there is any."""

    name: str
    files: Mapping[str, bytes]
    metadata: Mapping[str, Any] | None = None

    def lay_out(self, root: Path) -> None:
        """Write root/submission, an empty root/results and root/submission_metadata.json, in place of what is there."""
        for name in ("submission", "results"):
            shutil.rmtree(root / name, ignore_errors=True)
            (root / name).mkdir(parents=True)
        for path, content in self.files.items():
            target = root / "submission" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        # Always written: without metadata it says so, and a container gets a file to mount in either case.
        (root / "submission_metadata.json").write_text(json.dumps(self.metadata or {}), encoding="utf-8")


def samples(course: Course, assignment: Assignment) -> tuple[Sample, ...]:
    """At least fifteen different uploads for an assignment. The first is the untouched solution."""
    folder = course.solution(assignment.key)
    good = {path: (folder / path).read_text(encoding="utf-8") for path in assignment.writes}
    path = assignment.writes[0]
    source = good[path]
    key = assignment.key

    def like(name: str, text: str, metadata: Mapping[str, Any] | None = None) -> Sample:
        return _sample(name, {**good, path: text}, metadata)

    made = [
        like("solution", source),
        _sample("stub", {p: strip(text, key, p) for p, text in good.items()}),
        like("half-written", _half(source, key, path)),
        like("syntax-error", source + "\n\ndef broken(:\n"),
        like("forbidden-import", source + "\n\nimport torch\n"),
        like("endless-import", source + "\n\nwhile True:\n    pass\n"),
        like("endless-loop", planted(source, "while True: pass")),
        like("crash", planted(source, "import os; os._exit(3)", first=True)),
        like("crash-at-import", source + "\n\nimport os\n\nos.abort()\n"),
        like("odd-exception", planted(source, r"raise ValueError('\x1b[31m<b>NaN</b> \ud800 \x00' * 99)")),
        like("chatter", source + "\n\nprint('all tests passed ' * 9999)\n"),
        like("late", source, _metadata(course, assignment, timedelta(hours=30))),
        like("extended", source, _metadata(course, assignment, timedelta(hours=30), timedelta(days=1))),
        Sample("notebook", {"lab.ipynb": notebook(good)}),
        Sample("nested", _nested(good)),
        Sample("wrong-assignment", {_foreign(course, assignment): b"x = 1\n"}),
        Sample("garbage", {path: random.Random(0).randbytes(2000), "notes.txt": b"\xff\xfe"}),
        Sample("empty", {}),
    ]
    for wrong in load_misconceptions(folder)[:MISCONCEPTIONS]:
        made.append(_sample(f"misconception-{wrong.id}", {**good, wrong.file: _applied(wrong, good[wrong.file])}))
    return tuple(made)


def planted(source: str, statement: str, first: bool = False) -> str:
    """The source with a statement at the start of the last (or first) function, or method of a class, in it."""
    functions = [f for f in _functions(ast.parse(source).body) if not f.decorator_list and f.body[0].lineno > f.lineno]
    body = functions[0 if first else -1].body
    begin = body[1] if isinstance(body[0], ast.Expr) and len(body) > 1 else body[0]  # after the docstring
    line = min([begin.lineno, *(d.lineno for d in getattr(begin, "decorator_list", ()))])
    lines = source.split("\n")
    lines.insert(line - 1, " " * begin.col_offset + statement)
    return "\n".join(lines)


def results_here(course: Course, assignment: Assignment, tried: tuple[Sample, ...], folder: Path) -> dict[str, bytes]:
    """results.json of each sample as this machine gives it (what `tito grade` writes), by name."""
    found = {}
    with Grader(course, assignment) as grader:
        for sample in tried:
            sample.lay_out(folder)
            known = read_metadata(folder / "submission_metadata.json", course.timezone)
            graded = grader.grade(folder / "submission", folder / "results", known.submitted, known.due)
            assert graded.results is not None
            found[sample.name] = graded.results.read_bytes()
    return found


def difference(ours: bytes, theirs: bytes) -> str | None:
    """The first line in which two results.json differ, times and leaderboard numbers apart; None if there is none."""
    ours, theirs = _TIME.sub(b"", ours), _TIME.sub(b"", theirs)
    if ours == theirs:
        return None
    pairs = zip_longest(ours.split(b"\n"), theirs.split(b"\n"), fillvalue=b"(the end)")
    number, (here, there) = next((n, pair) for n, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    return f"line {number}: here {_shown(here)}, there {_shown(there)}"


def _shown(line: bytes) -> str:
    return ascii(line.decode("utf-8", errors="replace").strip())[:300]


def _sample(name: str, files: Mapping[str, str], metadata: Mapping[str, Any] | None = None) -> Sample:
    return Sample(name, {path: text.encode("utf-8") for path, text in files.items()}, metadata)


def _half(source: str, key: str, path: str) -> str:
    """The first half of the solution's blocks written, the others still as in the stub."""
    count = len(_BEGIN.findall(source)) // 2
    return strip(_END.sub("", _BEGIN.sub("", source, count=count), count=count), key, path) if count else source


def _functions(body: list[ast.stmt]) -> Iterator[ast.FunctionDef]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _functions(node.body)
        elif isinstance(node, ast.FunctionDef):
            yield node


def _applied(wrong: Misconception, source: str) -> str:
    for edit in wrong.edits:
        source = source.replace(edit.find, edit.put, 1)
    return source


def notebook(files: Mapping[str, str]) -> bytes:
    sources = [f"%%writefile {path}\n{text}" for path, text in files.items()]
    cells = [{"cell_type": "code", "source": text.splitlines(keepends=True), "outputs": []} for text in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def _nested(files: Mapping[str, str]) -> dict[str, bytes]:
    """One folder too many, and what computers and people leave behind."""
    clutter = {
        "work/__pycache__/x.pyc": b"\0",
        "__MACOSX/._work": b"\0",
        "work/numpy.py": b"raise SystemExit\n",
        "work/tests/test_mine.py": b"assert True\n",
        "work/reflection.md": b"It was fun.\n",
    }
    return {**{f"work/{path}": text.encode() for path, text in files.items()}, **clutter}


def _foreign(course: Course, assignment: Assignment) -> str:
    """A file of some other assignment; in a course of one, a file of nobody's."""
    others = [path for path, key in course.owners.items() if key != assignment.key]
    return others[0] if others else "tinytorch/core/other.py"


def _metadata(
    course: Course, assignment: Assignment, late: timedelta, extension: timedelta | None = None
) -> dict[str, Any]:
    """Gradescope's metadata of an upload that came `late`, by a student with or without an extension."""
    due = course.due(assignment)
    own = {"due_date": _stamp(due + extension)} if extension else {}
    return {
        "id": 1,
        "created_at": _stamp(due + late),
        "assignment": {"title": f"{assignment.short} {assignment.title}", "due_date": _stamp(due)},
        "users": [{"id": 7, "name": "A Student", "assignment": own}],
        "previous_submissions": [],
    }


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
