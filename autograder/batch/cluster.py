"""Judges on a Dask cluster: the unit of work of `work`, handed to whatever workers a scheduler has.

Dask places the work, and starts it again elsewhere when a worker dies; workers may come and go. What is left to this
module: send each upload along, hold only a window of them in flight, take each outcome once, and say in a sentence
what is wrong with an address, a worker or a cluster. What a worker does is in `station`.
"""

from __future__ import annotations

import queue
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.batch import work as unit
from autograder.batch.digest import grader_digest
from autograder.batch.parcel import pack
from autograder.batch.pool import MARGIN, TRIES, Broken, Sandbox
from autograder.batch.work import Outcome, Setting, Work, failed
from autograder.errors import GraderError, UserError

if TYPE_CHECKING:
    from distributed import Client, Future

    from autograder.batch.station import Report

CONNECT_SECONDS = 15.0
WORKER_SECONDS = 600.0  # without a single fit worker for so long, the batch gives up
LOOK_SECONDS = 2.0
AHEAD = 3  # uploads in flight for each worker: one in its judge, the others on their way
LEAST_AHEAD = 16


def _tell_nobody(text: str) -> None:
    pass


@dataclass
class _Fleet:
    """The workers as last seen: those that may grade, and what was said of the others."""

    fit: frozenset[str] = frozenset()
    reports: dict[str, Report] = field(default_factory=dict)
    ever: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Gone(Broken):
    """Dask has given up: workers died while they had this, as often as its allowed-failures says and once more."""


class Cluster:
    """The judges of one batch on a cluster. Use as a context manager; connects at once, and waits for a first worker.

    Args:
        address: of the scheduler, such as tcp://10.0.0.7:8786.
        seconds: how long a judge may take over one submission by its own clock.
        limit: uploads of more bytes are not sent; intake refuses them wherever it runs.
        tell: gets a line about what a person may want to know: waiting, a worker lost, one that is unfit.
    """

    def __init__(
        self,
        setting: Setting,
        address: str,
        seconds: float,
        limit: int,
        tell: Callable[[str], None] = _tell_nobody,
        patience: float = WORKER_SECONDS,
    ):
        self.setting, self.address, self.limit = setting, address, limit
        self.seconds, self.tell, self.patience = seconds + MARGIN, tell, patience
        self.name = f"tito-{secrets.token_hex(6)}"
        self.fleet = _Fleet()
        self.flying: dict[str, tuple[Future, Work]] = {}
        self.landed: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self.tries = Counter[int]()
        self.alone: set[int] = set()
        self.client = _connected(address)
        try:
            self._make_ready()
            self.sandbox = self._common_sandbox()
        except BaseException:
            self.close()
            raise

    def run(self, works: Iterable[Work]) -> Iterator[tuple[Work, Outcome]]:
        waiting, suspects = deque(works), deque[Work]()
        heard = looked = time.monotonic()
        while waiting or suspects or self.flying:
            # What was at a worker when it died may have been what it died of, or have only waited there. It goes last,
            # and alone, so that nobody else's upload has to suffer for it.
            alone = not waiting and bool(suspects) and not self.flying
            while alone or (waiting and len(self.flying) < max(LEAST_AHEAD, AHEAD * len(self.fleet.fit))):
                work = suspects.popleft() if alone else waiting.popleft()
                self.alone.update({work.name} if alone else ())
                alone = False
                if (outcome := self._sent(work)) is not None:
                    yield work, outcome
            for work, answer in self._answers():
                heard = time.monotonic()
                if isinstance(answer, Outcome):
                    yield work, answer
                elif isinstance(answer, _Gone):
                    if work.name in self.alone:
                        yield work, failed(self.setting, work, f"{answer.why} (twice, the second time alone)")
                    else:
                        suspects.append(work)
                else:
                    self.tries[work.name] += 1
                    if self.tries[work.name] < TRIES:
                        waiting.appendleft(work)
                    else:
                        yield work, failed(self.setting, work, f"{answer.why} ({TRIES} times)")
            if time.monotonic() - looked >= LOOK_SECONDS:
                before, looked = self.fleet.fit, time.monotonic()
                self._look()
                # What was in flight when the last worker went is taken up by no later one, unless it is sent anew.
                if (self.fleet.fit and not before & self.fleet.fit) or looked - heard > self.seconds + LOOK_SECONDS:
                    heard = looked
                    waiting.extendleft(reversed(self._recalled()))

    def _sent(self, work: Work) -> Outcome | None:
        """Send an upload off; or the outcome, where it can only be had here."""
        from autograder.batch.station import grade_parcel

        parcel = pack(Path(work.source), self.limit)
        if parcel is None:
            return self._graded_here(work)
        key = f"{self.name}-{work.name}-{secrets.token_hex(4)}"
        future = self.client.submit(
            grade_parcel, self.setting, work, parcel, self.seconds, key=key, resources={self.name: 1}, pure=False
        )
        self.flying[key] = (future, work)
        future.add_done_callback(self.landed.put)
        return None

    def _graded_here(self, work: Work) -> Outcome:
        try:
            return unit.grade_one(self.setting, work)
        except (GraderError, UserError) as error:
            return failed(self.setting, work, str(error))

    def _answers(self) -> Iterator[tuple[Work, Outcome | Broken]]:
        """What has been answered, after waiting a moment for a first answer."""
        wait = LOOK_SECONDS
        while True:
            try:
                future = self.landed.get(timeout=wait)
            except queue.Empty:
                return
            wait = 0.0
            if future.key not in self.flying:  # recalled, and answered all the same
                continue
            answer = self._answer(future)
            if answer is None:
                future.add_done_callback(self.landed.put)
                continue
            _, work = self.flying.pop(future.key)
            yield work, answer

    def _answer(self, future: Future) -> Outcome | Broken | None:
        """An answer; None where its worker died with it, so that it is being worked out again."""
        from distributed import KilledWorker, TimeoutError

        try:
            return future.result(timeout=30)
        except TimeoutError:
            return None
        except KilledWorker as error:
            last = getattr(error.last_worker, "address", "unknown")
            return _Gone(f"the judge's worker ended while it had this (the last was {last})")
        except CancelledError as error:
            raise GraderError(
                f"the scheduler at {self.address} is gone; start it again and go on with --resume"
            ) from error
        except Exception as error:
            return Broken(f"the worker raised {type(error).__name__}: {error}")

    def _recalled(self) -> list[Work]:
        """Take back everything that is in flight."""
        flying, self.flying = self.flying, {}
        for future, _ in flying.values():
            future.cancel()
        return [work for _, work in flying.values()]

    # The workers.

    def _make_ready(self) -> None:
        from autograder.batch.station import Station

        try:
            self.client.register_plugin(Station(self.name, self.setting, grader_digest()), name=self.name)
        except (ImportError, AttributeError) as error:
            raise UserError(
                f"a worker of {self.address} has no usable autograder ({error}); its workers need the course's"
                " environment or image"
            ) from error
        self._look()

    def _look(self) -> None:
        """See who is there. Waits as long as nobody is fit, within reason."""
        started, told = time.monotonic(), False
        while True:
            self._see()
            if self.fleet.fit:
                return
            unfit = {report.unfit for report in self.fleet.reports.values() if report.unfit}
            if unfit and not self.fleet.ever:
                raise UserError(f"no worker of {self.address} can grade this: {'; '.join(sorted(unfit))}")
            if time.monotonic() - started > self.patience:
                raise GraderError(
                    f"{self.address} has had no worker for {self.patience:g} s; start some (dask worker"
                    f" {self.address} --nthreads 1) and go on with --resume"
                )
            if not told:
                self.tell(f"waiting for a worker of {self.address} ...")
                told = True
            time.sleep(0.2)

    def _see(self) -> None:
        try:
            workers: Mapping[str, Mapping[str, Any]] = self.client.scheduler_info()["workers"]
        except (OSError, CancelledError) as error:
            raise GraderError(
                f"the scheduler at {self.address} is gone; start it again and go on with --resume"
            ) from error
        fit = frozenset(a for a, worker in workers.items() if worker["resources"].get(self.name))
        for lost in sorted(self.fleet.fit - workers.keys()):
            self.tell(f"lost the worker {lost}; what it was grading goes to another")
        for joined in sorted(fit - self.fleet.ever) if self.fleet.ever else ():
            self.tell(f"the worker {joined} joined")
        self.fleet.fit = fit
        self.fleet.ever |= fit
        for address in workers.keys() - self.fleet.reports.keys():
            if report := self._report(address):
                self.fleet.reports[address] = report
                if report.unfit:
                    self.tell(f"the worker {address} is given nothing: {report.unfit}")

    def _report(self, address: str) -> Report | None:
        from autograder.batch.station import Report, report_of

        answer = self.client.run(report_of, self.name, workers=[address], on_error="return").get(address)
        if isinstance(answer, (ImportError, AttributeError)):
            return Report(f"it has no usable autograder ({answer})", None, {})
        return answer if isinstance(answer, Report) else None

    def _common_sandbox(self) -> Sandbox:
        """The layers that every worker has, and all notes, each once."""
        sandboxes = [r.sandbox for r in self.fleet.reports.values() if r.sandbox]
        layers = frozenset.intersection(*(s.layers for s in sandboxes)) if sandboxes else frozenset()
        notes = list(dict.fromkeys(note for s in sandboxes for note in s.notes))
        for what in ("python", "numpy", "machine"):
            found = sorted({r.versions[what] for r in self.fleet.reports.values() if what in r.versions})
            if len(found) > 1:
                notes.append(f"the workers differ in {what} ({', '.join(found)}); use one image for all of them")
        return Sandbox(layers, tuple(notes))

    def _gone(self) -> GraderError:
        return GraderError(f"the scheduler at {self.address} is gone; start it again and go on with --resume")

    def close(self) -> None:
        with suppress(Exception):  # whatever became of the cluster, nothing is left to do here
            self._recalled()
            self.client.unregister_worker_plugin(self.name)
        self.client.close(timeout=2)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _connected(address: str) -> Client:
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise UserError(
            f"--scheduler needs the package distributed ({error}); install tinytorch-course[cluster]"
        ) from error
    # Uploads travel inside their tasks: data left on a worker would be lost with it.
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})
    try:
        return Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="tito-grade")
    except ValueError as error:
        raise UserError(
            f"{address} is no address of a scheduler ({error}); it looks like tcp://10.0.0.7:8786"
        ) from error
    except OSError as error:  # TimeoutError too
        raise UserError(
            f"no scheduler answers at {address}; start one with `dask scheduler`, whose first lines say its address"
        ) from error
