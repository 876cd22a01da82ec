"""Judging: run every case of an assignment against one submission, each with an observer of its own.

All public cases have ended before the first hidden one starts, so nothing learned from a hidden input can surface in a
message that a student reads. The judge draws the inputs, holds the expectations and the clock, and imports nothing of
the submission.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.compose import Composition
from autograder.errors import GraderError
from autograder.expect import Call, Mismatch, StudentError, recording_calls, recording_measures, recording_numbers
from autograder.judge.cases import CaseResult, Status, Verdict, with_call
from autograder.judge.testfiles import Case, TestFile
from autograder.messages import message
from autograder.observe.client import Ending, ObserverLost, ObserverTimeout
from autograder.observe.handles import Handle

if TYPE_CHECKING:
    from autograder.judge.bench import Workbench

Progress = Callable[[Verdict], None]


def _every_case(case: Case) -> bool:
    return True


def _ignore(item: Any) -> None:
    pass


def _ignore_answer(probe: str, value: Any) -> None:
    pass


@dataclass(frozen=True)
class Watcher:
    """Who is told while a submission is judged, and which cases are judged at all.

    `progress` gets the verdict so far after the cases of each file; `started` and `finished` get every single case,
    `asked` each call of a probe of the student before it is made, `answered` what it returned.
    `stop_at_failure` ends with the first case that does not pass (for mutants: one failure is enough).
    """

    progress: Progress = _ignore
    started: Callable[[Case], None] = _ignore
    finished: Callable[[CaseResult], None] = _ignore
    asked: Callable[[str], None] = _ignore
    answered: Callable[[str, Any], None] = _ignore_answer
    wanted: Callable[[Case], bool] = _every_case
    stop_at_failure: bool = False


DETAIL = 4000
PRINTED = 500


@dataclass(frozen=True)
class Outcome:
    """What happened inside one case, before it is put in words.

    `odd` is set when the test itself raised: what to say if an answer that it could not read is to blame.
    """

    status: Status
    text: str = ""
    unwritten: bool = False
    odd: str = ""


class ReferenceHandle(Handle):
    """A handle on the reference: whatever goes wrong there is the grader's fault."""

    def _call(self, probe: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            return super()._call(probe, args, kwargs)
        except (StudentError, ObserverLost, ObserverTimeout) as error:
            raise GraderError(f"the reference did not answer {probe}: {type(error).__name__} {error}") from error


def judge(
    bench: Workbench,
    files: tuple[TestFile, ...],
    composition: Composition,
    digest: str,
    seed: int = 0,
    watcher: Watcher | None = None,
) -> Verdict:
    """Run an assignment's cases on a composition.

    Args:
        bench: where observers come from.
        files: the assignment's test files.
        composition: what is judged.
        digest: of the submission's code; with `seed` and the case's name it fixes every random draw.
        watcher: who follows along.
    """
    return _Judging(bench, files, composition, digest, seed).run(watcher or Watcher())


def case_seed(seed: int, digest: str, case: Case, secret: str = "") -> int:
    """The seed of a case's inputs: the same for the same code, wherever and whenever it is graded.

    `secret` is the checksum of the test file: without knowing the hidden tests nobody can compute what will be drawn.
    """
    text = f"{seed}\0{digest}\0{secret}\0{case.file}\0{case.id}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


class _Judging:
    def __init__(self, bench: Workbench, files: tuple[TestFile, ...], composition: Composition, digest: str, seed: int):
        self.bench, self.files, self.composition = bench, files, composition
        self.digest, self.seed = digest, seed
        self.deadline = time.monotonic() + bench.limits.submission_seconds
        self.numbers = {
            (f.name, case.id): f"{i}.{j}" for i, f in enumerate(files, 1) for j, case in enumerate(f.cases, 1)
        }
        self.secrets = {f.name: f.source_sha256 for f in files}
        self.done: dict[tuple[str, str], CaseResult] = {}
        self.watcher = Watcher()
        self.notes: tuple[str, ...] = ()

    def run(self, watcher: Watcher) -> Verdict:
        self.watcher = watcher
        cases = [case for case in self._in_order() if watcher.wanted(case)]
        problem = self._import_problem()
        if problem and problem.status is not Status.GRADER_ERROR:
            self.notes = (problem.text,)
        last = None
        for case in cases:
            if last not in (None, case.file):
                watcher.progress(self.verdict())
            last = case.file
            watcher.started(case)
            result = self._unimported(case, problem) if problem else self._judge_case(case)
            self.done[case.file, case.id] = result
            watcher.finished(result)
            if watcher.stop_at_failure and result.status is not Status.PASSED:
                break
        return self.verdict()

    def _unimported(self, case: Case, problem: Outcome) -> CaseResult:
        if problem.status is Status.GRADER_ERROR:
            return self._result(case, problem, 0.0, None)
        skipped = Outcome(Status.SKIPPED, message("judge.unimported"), problem.unwritten)
        return self._result(case, skipped, 0.0, None)

    def verdict(self) -> Verdict:
        """The verdict so far; a case that has not run yet says so."""
        results = []
        for file in self.files:
            for case in file.cases:
                waiting = Outcome(Status.SKIPPED, message("judge.not_run"))
                results.append(self.done.get((file.name, case.id)) or self._result(case, waiting, 0.0, None))
        return Verdict(self.bench.assignment.key, tuple(results), self.notes)

    def _in_order(self) -> Iterator[Case]:
        for hidden in (False, True):
            for file in self.files:
                yield from (case for case in file.cases if case.hidden is hidden)

    def _import_problem(self) -> Outcome | None:
        """Import once before any case: a module that does not import fails everything for one reason, said once.

        Tried again when it ended without an answer: if somebody else killed it, it must not cost all the points.
        """
        for last in (False, True):
            try:
                observation = self.bench.observe(self.composition)
                try:
                    observation.ask({"do": "import"}, self.bench.limits.import_seconds)
                    return None
                finally:
                    ending = observation.close()
            except StudentError as error:
                return Outcome(Status.ERROR, message("judge.import_raised", what=_raised(error, self._source_line)))
            except ObserverTimeout:
                seconds = self.bench.limits.import_seconds
                return Outcome(Status.TIMED_OUT, message("judge.import_slow", seconds=seconds))
            except ObserverLost as error:
                if last:
                    return Outcome(Status.CRASHED, message("judge.import_ended", how=_death(error, ending)))
            except GraderError as error:
                if last:
                    return Outcome(Status.GRADER_ERROR, str(error))
        return None

    def _judge_case(self, case: Case) -> CaseResult:
        if time.monotonic() >= self.deadline:
            seconds = self.bench.limits.submission_seconds
            return self._result(case, Outcome(Status.SKIPPED, message("judge.late", seconds=seconds)), 0.0, None)
        result = self._try_case(case)
        if result.status is Status.GRADER_ERROR and not self.bench.alive:
            # The fork server was killed: that says nothing about the submission, so the case is judged again, once.
            self.bench.restart()
            result = self._try_case(case)
        return result

    def _try_case(self, case: Case) -> CaseResult:
        observations = []

        def start(composition: Callable[[], Composition], role: str) -> Callable[[], Any]:
            def observe() -> Any:
                observations.append(self.bench.observe(composition(), role))
                return observations[-1]

            return observe

        limits = self.bench.limits
        times = (limits.import_seconds, min(limits.case_seconds, max(0.1, self.deadline - time.monotonic())))
        environment = {
            "student": Handle(
                "student", start(lambda: self.composition, "student"), *times, self.watcher.answered, self.watcher.asked
            ),
            "reference": ReferenceHandle("reference", start(lambda: self.bench.reference, "reference"), *times),
            "datasets": self.bench.datasets,
            "rng": np.random.default_rng(self._seed(case)),
        }
        started = time.monotonic()
        outcome = Outcome(Status.GRADER_ERROR)
        lost: ObserverLost | None = None
        ending: Ending | None = None
        measures: list[tuple[str, float]] = []
        numbers: dict[str, float] = {}
        try:
            with recording_calls() as calls, recording_measures() as measures, recording_numbers() as numbers:
                try:
                    outcome = self._ask(case, environment, calls)
                except ObserverLost as error:
                    lost = error
        except GraderError as error:
            outcome = Outcome(Status.GRADER_ERROR, str(error))
        for observation in observations:
            try:
                closed = observation.close()
            except GraderError as error:
                outcome, lost = Outcome(Status.GRADER_ERROR, str(error)), None
            else:
                ending = ending or closed
        if lost is None:
            outcome = self._settled(case, outcome, environment)
        else:
            ended = message("judge.ended", how=_death(lost, ending))
            outcome = Outcome(Status.CRASHED, with_call(_last(calls), ended))
        result = self._result(case, outcome, time.monotonic() - started, ending)
        recorded = tuple(numbers.items()) if outcome.status is Status.PASSED else ()
        return replace(result, measured=tuple(measures), recorded=recorded)

    def _ask(self, case: Case, environment: dict[str, Any], calls: list[Call]) -> Outcome:
        """Run the case's function. What escapes it decides the status; only what is ours becomes a grader error."""
        try:
            case.function(**{name: environment[name] for name in case.parameters})
        except Mismatch as error:
            return Outcome(Status.FAILED, str(error))
        except StudentError as error:
            if "NotImplementedError" in error.kinds:
                blank = message("judge.unwritten", what=_raised(error, self._source_line, ""))
                return Outcome(Status.ERROR, with_call(_last(calls), blank), unwritten=True)
            raised = message("judge.raised", what=_raised(error, self._source_line))
            return Outcome(Status.ERROR, with_call(_last(calls), raised))
        except ObserverTimeout:
            seconds = self.bench.limits.case_seconds
            return Outcome(Status.TIMED_OUT, with_call(_last(calls), message("judge.no_answer", seconds=seconds)))
        except (ObserverLost, GraderError):
            raise
        except Exception as error:
            raised = f"{type(error).__name__}: {error}"
            odd = with_call(_last(calls), message("judge.unreadable", what=raised))
            return Outcome(Status.GRADER_ERROR, f"the test itself raised {raised}", odd=odd)
        return Outcome(Status.PASSED)

    def _settled(self, case: Case, outcome: Outcome, environment: dict[str, Any]) -> Outcome:
        """Whose fault it was that the test itself raised: if it passes on the reference, the answer was at fault."""
        if not outcome.odd or not self._passes_on_reference(case, environment):
            return outcome
        return Outcome(Status.FAILED, outcome.odd)

    def _passes_on_reference(self, case: Case, environment: dict[str, Any]) -> bool:
        """The case with the reference in the student's place, and the same draws."""
        if not self.bench.has_reference:
            return True
        limits = self.bench.limits
        observations: list[Any] = []

        def observe() -> Any:
            observations.append(self.bench.observe(self.bench.reference, "reference"))
            return observations[-1]

        again = {
            **environment,
            "student": ReferenceHandle("student", observe, limits.import_seconds, limits.case_seconds),
            "reference": ReferenceHandle("reference", observe, limits.import_seconds, limits.case_seconds),
            "rng": np.random.default_rng(self._seed(case)),
        }
        try:
            with recording_calls() as calls:
                return self._ask(case, again, calls).status is Status.PASSED
        except (ObserverLost, GraderError):
            return False
        finally:
            for observation in observations:
                observation.close()

    def _seed(self, case: Case) -> int:
        # Public cases are known, and draw the same at a student's home, where the rest of the file is missing.
        return case_seed(self.seed, self.digest, case, self.secrets[case.file] if case.hidden else "")

    def _result(self, case: Case, outcome: Outcome, seconds: float, ending: Ending | None) -> CaseResult:
        printed = _nameless(ending.printed) if ending else ""
        outcome = replace(outcome, text=_nameless(outcome.text))
        return CaseResult(
            file=case.file,
            id=case.id,
            number=self.numbers[case.file, case.id],
            title=case.title,
            hidden=case.hidden,
            points=case.points,
            status=outcome.status,
            message=_message(case, outcome, printed),
            detail=outcome.text[:DETAIL],
            seed=self._seed(case),
            unwritten=outcome.unwritten,
            printed=printed[:PRINTED],
            seconds=seconds,
            cpu_seconds=ending.cpu_seconds if ending else 0.0,
            memory_kb=ending.memory_kb if ending else 0,
        )

    def _source_line(self, where: str) -> str:
        """The line of source that `where` (`tinytorch/core/tensor.py:12 in f`) names, if it lies in the composition.

        `where` comes from the far side: only a path that the course declares is ever opened, or any file of this
        machine could be read out line by line, the hidden tests among them.
        """
        path, _, rest = where.partition(":")
        number = rest.split(" ", 1)[0]
        if path not in self.bench.student_files or not re.fullmatch("[0-9]{1,7}", number):
            return ""
        file = self.composition.path / path
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[int(number) - 1].strip()[:200] if 0 < int(number) <= len(lines) else ""


# A bench's folders, which are called differently in every run.
_FOLDERS = re.compile(r"[^\s'\"]*/tito-judge-[a-z0-9_]+/(scratch|probes|student|reference)-[0-9a-f]{16}")


def _nameless(text: str) -> str:
    """The same text in every run, though a program shows in which folders it was put."""
    return _FOLDERS.sub(r"/judge/\1", text)


def _message(case: Case, outcome: Outcome, printed: str) -> str:
    """What the student reads. A hidden case gives away its title and its hint, nothing of its data."""
    if outcome.status is Status.PASSED:
        return case.success_message or ""
    if outcome.status is Status.GRADER_ERROR:
        return message("judge.ours")
    if outcome.status is Status.SKIPPED:
        return outcome.text
    parts = [case.failure_message] if case.failure_message else []
    if not case.hidden:
        parts.insert(0, outcome.text)
        if printed.strip():
            parts.append(message("judge.printed", text=_printable(printed[:PRINTED])))
    elif outcome.unwritten:
        parts = [message("judge.hidden_unwritten")]
    elif outcome.status is Status.ERROR:
        parts.insert(0, message("judge.hidden_raised"))
    elif outcome.status is Status.TIMED_OUT:
        parts.insert(0, message("judge.hidden_slow"))
    elif outcome.status is Status.CRASHED:
        parts.insert(0, message("judge.hidden_ended"))
    return "\n".join(parts)


def _raised(error: StudentError, source_line: Callable[[str], str], verb: str = "raised ") -> str:
    """What was raised, and the student's line that raised it; without a verb only the text and the place."""
    text = f"{verb}{error.kinds[0]}: {_printable(error.text)[:500]}" if verb else _printable(error.text)[:500]
    if error.where:
        text += f"\nat:       {_printable(error.where)}"
        if verb and (line := source_line(error.where)):
            text += f"\n          {_printable(line)}"
    return text


def _last(calls: list[Call]) -> str:
    return calls[-1].text if calls else ""


def _death(error: ObserverLost, ending: Ending | None) -> str:
    if ending and ending.signal in ("SIGXCPU",):
        return message("judge.how_cpu")
    if ending and ending.signal and ending.signal != "SIGKILL":
        return message("judge.how_signal", signal=ending.signal)
    if "not readable" in str(error):
        return str(error)
    return message("judge.how_silent")


def _printable(text: str) -> str:
    """No control characters but line ends: printed text must not colour, move or hide anything where it is shown."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)
