"""`tito check` at a student's home: the public cases on the student's own machine, same tests, same messages, no fence.

The cases run in a worker process (`python -m autograder.check`), so that a crash or an endless loop is an answer and
not the end. The worker reports each case as it starts and ends, and each call as it is made; when it falls silent it
is stopped and a new one goes on after the case that stopped it. In a session the worker stays for the next check, which
then costs no start. Nothing is graded here, so nothing has to be hidden from the program.

Each case imports the framework anew, as in grading. A quick session (`--watch`) does so on its first check only: later
the cases of a check share one import, and a case that does not pass there is tried again by itself, which decides.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from autograder import compose, hints, lint, start
from autograder.course import Assignment, Course, Limits, Milestone, load_course
from autograder.datasets import Datasets
from autograder.errors import GraderError, UserError
from autograder.judge.cases import CaseResult, Status, with_call
from autograder.messages import message
from autograder.observe.local import LocalObservation
from autograder.workspace import forget_framework

# At home a case may take this many times what it may take in grading, counted in CPU time: see `_Patience`.
PATIENCE = 12
START_SECONDS = 120.0  # of CPU time for a worker to be ready: it imports Otter
TICK = 0.25  # seconds between two reports of a worker's CPU time


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
    """Run the public cases of an assignment on the files in `workspace`; see `Session.check`."""
    with Session(course, assignment, workspace) as session:
        return session.check(question, finished)


class Session:
    """Checks of one folder, one after another. Use as a context manager.

    Args:
        assignment: what is checked; of a milestone the tests lie in the course, and `own` says for which assignments
            the student's layer is taken, and from which folder.
        quick: from the second check on the cases share one import; see the module.

    Raises:
        UserError: the folder holds no tests.
    """

    def __init__(
        self,
        course: Course,
        assignment: Assignment | Milestone,
        workspace: Path,
        own: Mapping[str, Path] | None = None,
        quick: bool = False,
    ):
        self.course, self.assignment, self.workspace, self.own = course, assignment, workspace, own or {}
        self.quick, self.checks = quick, 0
        if isinstance(assignment, Assignment):
            self.tests = tests_folder(course, assignment, workspace)
        else:
            self.tests = course.home(assignment) / "tests"
        self.worker: _Worker | None = None
        self.sections: Mapping[str, str] | None = None

    def check(
        self, question: str | None = None, finished: Callable[[CaseResult], None] = lambda result: None
    ) -> Checked:
        """Run the public cases once.

        Args:
            question: only the test file of this name.
            finished: called with each case as it ends.

        Raises:
            UserError: no such question, nothing to check.
        """
        findings: tuple[lint.Finding, ...] = ()
        if isinstance(self.assignment, Assignment):
            compose.student_layer(self.course, self.assignment.key, self.workspace)
            findings = _lint(self.course, self.assignment, self.workspace)
        if any(f.fatal for f in findings):
            return Checked(self.assignment.key, findings, ())
        done: dict[str, CaseResult] = {}
        notes: list[str] = []
        self.checks += 1
        while not self._round(question, done, notes, finished):
            pass
        order = sorted(done.values(), key=lambda case: [int(n) for n in case.number.split(".")])
        return Checked(self.assignment.key, findings, tuple(order), tuple(dict.fromkeys(notes)))

    def _round(
        self,
        question: str | None,
        done: dict[str, CaseResult],
        notes: list[str],
        finished: Callable[[CaseResult], None],
    ) -> bool:
        """Let the worker go on with the cases that are not done; False when it was lost on one of them."""
        worker = self.worker = self.worker or _Worker(self._job())
        seconds = self.course.limits_of(self.assignment).case_seconds * PATIENCE
        usable = False
        try:
            order = {"question": question, "skip": sorted(done), "quick": self.quick and self.checks > 1}
            for judged in _results(worker, order, seconds, notes):
                result = self._with_reading(judged)
                done[result.key] = result
                finished(result)
            usable = worker.stuck is None and not worker.gone
        finally:
            if not usable:
                self.close()
        return usable

    def _with_reading(self, result: CaseResult) -> CaseResult:
        """A case that failed, with where in the handout to read about it."""
        if isinstance(self.assignment, Milestone):
            return result
        if self.sections is None:
            self.sections = hints.sections(self.course, self.assignment)
        return hints.with_reading(result, self.sections)

    def _job(self) -> dict[str, Any]:
        """What the worker has to know of the session."""
        kind = "assignment" if isinstance(self.assignment, Assignment) else "milestone"
        own = {key: str(folder.resolve()) for key, folder in self.own.items()}
        folders = {"workspace": str(self.workspace.resolve()), "tests": str(self.tests.resolve())}
        return {"course": str(self.course.root), kind: self.assignment.key, "own": own, **folders}

    def close(self) -> None:
        if self.worker is not None:
            self.worker.close()
            self.worker = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _results(worker: _Worker, order: dict[str, Any], seconds: float, notes: list[str]) -> Iterator[CaseResult]:
    """The cases as they end, the one that stopped the worker last; its remarks are added to `notes`."""
    worker.ask(order)
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
    raise UserError(message("check.no_tests", folder=workspace, key=assignment.key))


def _lint(course: Course, assignment: Assignment, workspace: Path) -> tuple[lint.Finding, ...]:
    policy = lint.policy_for(course, assignment)
    found: list[lint.Finding] = []
    for path in assignment.writes:
        if (workspace / path).is_file():
            found += lint.lint_source(path, (workspace / path).read_bytes(), policy)
    return tuple(found)


def _case(data: dict[str, Any]) -> CaseResult:
    measured = tuple((what, number) for what, number in data["measured"])
    recorded = tuple((name, number) for name, number in data["recorded"])
    return replace(CaseResult(**data), status=Status(data["status"]), measured=measured, recorded=recorded)


class _Patience:
    """How long to wait for a worker: a slow or busy machine is never failed by a clock.

    The worker tells its CPU time with every tick of its own. Waiting ends when it has used `seconds` of it (a loop), or
    when it has ticked for `seconds` and used next to nothing (it sleeps). A worker that gets no time does not tick
    either, and is waited for; only when it has not ticked for `SILENCE` times as long is it given up.
    """

    SILENCE = 3
    NOTHING = 0.01  # of the time of its ticks

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.since = time.monotonic()
        self.first: float | None = None
        self.used, self.ticks, self.mark = 0.0, 0, 0.0

    def tick(self, cpu: float) -> None:
        self.first = cpu if self.first is None else self.first
        self.used = cpu - self.first
        self.since = time.monotonic()
        self.ticks += 1
        if self.used - self.mark > self.NOTHING * self.seconds:
            self.mark, self.ticks = self.used, 0

    def over(self) -> bool:
        silent = time.monotonic() - self.since > self.SILENCE * self.seconds
        return silent or self.used >= self.seconds or self.ticks * TICK >= self.seconds


class _Worker:
    """One worker process and the events it reports. `stuck` is the case that it did not come back from, if any."""

    def __init__(self, job: dict[str, Any]):
        self.scratch = tempfile.mkdtemp(prefix="tito-check-")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "autograder.check", json.dumps({**job, "scratch": self.scratch})],
            stdin=subprocess.PIPE,
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
        self.rounds = 0
        self.gone = False

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def ask(self, order: dict[str, Any]) -> None:
        """Order one round: `events` tells how it goes. A worker that is gone says so there."""
        self.rounds += 1
        with suppress(OSError):
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()

    def events(self, seconds: float) -> Iterator[dict[str, Any]]:
        """The worker's events. What its patience with a case does not last for, or the worker's death, ends them."""
        current: dict[str, Any] | None = None
        began = False
        self.call = ""
        patience = _Patience(START_SECONDS)
        while True:
            try:
                line = self.lines.get(timeout=TICK)
            except queue.Empty:
                line = ""
            if line is None:
                status = self.process.wait()
                self._lost(began, current, Status.CRASHED, message("check.ended", status=status))
                return
            if line.startswith(_MARK):
                event = json.loads(line[len(_MARK) :])
                if "cpu" in event:
                    patience.tick(event["cpu"])
                else:
                    current = event.get("start", current)
                    self.call = event.get("call", "" if "start" in event else self.call)
                    began = began or "begin" in event
                    if "call" not in event:
                        patience = _Patience(seconds)
                    yield event
                    if "end" in event:
                        return
            if patience.over():
                self._lost(began, current, Status.TIMED_OUT, message("check.loop", seconds=patience.seconds))
                return

    def _lost(self, began: bool, current: dict[str, Any] | None, status: Status, problem: str) -> None:
        """The worker gave no answer. Where it stood says whose fault that is."""
        if current is not None:
            self.stuck = replace(_case(current), status=status, message=with_call(self.call, problem))
        elif self.rounds > 1 and not began:
            self.gone = True  # what an earlier round left running has ended it: nothing of this round was tried
        elif began:
            endless = status is Status.TIMED_OUT
            raise UserError(message("check.import_endless") if endless else message("check.import_exits"))
        else:
            self.process.kill()
            self._errors.join()
            raise GraderError(f"the tests could not be started: {''.join(self.stderr).strip() or problem}")

    def close(self) -> None:
        """End the worker, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        for thread, stream in ((self._output, self.process.stdout), (self._errors, self.process.stderr)):
            thread.join()
            stream.close()
        with suppress(OSError):
            self.process.stdin.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


# ---- in the worker -------------------------------------------------------------------------------------------------

_MARK = "\x1etito "


class LocalBench:
    """A bench without a fence: an "observer" is a fresh import in this very process."""

    def __init__(self, course: Course, assignment: Assignment | Milestone, probes: Path):
        self.assignment = assignment
        limits = course.limits_of(assignment)
        # The parent keeps the time; in here nothing is cut short.
        self.limits: Limits = limits.model_copy(update={"case_seconds": 1e6, "submission_seconds": 1e6})
        self.datasets = Datasets(course)
        self.student_files = frozenset(assignment.writes if isinstance(assignment, Assignment) else course.owners)
        self.has_reference = False
        self.probes = probes
        self.alive = True
        # Whether observers use the framework as the one before them imported it, and that one.
        self.sharing = False
        self.last: LocalObservation | None = None

    @property
    def reference(self) -> compose.Composition:
        raise GraderError("a public case asked for the reference, which is not here")

    def observe(self, composition: compose.Composition | None, role: str = "student") -> LocalObservation:
        assert composition is not None
        imported = self.last.probes if self.sharing and self.last is not None else None
        if imported is None:
            forget_framework()
        self.last = LocalObservation([str(self.probes), str(composition.path)], self.limits.output_kb << 10)
        self.last.probes = imported
        return self.last

    def restart(self) -> None:
        """Nothing to restart."""


class _Work:
    """The worker's side of a session: what every round needs is read once."""

    def __init__(self, job: dict[str, Any]):
        from autograder.judge.testfiles import load_test_files

        self.course = load_course(Path(job["course"]))
        self.assignment = (
            self.course.milestone(job["milestone"]) if "milestone" in job else self.course.assignment(job["assignment"])
        )
        self.own = {key: Path(folder) for key, folder in job["own"].items()}
        self.workspace, self.scratch = Path(job["workspace"]), Path(job["scratch"])
        # Every case imports the framework anew: its byte code, which lies in the scratch folder, is most of the speed.
        sys.dont_write_bytecode = False
        tests = Path(job["tests"])
        self.files = load_test_files(tests)
        self.known = [f.name for f in self.files if any(not case.hidden for case in f.cases)]
        self.numbers = {
            (f.name, case.id): f"{i}.{j}" for i, f in enumerate(self.files, 1) for j, case in enumerate(f.cases, 1)
        }
        self.bench = LocalBench(self.course, self.assignment, tests)
        self.made: tuple[tuple[compose.Layer, ...], compose.Composition] | None = None

    def round(self, question: str | None, skip: frozenset[str], quick: bool) -> None:
        """Judge the wanted public cases and report each on standard output."""
        if question is not None and question not in self.known:
            _report({"problem": message("check.no_question", question=question, known=", ".join(self.known))})
            return
        composition = self._composition()
        public = [c for f in self.files for c in f.cases if not c.hidden and question in (None, c.file)]
        left = frozenset(f"{c.file}.{c.id}" for c in public) - skip
        _report({"begin": self.assignment.key})
        if quick:
            left -= self._judge(composition, left, sharing=True)
        if left or not quick:
            self._judge(composition, left, sharing=False)
        _report({"end": self.assignment.key})

    def _judge(self, composition: compose.Composition, keys: frozenset[str], sharing: bool) -> frozenset[str]:
        """Judge some cases; the keys of those that passed. Of cases that share an import no other is reported."""
        from autograder.judge.run import Watcher, judge

        passed: set[str] = set()

        def finished(result: CaseResult) -> None:
            if result.status is Status.PASSED:
                passed.add(result.key)
            if result.status is Status.PASSED or not sharing:
                _report({"result": asdict(result)})

        watcher = Watcher(
            started=lambda case: _report({"start": asdict(_empty(case, self.numbers[case.file, case.id]))}),
            finished=finished,
            asked=lambda call: _report({"call": call}),
            wanted=lambda c: f"{c.file}.{c.id}" in keys,
        )
        self.bench.sharing, self.bench.last = sharing, None
        verdict = judge(self.bench, self.files, composition, digest="home", watcher=watcher)
        if not sharing:
            for note in verdict.notes:
                _report({"note": note})
        return frozenset(passed)

    def _composition(self) -> compose.Composition:
        """The framework around the student's files as they are now. What does not change is composed once."""
        layers = self._layers()
        if self.made is None or self.made[0] != layers:
            # Linked, so that tracebacks and editors speak of the student's own file.
            into = Path(tempfile.mkdtemp(dir=self.scratch)) / "composition"
            self.made = layers, compose.compose(self.course, layers, into, linked=True)
        composition = self.made[1]
        for path, source in layers[-1].files.items():
            target = composition.path / path
            # Python tells byte code from stale byte code by whole seconds and sizes: too coarse for quick edits.
            Path(cache_from_source(str(target))).unlink(missing_ok=True)
            if not target.is_symlink():
                shutil.copyfile(source, target)
        return composition

    def _layers(self) -> tuple[compose.Layer, ...]:
        if isinstance(self.assignment, Milestone):
            return start.milestone_layers(self.course, self.assignment, self.own)
        layer = compose.student_layer(self.course, self.assignment.key, self.workspace)
        return start.layers_at_home(self.course, layer, self.workspace)


def _serve(job: dict[str, Any]) -> None:
    """Do one round for each order that comes. A program that reads standard input finds it empty."""
    busy = threading.Event()
    busy.set()
    threading.Thread(target=_tick, args=(busy,), daemon=True).start()
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    work: _Work | None = None
    for line in orders:
        busy.set()
        try:
            work = work or _Work(job)
            order = json.loads(line)
            work.round(order["question"], frozenset(order["skip"]), order["quick"])
        except UserError as error:
            _report({"problem": str(error)})
        busy.clear()


def _empty(case: Any, number: str) -> CaseResult:
    return CaseResult(case.file, case.id, number, case.title, False, case.points, Status.SKIPPED, "", "", 0)


_reporting = threading.Lock()


def _report(event: dict[str, Any]) -> None:
    # A student's print may have left the cursor in mid-line.
    with _reporting:
        sys.__stdout__.write(f"\n{_MARK}{json.dumps(event)}\n")
        sys.__stdout__.flush()


def _tick(busy: threading.Event) -> None:
    """Tell now and then how much CPU time was used, while there is something to do."""
    while busy.wait():
        time.sleep(TICK)
        _report({"cpu": time.process_time()})


def lean_otter() -> None:
    """Let `otter.test_files` come without the rest of Otter: pandas, nbconvert and the like cost most of a second, and
    no check needs them. An Otter that is built otherwise is left to be imported whole."""
    found = find_spec("otter")
    if found is None or not found.submodule_search_locations:
        return
    package = sys.modules["otter"] = ModuleType("otter")
    package.__path__ = list(found.submodule_search_locations)
    try:
        import_module("otter.test_files")
    except Exception:
        for name in [name for name in sys.modules if name.split(".")[0] == "otter"]:
            del sys.modules[name]


if __name__ == "__main__":
    lean_otter()
    _serve(json.loads(sys.argv[1]))
