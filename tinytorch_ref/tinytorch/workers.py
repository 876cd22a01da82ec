"""Workers that compute at the same time and send each other arrays: real ones, each a process, and simulated ones.

The frame owns this file; nobody has to write it. `run_workers` starts a process a rank and gives each a `Communicator`;
`simulate` runs the same function with the same communicator in one process, one rank at a time and in a fixed order, so
that a deadlock is found at once and told with the names of those who wait. What is sent, and in which order, is for the
caller: assignment 18 writes an all-reduce and data-parallel training on top.
"""

from __future__ import annotations

import builtins
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

Array = np.ndarray
Work = Callable[..., Any]

# Forked workers have all that this process has. Elsewhere than on Linux forking beside threads is not safe.
START = "fork" if sys.platform.startswith("linux") else "spawn"
SECONDS = 60.0  # for all workers to finish
AFTERMATH = 2.0  # seconds in which others may still say what happened to them, once one has failed


class WorkerError(RuntimeError):
    """A worker ended without a result, or did not end in time."""


class PartnerLost(WorkerError):
    """What a rank gets that sends to, or waits for, a rank that has ended."""


class Deadlock(WorkerError):
    """All ranks that are left wait for each other."""


class Communicator:
    """What a worker knows of the others.

    A message is an array of any shape and dtype; the receiver gets a copy of its own. `send` may wait until the other
    one receives, and always does when the message is long: write programs that are right either way. Messages from one
    rank to another arrive in the order in which they were sent.

    Attributes:
        rank: this worker's number, 0 to size - 1. size: how many there are.
        left, right: the neighbours when all stand in a ring, rank 0 right of the last.
        messages, bytes_sent: how many this rank has sent so far, and the bytes of their arrays.
    """

    def __init__(self, rank: int, size: int):
        self.rank, self.size = rank, size
        self.messages = self.bytes_sent = 0

    @property
    def left(self) -> int:
        return (self.rank - 1) % self.size

    @property
    def right(self) -> int:
        return (self.rank + 1) % self.size

    def send(self, to: int, array: Array) -> None:
        """Send an array to a rank.

        Raises:
            ValueError: no such rank, or this one. TypeError: no ndarray. PartnerLost: the rank has ended.
        """
        self._check(to)
        if not isinstance(array, np.ndarray) or array.dtype.hasobject:
            raise TypeError(f"rank {self.rank} can send arrays of numbers only, got {type(array).__name__}")
        self.messages += 1
        self.bytes_sent += array.nbytes
        self._send(to, array)

    def recv(self, source: int) -> Array:
        """Wait for the next array from a rank. ValueError and PartnerLost as in `send`."""
        self._check(source)
        return self._recv(source)

    def _check(self, other: int) -> None:
        if not 0 <= other < self.size or other == self.rank:
            raise ValueError(f"rank {self.rank} of {self.size} has no partner {other}; partners are the other ranks")

    def _send(self, to: int, array: Array) -> None:
        raise NotImplementedError

    def _recv(self, source: int) -> Array:
        raise NotImplementedError


# ---- real workers ----------------------------------------------------------------------------------------------------


class _Pipes(Communicator):
    """A communicator over one pipe for each direction and pair of ranks."""

    def __init__(self, rank: int, size: int, writers: dict[int, Any], readers: dict[int, Any]):
        super().__init__(rank, size)
        self.writers, self.readers = writers, readers

    def _send(self, to: int, array: Array) -> None:
        try:
            self.writers[to].send_bytes(f"{array.dtype.str} {' '.join(map(str, array.shape))}".encode())
            if array.size:
                self.writers[to].send_bytes(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
        except OSError as error:
            raise PartnerLost(f"rank {self.rank} sends to rank {to}, which has ended") from error

    def _recv(self, source: int) -> Array:
        try:
            dtype, *shape = self.readers[source].recv_bytes().decode().split()
            array = np.empty([int(n) for n in shape], dtype)
            if array.size:
                self.readers[source].recv_bytes_into(array.reshape(-1).view(np.uint8))
        except (EOFError, OSError) as error:
            raise PartnerLost(f"rank {self.rank} waits for rank {source}, which has ended") from error
        return array


@dataclass(frozen=True)
class _Failure:
    """How a worker failed: the class of its exception, the text, and whether it is only the echo of another's end."""

    kind: str
    text: str
    echo: bool = False


def run_workers(size: int, work: Work, *args: Any, seconds: float = SECONDS) -> list[Any]:
    """`work(comm, *args)` in `size` processes at once; what each returned, by rank.

    Where processes are copies of this one (Linux), work and args may be anything. Elsewhere (macOS, Windows) they
    travel as pickles: `work` must be a function of a module, not of a notebook. Each worker uses one BLAS thread.

    Args:
        seconds: how long all of them may take together.

    Raises:
        WorkerError: a worker died, or not all finished in time; names the ranks. No worker is left running.
        A worker's own exception of a built-in class is raised here as that class, with the rank in its text.
    """
    if size < 1:
        raise ValueError(f"run_workers needs at least one worker, got {size}")
    import multiprocessing

    import_module("tinytorch.kernels.blas")  # here, so that forked workers find it imported
    context = multiprocessing.get_context(START)
    links = {(a, b): context.Pipe(duplex=False) for a in range(size) for b in range(size) if a != b}
    answers = [context.Pipe(duplex=False) for _ in range(size)]
    ends = [end for pair in (*links.values(), *answers) for end in pair]
    processes = []
    with _killed_in_the_end(processes, [reader for reader, _ in answers]):
        for rank in range(size):
            writers = {to: links[rank, to][1] for to in range(size) if to != rank}
            readers = {source: links[source, rank][0] for source in range(size) if source != rank}
            mine = (*writers.values(), *readers.values(), answers[rank][1])
            # A forked worker has copies of all pipes. It must close those of the others: a pipe ends only with the
            # last copy of its end.
            others = [end for end in ends if end not in mine] if START == "fork" else []
            process = context.Process(
                target=_worker, args=(rank, size, work, args, writers, readers, answers[rank][1], others), daemon=True
            )
            with warnings.catch_warnings():
                # Python warns of a fork beside threads. Those of BLAS survive it, and the kernels' make new ones.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            processes.append(process)
        for end in ends:
            if end not in [reader for reader, _ in answers]:
                end.close()
        outcomes = _collect({reader: rank for rank, (reader, _) in enumerate(answers)}, processes, seconds)
    return _results(outcomes, size, seconds)


@contextmanager
def _killed_in_the_end(processes: list[Any], readers: list[Any]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            with suppress(OSError):  # a sandbox may refuse; then they end with their pipes, or with the sandbox
                process.kill()
        for reader in readers:
            reader.close()
        for process in processes:
            process.join(timeout=AFTERMATH)


def _worker(
    rank: int,
    size: int,
    work: Work,
    args: tuple[Any, ...],
    writers: dict[int, Any],
    readers: dict[int, Any],
    answer: Any,
    others: list[Any],
) -> None:
    """The life of one worker: do the work, send the outcome, end."""
    for end in others:
        end.close()
    from tinytorch.kernels.blas import one_thread

    try:
        with one_thread():
            outcome = work(_Pipes(rank, size, writers, readers), *args)
    except BaseException as error:
        outcome = _Failure(type(error).__name__, str(error), isinstance(error, PartnerLost))
    try:
        answer.send(outcome)
    except OSError:
        pass  # nobody listens any more
    except Exception as error:
        answer.send(_Failure("TypeError", f"its result cannot travel to the caller: {error}"))


def _collect(waiting: dict[Any, int], processes: list[Any], seconds: float) -> dict[int, Any]:
    """What each rank answered; a rank that does not occur has not answered in time."""
    from multiprocessing.connection import wait

    outcomes: dict[int, Any] = {}
    deadline = time.monotonic() + seconds
    while waiting:
        ready = wait(list(waiting), max(deadline - time.monotonic(), 0))
        if not ready:
            break
        for reader in ready:
            rank = waiting.pop(reader)
            try:
                outcomes[rank] = reader.recv()
            except (EOFError, OSError):
                processes[rank].join(timeout=AFTERMATH)
                code = processes[rank].exitcode
                outcomes[rank] = _Failure("WorkerError", f"ended without an answer (exit code {code})")
            if isinstance(outcomes[rank], _Failure):
                deadline = min(deadline, time.monotonic() + AFTERMATH)
    return outcomes


def _results(outcomes: dict[int, Any], size: int, seconds: float) -> list[Any]:
    """The results by rank, or the exception that tells what went wrong first of all."""
    failures = {rank: o for rank, o in sorted(outcomes.items()) if isinstance(o, _Failure)}
    for rank, failure in sorted(failures.items(), key=lambda item: item[1].echo):
        kind = getattr(builtins, failure.kind, WorkerError)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            kind = WorkerError
        raise kind(f"rank {rank} of {size}: {failure.text}" + (f" ({failure.kind})" if kind is WorkerError else ""))
    missing = [rank for rank in range(size) if rank not in outcomes]
    if missing:
        raise WorkerError(
            f"ranks {missing} of {size} have not finished in {seconds:g} s. Waiting for a message that nobody sends, or"
            " all sending at once, is the usual reason: `simulate` tells who waits for whom"
        )
    return [outcomes[rank] for rank in range(size)]


# ---- simulated workers -----------------------------------------------------------------------------------------------


class _Stage:
    """The ranks of a simulation. One runs at a time, until it has to wait or ends; then the next one that can goes on.

    Each is a thread, but never two run at once, so nothing here or in the work needs a lock of its own.
    """

    def __init__(self, size: int):
        self.size, self.turn = size, 0
        self.changed = threading.Condition()
        self.posted: dict[tuple[int, int], Array] = {}
        self.waits: dict[int, tuple[str, int]] = {}
        self.ended: set[int] = set()

    def wait(self, rank: int, what: str, partner: int) -> None:
        """Let others run until this rank's message was taken ("sends to") or one has come ("waits for")."""
        with self.changed:
            self.waits[rank] = (what, partner)
            self._pass_on(rank)
            self._until(rank)
            del self.waits[rank]
            if not self._can_go_on(rank, what, partner):
                raise self._fault(rank, what, partner)

    def begin(self, rank: int) -> None:
        with self.changed:
            self._until(rank)

    def end(self, rank: int) -> None:
        with self.changed:
            self.ended.add(rank)
            self._pass_on(rank)

    def _until(self, rank: int) -> None:
        while self.turn != rank:
            self.changed.wait()

    def _can_go_on(self, rank: int, what: str, partner: int) -> bool:
        return (rank, partner) not in self.posted if what == "sends to" else (partner, rank) in self.posted

    def _pass_on(self, rank: int) -> None:
        """The turn goes to the next rank that can go on; if none can, to one that waits in vain and will be told so."""
        order = [(rank + i) % self.size for i in range(1, self.size + 1)]
        alive = [r for r in order if r not in self.ended]
        able = [r for r in alive if r not in self.waits or self._can_go_on(r, *self.waits[r])]
        lost = [r for r in alive if r in self.waits and self.waits[r][1] in self.ended]
        self.turn = (able or lost or alive or [rank])[0]
        self.changed.notify_all()

    def _fault(self, rank: int, what: str, partner: int) -> WorkerError:
        if partner in self.ended:
            return PartnerLost(f"rank {rank} {what} rank {partner}, which has ended")
        waits = sorted({**self.waits, rank: (what, partner)}.items())
        everybody = ", ".join(f"rank {r} {doing} rank {other}" for r, (doing, other) in waits)
        return Deadlock(f"deadlock: {everybody}; nobody can go on")


class _Simulated(Communicator):
    """A communicator in which every send waits until the message is received."""

    def __init__(self, rank: int, size: int, stage: _Stage):
        super().__init__(rank, size)
        self.stage = stage

    def _send(self, to: int, array: Array) -> None:
        self.stage.posted[self.rank, to] = array.copy()
        self.stage.wait(self.rank, "sends to", to)

    def _recv(self, source: int) -> Array:
        self.stage.wait(self.rank, "waits for", source)
        return self.stage.posted.pop((source, self.rank))


def simulate(size: int, work: Work, *args: Any) -> list[Any]:
    """`work(comm, *args)` for every rank in this process, one at a time; what each returned, by rank.

    Every send waits until it is received, which is the strictest that `run_workers` can be: what goes through here does
    not hang there.

    Raises:
        Deadlock: all wait for each other; says who for whom. Any exception of a rank, as it is.
    """
    if size < 1:
        raise ValueError(f"simulate needs at least one rank, got {size}")
    stage, results, errors = _Stage(size), [None] * size, {}

    def live(rank: int) -> None:
        with ExitStack() as stack:
            stage.begin(rank)
            stack.callback(stage.end, rank)
            try:
                results[rank] = work(_Simulated(rank, size, stage), *args)
            except BaseException as error:
                errors[rank] = error

    threads = [threading.Thread(target=live, args=(rank,), name=f"rank {rank}", daemon=True) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # What happened first of all, not what others noticed of it.
    for rank in sorted(errors, key=lambda rank: (isinstance(errors[rank], PartnerLost), rank)):
        raise errors[rank]
    return results
