"""The judge's side of the wire: it starts a zygote, asks it for observers, and talks to each under a deadline.

An `Observation` is one observer for one case. Whatever the far side does (no answer, half an answer, nonsense, a flood,
a crash) ends as one of the exceptions below; nothing else comes out of here, and `close` leaves no process behind.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.errors import GraderError
from autograder.expect import NoAnswer, StudentError
from autograder.observe import wire

if TYPE_CHECKING:
    from autograder.sandbox import Confinement  # for grading, on Linux: students' commands do not load it

ZYGOTE = Path(__file__).with_name("zygote.py")
PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
}
START_SECONDS = 60.0
LONGEST_NAME = 100  # of an exception's class


class ObserverLost(NoAnswer):
    """The observer gave no usable answer. `crashed` tells a death from a garbled reply."""


class ObserverTimeout(NoAnswer):
    """The observer did not answer before the deadline."""


@dataclass(frozen=True)
class Ending:
    """How an observer ended: what it printed (cut), CPU seconds, peak memory, and the signal that killed it, if one
    did."""

    printed: str
    cpu_seconds: float
    memory_kb: int
    signal: str | None
    exit_status: int | None


class Zygote:
    """A running fork server. Use as a context manager; `restart` replaces one that died."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-s", "-S", str(ZYGOTE)],
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        self.control = ours
        self.control.settimeout(START_SECONDS)
        numpy_root = str(Path(np.__file__).resolve().parent.parent)
        try:
            self._ask({"import_from": [str(PACKAGE_ROOT), numpy_root]})
            self.layers = frozenset(self._ask({"do": "layers"})["layers"])
        except BaseException:
            self.close()
            raise

    def restart(self) -> None:
        self.close()
        self._start()

    def spawn(self, confinement: Confinement, folders: list[str], descriptors: list[int]) -> int:
        fields = {**asdict(confinement), "layers": sorted(confinement.layers)}
        return self._ask({"do": "spawn", "confinement": fields, "folders": folders}, descriptors)["pid"]

    def finish(self, pid: int) -> dict[str, Any]:
        return self._ask({"do": "finish", "pid": pid})

    def _ask(self, message: dict[str, Any], descriptors: list[int] | None = None) -> dict[str, Any]:
        try:
            socket.send_fds(self.control, [json.dumps(message).encode()], descriptors or [])
            answer = self.control.recv(1 << 20)
        except OSError as error:
            # Also a time-out: its late answer would be taken for that to the next message, so it has to end.
            self.process.kill()
            self.process.wait()
            self._last_words()  # waits, so that afterwards it is known to have ended
            raise GraderError(f"the fork server is gone: {error}") from error
        if not answer:
            words = self._last_words()
            raise GraderError(f"the fork server ended (status {self.process.poll()}): {words}")
        return json.loads(answer)

    def _last_words(self) -> str:
        try:
            self.process.wait(timeout=5)
            return self.process.stderr.read().decode(errors="replace").strip()[-2000:]
        except (subprocess.TimeoutExpired, AttributeError):
            return ""

    def close(self) -> None:
        self.control.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Observation:
    """One observer, from spawn to sweep.

    Args:
        zygote: who forks it.
        confinement: its limits and what it may touch.
        folders: what it may import, first first.
        reply_cap: the largest answer in bytes.
        output_cap: how much of what it prints is kept; the rest is drained and dropped.
    """

    def __init__(self, zygote: Zygote, confinement: Confinement, folders: list[str], reply_cap: int, output_cap: int):
        self.zygote, self.reply_cap, self.output_cap = zygote, reply_cap, output_cap
        self.printed = bytearray()
        # Who follows what is printed while it is printed (long runs); what is dropped is not passed on either.
        self.listener: Callable[[bytes], None] | None = None
        self.ending: Ending | None = None
        self._confined = False
        request_read, self._requests = os.pipe()
        self._replies, reply_write = os.pipe()
        self._output, output_write = os.pipe()
        far = [request_read, reply_write, output_write]
        try:
            self.pid = zygote.spawn(confinement, folders, far)
        except BaseException:
            self._close_pipes()
            raise
        finally:
            for descriptor in far:
                os.close(descriptor)
        for descriptor in (self._requests, self._replies, self._output):
            os.set_blocking(descriptor, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._replies, selectors.EVENT_READ)
        self._selector.register(self._output, selectors.EVENT_READ)

    def ask(self, request: dict[str, Any], seconds: float) -> Any:
        """Send a request and return the value of its answer.

        Raises:
            StudentError: the student's code raised. ObserverTimeout, ObserverLost: no usable answer. GraderError: the
            sandbox could not be entered.
        """
        if not self._confined:
            self._await_confinement()
        deadline = time.monotonic() + seconds
        self._write(wire.encode(request), deadline)
        return value_of(self._receive(deadline))

    def cpu_clock(self) -> float:
        """Seconds of CPU time that the observer has used, all its threads together, read from outside.

        Where the system has no clock for other processes, the seconds that passed.
        """
        try:
            # The number of another process's clock, as clock_getcpuclockid(3) makes it on Linux.
            return time.clock_gettime((~self.pid << 3) | 2)
        except (AttributeError, OSError):
            return time.monotonic()

    def _await_confinement(self) -> None:
        """The observer's first message, sent before it was asked for anything: no student's code has run by then.

        Only here can a failure of the sandbox be reported. The same words in any later message are a student's.
        """
        try:
            said = self._receive(time.monotonic() + START_SECONDS)
        except (ObserverLost, ObserverTimeout) as error:
            raise GraderError(f"an observer ended before it was confined: {type(error).__name__} {error}") from error
        if said != {"confined": True}:
            raise GraderError(f"the sandbox could not be entered: {said}")
        self._confined = True

    def _receive(self, deadline: float) -> Any:
        try:
            return wire.read(lambda count: self._read(count, deadline), self.reply_cap)
        except wire.WireError as error:
            raise ObserverLost(f"the answer was not readable: {error}") from error

    def _write(self, message: bytes, deadline: float) -> None:
        """Send all of it, taking in what the program prints meanwhile. An answer that comes already now is none."""
        self._selector.register(self._requests, selectors.EVENT_WRITE)
        try:
            view = memoryview(message)
            while view:
                ready = self._pump(deadline)
                if self._replies in ready and os.read(self._replies, 1):
                    raise ObserverLost("the answer was not readable: it came before the question")
                if self._requests in ready:
                    view = view[os.write(self._requests, view) :]
        except BrokenPipeError as error:
            raise ObserverLost("the process ended before it was asked") from error
        finally:
            self._selector.unregister(self._requests)

    def _read(self, count: int, deadline: float) -> bytes:
        """Exactly `count` bytes of the reply, draining what the program prints meanwhile."""
        buffer = bytearray()
        while len(buffer) < count:
            if self._replies in self._pump(deadline):
                chunk = os.read(self._replies, min(count - len(buffer), 1 << 20))
                if not chunk:
                    raise ObserverLost("the process ended without an answer")
                buffer += chunk
        return bytes(buffer)

    def _pump(self, deadline: float) -> set[int]:
        """Wait for something to read; printed text is taken in here. Returns the descriptors that are ready."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise ObserverTimeout
        ready = {key.fd for key, _ in self._selector.select(left)}
        if self._output in ready:
            self._take_output()
        return ready

    def _take_output(self) -> bool:
        try:
            chunk = os.read(self._output, 1 << 16)
        except BlockingIOError:
            return False
        if not chunk:
            self._selector.unregister(self._output)
            return False
        kept = chunk[: max(0, self.output_cap - len(self.printed))]
        self.printed += kept
        if self.listener is not None and kept:
            self.listener(kept)
        return True

    def close(self) -> Ending:
        """End the observer and everything it started; idempotent. The sweep comes first, then the last of its
        output."""
        if self.ending is not None:
            return self.ending
        try:
            end = self.zygote.finish(self.pid)
            while self._output in self._selector.get_map() and self._take_output():
                pass
        finally:
            self._selector.close()
            self._close_pipes()
        status = end["status"]
        killed = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else None
        exited = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        printed = self.printed.decode("utf-8", errors="replace")
        self.ending = Ending(printed, end["cpu"], end["memory_kb"], killed, exited)
        return self.ending

    def _close_pipes(self) -> None:
        for descriptor in (self._requests, self._replies, self._output):
            os.close(descriptor)


def value_of(reply: Any) -> Any:
    """What a reply says: its value, or the exception that it stands for."""
    if isinstance(reply, dict):
        if "ok" in reply:
            return reply["ok"]
        if isinstance(reply.get("error"), dict):
            raise _student_error(reply["error"])
    raise ObserverLost("the answer was not readable: neither a value nor an error")


def _student_error(error: dict[str, Any]) -> StudentError:
    """The far side's account of an exception, with every field checked: it may be forged."""
    told = error.get("kinds")
    names = [k for k in told[:20] if isinstance(k, str)] if isinstance(told, list) else []
    kinds = tuple(k for k in names if len(k) <= LONGEST_NAME and k.isidentifier()) or ("Exception",)
    text = error["text"] if isinstance(error.get("text"), str) else ""
    where = error["where"] if isinstance(error.get("where"), str) else ""
    return StudentError(f"{kinds[0]}: {text[:500]}", kinds, text, where[:300])
