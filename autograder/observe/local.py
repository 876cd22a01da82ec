"""An observer without a fence, in this very process: for a student's own machine, where there is nothing to hide.

It answers with the observer's own code and over the same wire format, so values and messages are those of grading.
"""

from __future__ import annotations

import io
import sys
import time
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from typing import Any

from autograder.observe import client, observer, wire


class LocalObservation:
    """The face of `client.Observation` over modules imported here. `folders` stand on sys.path while it is open.

    Args:
        output_cap: keep this many characters of what is printed, as grading does; None lets it through.
    """

    def __init__(self, folders: list[str], output_cap: int | None = None):
        self.folders = folders
        self.printed = None if output_cap is None else _Kept(output_cap)
        self.cpu = time.process_time()
        sys.path[:0] = folders
        self.probes: Any = None

    def ask(self, request: dict[str, Any], seconds: float) -> Any:
        """The value of the answer; nothing here keeps time."""
        with ExitStack() as stack:
            if self.printed is not None:
                stack.enter_context(redirect_stdout(self.printed))
                stack.enter_context(redirect_stderr(self.printed))
            reply, self.probes = observer.answer(self.probes, wire.loads(wire.encode(request)), self.folders)
            message = observer.encoded(reply, self.folders)
        return client.value_of(wire.loads(message))

    def cpu_clock(self) -> float:
        """Seconds of CPU time of this process."""
        return time.process_time()

    def close(self) -> client.Ending:
        for folder in self.folders:
            if folder in sys.path:
                sys.path.remove(folder)
        return client.Ending(self.printed.text if self.printed else "", time.process_time() - self.cpu, 0, None, 0)


class _Kept(io.TextIOBase):
    """A stream that remembers the first characters written to it."""

    def __init__(self, cap: int):
        self.cap, self.text = cap, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text[: self.cap - len(self.text)]
        return len(text)
