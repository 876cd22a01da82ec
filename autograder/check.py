"""`tito check` at a student's home: the public cases on the student's own machine, same tests, same messages, no fence.

The cases run in a worker process (`python -m autograder.check`), so that a crash or an endless loop is an answer and
not the end. The worker reports each case as it starts and ends; when it falls silent it is stopped and a new one goes
on after the case that stopped it. Nothing is graded here, so nothing has to be hidden from the program.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from autograder import compose, lint
from autograder.course import Assignment, Course, Limits, load_course
from autograder.datasets import Datasets
from autograder.errors import GraderError, UserError
from autograder.judge.cases import CaseResult, Status
from autograder.observe.local import LocalObservation
from autograder.workspace import forget_framework

# A slow machine is never failed by a clock: at home a case may take this many times what it may take in grading.
PATIENCE = 12
START_SECONDS = 120.0  # for a worker to be ready: importing Otter from a cold disk takes its time


@dataclass(frozen=True)
class Checked:
    """What a check found: lint's remarks and the public cases in the order of the test files."""

    assignment: str
    findings: tuple[lint.Finding, ...]
    cases: tuple[CaseResult, ...]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> int:
        return sum(case.status is Status.PASSED for case in self.cases)


def check(
    course: Course,
    assignment: Assignment,
    workspace: Path,
    question: str | None = None,
    finished: Callable[[CaseResult], None] = lambda result: None,
) -> Checked:
    """Run the public cases of an assignment on the files in `workspace`.

    Args:
        question: only the test file of this name.
        finished: called with each case as it ends.

    Raises:
        UserError: no such question, no tests, nothing to check.
    """
    tests = tests_folder(course, assignment, workspace)
    compose.student_layer(course, assignment.key, workspace)
    findings = _lint(course, assignment, workspace)
    if any(f.fatal for f in findings):
        return Checked(assignment.key, findings, ())
    seconds = course.limits_of(assignment).case_seconds * PATIENCE
    done: dict[str, CaseResult] = {}
    notes: list[str] = []
    while True:
        with tempfile.TemporaryDirectory(prefix="tito-check-") as scratch:
            worker = _Worker(course, assignment, workspace, tests, question, sorted(done), scratch)
            try:
                for result in _results(worker, seconds, notes):
                    done[result.key] = result
                    finished(result)
            finally:
                worker.close()
        if worker.stuck is None:
            break
    order = sorted(done.values(), key=lambda case: [int(n) for n in case.number.split(".")])
    return Checked(assignment.key, findings, tuple(order), tuple(dict.fromkeys(notes)))


def _results(worker: _Worker, seconds: float, notes: list[str]) -> Iterator[CaseResult]:
    """The cases as they end, the one that stopped the worker last; its remarks are added to `notes`."""
    for event in worker.events(seconds):
        if "result" in event:
            yield _case(event["result"])
        elif "note" in event:
            notes.append(event["note"])
        elif "problem" in event:
            raise UserError(event["problem"])
    if worker.stuck is not None:
        yield worker.stuck


def tests_folder(course: Course, assignment: Assignment, workspace: Path) -> Path:
    """The tests that lie in the workspace, else the ones of the released assignment."""
    for folder in (workspace / "tests", course.stub(assignment.key) / "tests"):
        if (folder / "probes.py").is_file():
            return folder
    raise UserError(
        f"{workspace} has no tests/ folder; unpack the assignment's zip again, or run: tito build {assignment.key}"
    )


def _lint(course: Course, assignment: Assignment, workspace: Path) -> tuple[lint.Finding, ...]:
    policy = lint.policy_for(course, assignment)
    found: list[lint.Finding] = []
    for path in assignment.writes:
        if (workspace / path).is_file():
            found += lint.lint_source(path, (workspace / path).read_bytes(), policy)
    return tuple(found)


def _case(data: dict[str, Any]) -> CaseResult:
    measured = tuple((what, number) for what, number in data["measured"])
    return replace(CaseResult(**data), status=Status(data["status"]), measured=measured)


class _Worker:
    """One worker process and the events it reports. `stuck` is the case that it did not come back from, if any."""

    def __init__(
        self,
        course: Course,
        assignment: Assignment,
        workspace: Path,
        tests: Path,
        question: str | None,
        skip: list[str],
        scratch: str,
    ):  # fmt: skip
        order = {
            "course": str(course.root), "assignment": assignment.key, "workspace": str(workspace.resolve()),
            "tests": str(tests.resolve()), "question": question, "skip": skip, "scratch": scratch,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "autograder.check", json.dumps(order)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.stderr: list[str] = []
        self._output = threading.Thread(target=self._read, daemon=True)
        self._output.start()
        self._errors = threading.Thread(
            target=lambda: self.stderr.append(self.process.stderr.read()[-4000:]), daemon=True
        )
        self._errors.start()
        self.stuck: CaseResult | None = None

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def events(self, seconds: float) -> Iterator[dict[str, Any]]:
        """The worker's events. Silence for longer than `seconds`, or the worker's death, ends them."""
        current: dict[str, Any] | None = None
        began = False
        while True:
            try:
                line = self.lines.get(timeout=seconds if began else START_SECONDS)
            except queue.Empty:
                problem = f"no answer within {seconds:g} s: is there a loop that never ends?"
                self._lost(began, current, Status.TIMED_OUT, problem)
                return
            if line is None:
                status = self.process.wait()
                self._lost(
                    began, current, Status.CRASHED, f"the process ended (status {status}) in the middle of this case"
                )
                return
            if line.startswith(_MARK):
                event = json.loads(line[len(_MARK) :])
                current = event.get("start", current)
                began = began or "begin" in event
                yield event
                if "end" in event:
                    return

    def _lost(self, began: bool, current: dict[str, Any] | None, status: Status, message: str) -> None:
        """The worker gave no answer. Where it stood says whose fault that is."""
        if current is not None:
            self.stuck = replace(_case(current), status=status, message=message)
        elif began:
            did = "does not end" if status is Status.TIMED_OUT else "ends the process"
            raise UserError(f"importing your module {did}; look at what stands outside of its functions")
        else:
            self.process.kill()
            self._errors.join()
            raise GraderError(f"the tests could not be started: {''.join(self.stderr).strip() or message}")

    def close(self) -> None:
        """End the worker, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        for thread, stream in ((self._output, self.process.stdout), (self._errors, self.process.stderr)):
            thread.join()
            stream.close()


# ---- in the worker -------------------------------------------------------------------------------------------------

_MARK = "\x1etito "


class LocalBench:
    """A bench without a fence: an "observer" is a fresh import in this very process."""

    def __init__(self, course: Course, assignment: Assignment, probes: Path):
        self.assignment = assignment
        limits = course.limits_of(assignment)
        # The parent keeps the time; in here nothing is cut short.
        self.limits: Limits = limits.model_copy(update={"case_seconds": 1e6, "submission_seconds": 1e6})
        self.datasets = Datasets(course)
        self.student_files = frozenset(assignment.writes)
        self.has_reference = False
        self.probes = probes
        self.alive = True

    @property
    def reference(self) -> compose.Composition:
        raise GraderError("a public case asked for the reference, which is not here")

    def observe(self, composition: compose.Composition | None, role: str = "student") -> LocalObservation:
        assert composition is not None
        forget_framework()
        return LocalObservation([str(self.probes), str(composition.path)], self.limits.output_kb << 10)

    def restart(self) -> None:
        """Nothing to restart."""


def _work(order: dict[str, Any]) -> None:
    """Judge the wanted public cases and report each on standard output."""
    from autograder.judge.run import Watcher, judge
    from autograder.judge.testfiles import load_test_files

    course = load_course(Path(order["course"]))
    assignment = course.assignment(order["assignment"])
    tests = Path(order["tests"])
    files = load_test_files(tests)
    known = [f.name for f in files if any(not case.hidden for case in f.cases)]
    question, skip = order["question"], set(order["skip"])
    if question is not None and question not in known:
        _report({"problem": f"no question is called '{question}'; choose one of {', '.join(known)}"})
        return
    layer = compose.student_layer(course, assignment.key, Path(order["workspace"]))
    # Linked, so that tracebacks and editors speak of the student's own file.
    into = Path(order["scratch"]) / "composition"
    composition = compose.compose(course, compose.for_grading(course, layer), into, linked=True)
    numbers = {(f.name, case.id): f"{i}.{j}" for i, f in enumerate(files, 1) for j, case in enumerate(f.cases, 1)}
    watcher = Watcher(
        started=lambda case: _report({"start": asdict(_empty(case, numbers[case.file, case.id]))}),
        finished=lambda result: _report({"result": asdict(result)}),
        wanted=lambda c: not c.hidden and question in (None, c.file) and f"{c.file}.{c.id}" not in skip,
    )
    _report({"begin": assignment.key})
    verdict = judge(LocalBench(course, assignment, tests), files, composition, digest="home", watcher=watcher)
    for note in verdict.notes:
        _report({"note": note})
    _report({"end": assignment.key})


def _empty(case: Any, number: str) -> CaseResult:
    return CaseResult(case.file, case.id, number, case.title, False, case.points, Status.SKIPPED, "", "", 0)


def _report(event: dict[str, Any]) -> None:
    # A student's print may have left the cursor in mid-line.
    sys.__stdout__.write(f"\n{_MARK}{json.dumps(event)}\n")
    sys.__stdout__.flush()


if __name__ == "__main__":
    _work(json.loads(sys.argv[1]))
