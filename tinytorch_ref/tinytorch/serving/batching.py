"""The queue between requests and the model: bounded, and answered in batches.

One product of a matrix with 32 rows costs far less than 32 products with one. So requests that wait at the same time
are answered together: the model starts as soon as `max_batch` examples wait or the first has waited for `max_wait`,
and while it computes the next batch gathers. The queue has a bound, because one that may grow answers everybody late
instead of most in time: what does not fit is refused at once, with an estimate of when to come again.

A request is answered by the version that it was checked against, even if another is served meanwhile. Nothing here
knows about HTTP.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from tinytorch.serving.served import Served

Array = np.ndarray
LONGEST_PAUSE = 30  # seconds that anybody is told to wait
MEMORY = 0.9  # how much of the estimated time an example the past is worth, batch by batch


class Full(RuntimeError):
    """The queue has no room. `pause` is in how many seconds there should be some."""

    def __init__(self, waiting: int, bound: int, pause: int):
        super().__init__(f"{waiting} of at most {bound} examples are waiting; come again in {pause} s")
        self.pause = pause


class Closed(RuntimeError):
    """The service is stopping and takes nothing more in."""


class ModelFailed(RuntimeError):
    """The model raised an error; every request of that batch gets this one."""


@dataclass(frozen=True)
class Batch:
    """What was answered at once. `problem` is None if the model gave an answer."""

    version: Served
    rows: Array
    scores: Array | None
    seconds: float
    problem: Exception | None = None


@dataclass
class _Job:
    version: Served
    rows: Array
    answer: asyncio.Future[Array]
    arrived: float


class Batcher:
    """A bounded queue and the one thread in which models compute.

    Args:
        max_batch: examples computed at once, at most.
        max_wait: seconds that the first of a batch may be kept waiting for others.
        bound: examples that may wait, at most.
        watch: called with every batch that was computed, in the event loop.

    Attributes:
        accepted, answered: examples so far; whatever was accepted is answered before the service stops.
    """

    def __init__(
        self, max_batch: int, max_wait: float, bound: int, watch: Callable[[Batch], None] = lambda batch: None
    ):
        if min(max_batch, bound) < 1 or max_wait < 0 or bound < max_batch:
            raise ValueError(f"a batch of {max_batch} at most needs a queue at least as long, got {bound}")
        self.max_batch, self.max_wait, self.bound, self.watch = max_batch, max_wait, bound, watch
        self.waiting = self.accepted = self.answered = 0
        self.busy_since: float | None = None
        self._jobs: deque[_Job] = deque()
        self._come = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._seconds_each = 0.0  # of computing, an example
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")

    # ---- coming in

    def submit(self, version: Served, rows: Array) -> asyncio.Future[Array]:
        """Take a request in: examples (n, *shape) of at most `max_batch` -> a future of their probabilities.

        Raises:
            Full: there is no room for n more. Closed: the service is stopping.
        """
        if self._closed:
            raise Closed("the service is stopping")
        if len(rows) > self.max_batch:
            raise ValueError(f"{len(rows)} examples do not fit into a batch of {self.max_batch}")
        if self.waiting + len(rows) > self.bound:
            raise Full(self.waiting, self.bound, self._pause())
        job = _Job(version, rows, asyncio.get_running_loop().create_future(), time.monotonic())
        self._jobs.append(job)
        self.waiting += len(rows)
        self.accepted += len(rows)
        self._idle.clear()
        self._come.set()
        return job.answer

    def _pause(self) -> int:
        """Whole seconds until half of what waits will have been computed."""
        return min(LONGEST_PAUSE, max(1, math.ceil(self.waiting * self._seconds_each / 2)))

    # ---- being answered

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            await self._gathered()
            jobs = self._take()
            self.busy_since = time.monotonic()
            batch = await self.compute(jobs[0].version, np.concatenate([job.rows for job in jobs]))
            self.busy_since = None
            self._hand_out(jobs, batch)

    async def _gathered(self) -> None:
        """Wait until a batch is worth computing."""
        while not self._jobs:
            self._come.clear()
            await self._come.wait()
        while self.waiting < self.max_batch and not self._closed:
            left = self._jobs[0].arrived + self.max_wait - time.monotonic()
            if left <= 0:
                return
            self._come.clear()
            try:
                await asyncio.wait_for(self._come.wait(), left)
            except asyncio.TimeoutError:
                return

    def _take(self) -> list[_Job]:
        """The oldest requests that one batch has room for and that one version answers."""
        jobs, size = [self._jobs.popleft()], 0
        size = len(jobs[0].rows)
        while self._jobs and self._jobs[0].version is jobs[0].version:
            if size + len(self._jobs[0].rows) > self.max_batch:
                break
            jobs.append(self._jobs.popleft())
            size += len(jobs[-1].rows)
        self.waiting -= size
        return jobs

    async def compute(self, version: Served, rows: Array) -> Batch:
        """Let a version answer, in the thread of the models; whatever it raises is in the batch."""
        loop, began = asyncio.get_running_loop(), time.perf_counter()
        try:
            scores = await loop.run_in_executor(self._thread, version.score, rows)
        except Exception as problem:
            return Batch(version, rows, None, time.perf_counter() - began, problem)
        return Batch(version, rows, scores, time.perf_counter() - began)

    async def warm(self, version: Served) -> None:
        """Let a version run once where it will run later, between two batches. ServingError if it fails."""
        await asyncio.get_running_loop().run_in_executor(self._thread, version.warm, self.max_batch)

    def _hand_out(self, jobs: list[_Job], batch: Batch) -> None:
        """Give every request its rows of the answer, or all of them the error."""
        each = batch.seconds / len(batch.rows)
        self._seconds_each = MEMORY * self._seconds_each + (1 - MEMORY) * each if self._seconds_each else each
        start = 0
        for job in jobs:
            rows = slice(start, start + len(job.rows))
            start = rows.stop
            self.answered += len(job.rows)
            if job.answer.cancelled():
                continue
            if batch.problem is not None:
                job.answer.set_exception(ModelFailed(f"{type(batch.problem).__name__}: {batch.problem}"))
            else:
                job.answer.set_result(batch.scores[rows])
        self.watch(batch)
        if not self._jobs:
            self._idle.set()

    # ---- stopping

    def close(self) -> None:
        """Take nothing more in. What was accepted is computed without waiting for company."""
        self._closed = True
        self._come.set()

    async def drained(self) -> None:
        """Wait until nothing is waiting or being computed."""
        await self._idle.wait()

    def busy(self) -> float:
        """For how many seconds the model has been at its present batch; 0 if it is not at any."""
        return 0.0 if self.busy_since is None else time.monotonic() - self.busy_since
