"""What a training run has beside its weights: a log of one event a line, a progress bar, what it ran on, and a folder
that no other process writes to meanwhile.

The loop that calls these is written in assignment 7; nothing here looks at a model. The bar writes to standard error,
and only where somebody watches.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

import numpy as np


def versions() -> dict[str, str]:
    """What the numbers of a run depend on beside its seed."""
    import tinytorch

    return {
        "tinytorch": tinytorch.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
    }


class Occupied(RuntimeError):
    """A run's folder in which another process is at work."""


@contextmanager
def alone(folder: str | os.PathLike[str], patience: float = 2.0) -> Iterator[None]:
    """Hold a run's folder: two processes that write to it at once would ruin each other's files.

    The hold ends with the process, killed or not. A process that is just ending is waited for, `patience` seconds.

    Raises:
        Occupied: another process goes on holding it.
    """
    until = time.monotonic() + patience
    with open(Path(folder) / ".lock", "ab") as file:
        while not _lock(file):
            if time.monotonic() > until:
                raise Occupied(f"another process is training in {os.fspath(folder)}; wait for it, or stop it first")
            time.sleep(0.05)
        yield


def _lock(file: Any) -> bool:
    """Take the lock of an open file, which closing it gives back; False if another process has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def end_with_standard_input() -> None:
    """End this process as soon as its standard input closes: whoever started it is gone, killed perhaps."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class RunLog:
    """A file of JSON lines, `{"event": ..., "time": ..., ...}`, each on disk before `write` returns.

    Args:
        path: where; None writes nothing.
        keep: how many bytes of an older log stay (a checkpoint says how long the log was); 0 begins a new one.
    """

    def __init__(self, path: str | os.PathLike[str] | None, keep: int = 0):
        self._file: Any = None
        if path is not None:
            file = Path(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            size = min(keep, file.stat().st_size if file.is_file() else 0)
            self._file = open(file, "r+b" if size else "wb")  # noqa: SIM115  it stays open as long as the run
            self._file.seek(size)
            self._file.truncate()

    @property
    def length(self) -> int:
        """Bytes written so far."""
        return 0 if self._file is None else self._file.tell()

    def write(self, event: str, **facts: Any) -> None:
        """Append an event."""
        if self._file is not None:
            now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
            line = json.dumps({"event": event, "time": now, **facts}, default=str) + "\n"
            self._file.write(line.encode())
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Nothing is written after this."""
        if self._file is not None:
            self._file.close()


def read_log(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The events of a log. A last line that a killed run left unfinished is left out."""
    lines = Path(path).read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


class ProgressBar:
    """One line on standard error, redrawn at most ten times a second.

    Args:
        total: how many steps make it full; None where nobody knows.
        show: True where a terminal watches, "always", or False.
    """

    WIDTH = 24

    def __init__(self, title: str, total: int | None, show: bool | str = True, stream: TextIO | None = None):
        self.stream = stream or sys.stderr
        self.shown = show == "always" or (bool(show) and self.stream.isatty())
        self.title, self.total, self.done = title, total, 0
        self._started = self._drawn = time.monotonic()
        self._width = 0

    def advance(self, steps: int, facts: str) -> None:
        """Count steps and show `facts` behind the bar, if it is time to draw again."""
        self.done += steps
        now = time.monotonic()
        if self.shown and (now - self._drawn >= 0.1 or self.done == self.total):
            self._drawn = now
            self._draw(facts)

    def finish(self, facts: str) -> None:
        """Draw a last time and end the line."""
        if self.shown:
            self.total = self.total or self.done
            self._draw(facts)
            self.stream.write("\n")
            self.stream.flush()

    def _draw(self, facts: str) -> None:
        seconds = time.monotonic() - self._started
        rate = f"{self.done / seconds:.0f} steps/s" if seconds > 0 else ""
        if self.total:
            filled = min(self.WIDTH, self.WIDTH * self.done // self.total)
            place = f"[{'#' * filled:.<{self.WIDTH}}] {self.done}/{self.total}"
        else:
            place = f"{self.done} steps"
        line = f"{self.title} {place}  {rate}  {facts}"
        self.stream.write("\r" + line.ljust(self._width))
        self.stream.flush()
        self._width = len(line)
