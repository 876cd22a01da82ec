"""Is a right program's score a matter of luck? Every case on the reference, under hundreds of draws instead of ten.

A case draws its inputs anew for every submission. One that a right program fails under one draw in fifty passes the
ten seeds of `tito validate` four times in five, and then costs every fiftieth student points. The reference is the
course's own code and needs no fence: cases run in a process of their own over `LocalBench`, dozens a second.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from autograder import compose
from autograder.check import LocalBench
from autograder.course import Assignment, Course, load_course
from autograder.judge.run import Watcher, judge
from autograder.judge.testfiles import TestFile, load_test_files
from autograder.score import CaseResult, Status

KEPT = 3  # failures of a case that are shown


@dataclass(frozen=True)
class Luck:
    """How the reference fared in one case: under how many draws, and how often it did not pass.

    Attributes:
        examples: seed and message of the first failures.
    """

    assignment: str
    case: str
    title: str
    draws: int
    failures: int
    examples: tuple[tuple[int, str], ...]


def try_draws(course: Course, keys: list[str], seeds: range, seconds: float, jobs: int) -> Iterator[list[Luck]]:
    """The cases of a test file at a time, as they are done.

    Args:
        seeds: of the draws of each case.
        seconds: for each case; what is slow gets fewer draws, but at least one.
    """
    tasks = [(key, file.name) for key in keys for file in load_test_files(course.solution(key) / "tests")]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        waiting = [pool.submit(_try_file, str(course.root), *task, seeds, seconds) for task in tasks]
        for done in as_completed(waiting):
            yield done.result()


class _ReferenceBench(LocalBench):
    """The reference is what is judged, and what a case may compare with."""

    def __init__(self, course: Course, assignment: Assignment, probes: Path, made: compose.Composition):
        super().__init__(course, assignment, probes)
        self.made, self.has_reference = made, True

    @property
    def reference(self) -> compose.Composition:
        return self.made


def _try_file(root: str, key: str, name: str, seeds: range, seconds: float) -> list[Luck]:
    course = load_course(Path(root))
    tests = course.solution(key) / "tests"
    files = load_test_files(tests)
    with tempfile.TemporaryDirectory(prefix="tito-draws-") as scratch:
        layers = compose.for_grading(course, compose.reference_layer(course, key))
        made = compose.compose(course, layers, Path(scratch) / "reference", linked=True)
        bench = _ReferenceBench(course, course.assignment(key), tests, made)
        (file,) = (file for file in files if file.name == name)
        return [_try_case(bench, files, f"{name}.{case.id}", seeds, seconds) for case in file.cases]


def _try_case(bench: _ReferenceBench, files: tuple[TestFile, ...], key: str, seeds: range, seconds: float) -> Luck:
    failures, done, end = [], 0, time.monotonic() + seconds
    for seed in seeds:
        result = _judged(bench, files, key, seed, sharing=True)
        if result.status is not Status.PASSED:
            # Cases that share an import may disturb one another, those of a student do not.
            result = _judged(bench, files, key, seed, sharing=False)
        done += 1
        if result.status is not Status.PASSED:
            failures.append((seed, result.detail or result.message))
        if time.monotonic() >= end:
            break
    return Luck(bench.assignment.key, key, result.title, done, len(failures), tuple(failures[:KEPT]))


def _judged(bench: _ReferenceBench, files: tuple[TestFile, ...], key: str, seed: int, sharing: bool) -> CaseResult:
    if sharing != bench.sharing:
        bench.sharing, bench.last = sharing, None
    found: list[CaseResult] = []
    watcher = Watcher(wanted=lambda case: f"{case.file}.{case.id}" == key, finished=found.append)
    judge(bench, files, bench.made, digest="draws", seed=seed, watcher=watcher)
    return found[0]
