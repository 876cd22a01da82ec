"""Judging versions of a reference: the reference itself, a misconception, a mutant.

A trial goes through composing, observers and judge like a submission, but skips intake and lint: its text is ours.
"""

from __future__ import annotations

import hashlib
import marshal
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from autograder import compose
from autograder.course import Course
from autograder.errors import GraderError
from autograder.explain import Misconception
from autograder.grade import Grader
from autograder.judge.cases import Status, Verdict
from autograder.judge.run import Watcher, judge


class Trials:
    """Judges changed versions of one assignment's reference with one grader."""

    def __init__(self, course: Course, grader: Grader):
        self.course, self.grader = course, grader
        self.assignment = grader.assignment
        folder = course.solution(self.assignment.key)
        self.sources = {path: (folder / path).read_text(encoding="utf-8") for path in self.assignment.writes}

    def judge(
        self,
        changed: dict[str, str],
        seed: int = 0,
        stop_at_failure: bool = False,
        wanted: frozenset[str] | None = None,
    ) -> Verdict:
        """The verdict on the reference with some files' text replaced.

        Args:
            wanted: keys of the only cases to judge; the verdict then holds the other ones as passed.
        """
        texts = {**self.sources, **changed}
        digest = hashlib.sha256("\0".join(f"{path}\0{texts[path]}" for path in sorted(texts)).encode()).hexdigest()
        with tempfile.TemporaryDirectory(prefix="tito-trial-") as folder:
            files: dict[str, Path] = {}
            bytecode: dict[str, bytes] = {}
            for number, (path, text) in enumerate(texts.items()):
                files[path] = Path(folder) / f"{number}.py"
                files[path].write_text(text, encoding="utf-8")
                bytecode[path] = marshal.dumps(compile(text, path, "exec", dont_inherit=True))
            composition = self.grader.bench.compose_student(files, bytecode)
            try:
                watcher = Watcher(
                    stop_at_failure=stop_at_failure,
                    wanted=lambda case: wanted is None or f"{case.file}.{case.id}" in wanted,
                )
                verdict = judge(self.grader.bench, self.grader.files, composition, digest, seed, watcher)
            finally:
                compose.discard(composition.path)
        if wanted is None:
            return verdict
        cases = (c if c.key in wanted else replace(c, status=Status.PASSED) for c in verdict.cases)
        return replace(verdict, cases=tuple(cases))

    def misconception(self, misconception: Misconception) -> dict[str, str]:
        """The changed file of a misconception; an edit that does not apply exactly once is an error."""
        if misconception.file not in self.sources:
            raise GraderError(
                f"misconception {misconception.id}: {misconception.file} is not a file of {self.assignment.key}"
            )
        text = changed(self.sources, (misconception,))[misconception.file]
        try:
            compile(text, misconception.file, "exec")
        except SyntaxError as error:
            raise GraderError(f"misconception {misconception.id} does not compile: {error}") from error
        return {misconception.file: text}


def changed(sources: Mapping[str, str], members: Iterable[Misconception]) -> dict[str, str]:
    """All files with the edits of these misconceptions; an edit that does not apply exactly once is an error."""
    texts = dict(sources)
    for member in members:
        for edit in member.edits:
            count = texts[member.file].count(edit.find)
            if count != 1:
                raise GraderError(
                    f"misconception {member.id}: found {count} times instead of once: {edit.find.strip()[:80]!r}"
                )
            texts[member.file] = texts[member.file].replace(edit.find, edit.put)
    return texts
