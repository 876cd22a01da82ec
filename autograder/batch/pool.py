"""Judges in worker processes of this machine: each grades one upload at a time, and none can take the others down.

The processes are multiprocessing's. A judge that dies (out of memory, killed), breaks, or does not answer in time costs
its upload a second try in a fresh process, then a grader error. A worker ends when its pipe closes, whatever became of
the process that started it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from autograder.batch import work as unit
from autograder.batch.work import Outcome, Setting, Work, failed
from autograder.errors import GraderError, UserError

TRIES = 2
START_SECONDS = 120.0
CLOSE_SECONDS = 10.0
MARGIN = 120.0  # beyond the seconds that a judge gives a submission by its own clock: intake, lint, the last case


class Judges(Protocol):
    """Whoever grades the works of a batch: the pool of this machine, or something larger."""

    def run(self, works: Iterable[Work]) -> Iterator[tuple[Work, Outcome]]:
        """The outcome of every work, once each, in the order in which they are done."""
        ...


class Nobody:
    """The judges of a batch in which nothing is left to grade."""

    def run(self, works: Iterable[Work]) -> Iterator[tuple[Work, Outcome]]:
        return iter(())


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Sandbox:
    """What protects the judges, as the first of them found it: layers, and notes for the instructor."""

    layers: frozenset[str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Broken:
    """Why there is no outcome."""

    why: str


class Pool:
    """A number of judges on one batch. Use as a context manager; the first is started at once, and raises what hinders
    all of them (a test file that is wrong, a sandbox too weak).

    Args:
        jobs: how many judges at once.
        seconds: how long a judge may take over one submission by its own clock.
    """

    def __init__(self, setting: Setting, jobs: int, seconds: float):
        self.setting, self.jobs, self.seconds = setting, max(1, jobs), seconds + MARGIN
        self.workers = [_Worker(setting)]
        try:
            self.sandbox = self.workers[0].started()
        except BaseException:
            self.close()
            raise

    def run(self, works: Iterable[Work]) -> Iterator[tuple[Work, Outcome]]:
        waiting, tries = deque(works), Counter[int]()
        while self._give(waiting):
            for worker, answer in self._answers():
                work = worker.take()
                if isinstance(answer, Outcome):
                    yield work, answer
                    continue
                self._drop(worker)
                tries[work.name] += 1
                if tries[work.name] < TRIES:
                    waiting.appendleft(work)
                else:
                    yield work, failed(self.setting, work, f"{answer.why} ({TRIES} times)")

    def _give(self, waiting: deque[Work]) -> bool:
        """Keep as many workers busy as there may be; whether anything is left to wait for."""
        idle = [worker for worker in self.workers if worker.work is None]
        while waiting and (idle or len(self.workers) < self.jobs):
            if not idle:
                self.workers.append(_Worker(self.setting))
                idle = self.workers[-1:]
            idle.pop().give(waiting.popleft(), self.seconds)
        return any(worker.work is not None for worker in self.workers)

    def _answers(self) -> list[tuple[_Worker, Outcome | Broken]]:
        """Wait until a worker answers, dies, or has had its time."""
        busy = [worker for worker in self.workers if worker.work is not None]
        patience = min(worker.deadline for worker in busy) - time.monotonic()
        ready = wait([worker.pipe for worker in busy], max(0.0, patience))
        found = [(worker, worker.hear()) for worker in busy if worker.pipe in ready]
        answers = [(worker, answer) for worker, answer in found if answer is not None]
        late = [worker for worker in busy if worker.pipe not in ready and time.monotonic() >= worker.deadline]
        return answers + [(worker, Broken(f"the judge did not answer within {self.seconds:g} s")) for worker in late]

    def _drop(self, worker: _Worker) -> None:
        """Do without a worker that broke, died or hangs: it is not waited for."""
        self.workers.remove(worker)
        worker.close(kill=True)

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
        self.workers.clear()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Worker:
    """One worker process as seen from here, and the work it has."""

    def __init__(self, setting: Setting):
        # Not forked from here: what this process holds open, the gradebook first of all, is no business of a judge.
        # Forked from a server that has imported the judge once, which costs a second of CPU time.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["autograder.grade"])
        self.pipe, theirs = context.Pipe()
        with theirs:
            self.process = context.Process(target=serve, args=(theirs, setting), daemon=True)
            self.process.start()
        self.work: Work | None = None
        self.seconds = self.deadline = 0.0
        self.ready = False

    def started(self) -> Sandbox:
        """Wait until the judge is ready."""
        if not self.pipe.poll(START_SECONDS):
            raise GraderError(f"the judge did not start within {START_SECONDS:g} s")
        said = self._receive()
        if isinstance(said, Broken):
            raise GraderError(f"{said.why} while it started")
        self.ready = True
        return said

    def give(self, work: Work, seconds: float) -> None:
        """Hand over a work; a worker that is still starting finds it in its pipe, and has the seconds from then on."""
        self.work, self.seconds = work, seconds
        self.deadline = time.monotonic() + (seconds if self.ready else START_SECONDS)
        with suppress(OSError):  # it may just have died, which `hear` will find
            self.pipe.send(work)

    def take(self) -> Work:
        """The work it had."""
        work, self.work = self.work, None
        assert work is not None
        return work

    def hear(self) -> Outcome | Broken | None:
        """Its answer; None when it only says that it is ready."""
        said = self._receive()
        if not isinstance(said, Sandbox):
            return said
        self.ready, self.deadline = True, time.monotonic() + self.seconds
        return None

    def _receive(self) -> Any:
        """What it says. An error that would meet every judge is raised here."""
        try:
            said = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(5)
            return Broken(f"the judge's process ended ({_ending(self.process.exitcode)})")
        if isinstance(said, (UserError, GraderError)):
            raise said
        return said

    def close(self, kill: bool = False) -> None:
        """End it: in good order when it is idle, so that it tidies up after itself."""
        self.pipe.close()
        if self.work is None and not kill:
            self.process.join(CLOSE_SECONDS)
        self.process.kill()
        self.process.join()
        self.process.close()


def _ending(status: int | None) -> str:
    if status is None or status >= 0:
        return f"status {status}"
    name = signal.Signals(-status).name
    return f"{name}: was there memory enough?" if name == "SIGKILL" else name


def serve(pipe: Connection, setting: Setting) -> None:
    """A worker: start a judge, then grade what comes through the pipe until it closes."""
    # The terminal sends its interrupt to all processes; this one ends when the one that started it does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with suppress(EOFError, BrokenPipeError):  # whoever started it is gone
            _serve(pipe, setting)
    finally:
        unit.close()


def _serve(pipe: Connection, setting: Setting) -> None:
    try:
        pipe.send(Sandbox(*unit.sandbox_of(setting)))
    except (UserError, GraderError) as error:
        pipe.send(error)
        return
    while True:
        pipe.send(_answer(setting, pipe.recv()))


def _answer(setting: Setting, work: Work) -> Outcome | Broken:
    try:
        return unit.grade_one(setting, work)
    except Exception as error:
        # Whatever it is, it is ours, and this upload's alone; the judge is not used again.
        where = traceback.extract_tb(error.__traceback__)[-1]
        return Broken(f"the grader raised {type(error).__name__}: {error} (in {where.name}, line {where.lineno})")
