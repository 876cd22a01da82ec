"""What is done about alerts: a command of the operator's, such as one that trains anew, registers and promotes.

It closes the loop that the alerts open. The service itself trains nothing: the command runs beside it, as a process
group of its own with less claim to the processor, and reaches the service as everybody does, through the registry.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

NICER = 10  # of the 20 steps by which a process may stand back
GRACE = 5.0  # seconds that a command may take to end when the service does


@dataclass(frozen=True)
class Plan:
    """What to run, and when.

    Attributes:
        command: for the shell. In its environment are TINYTORCH_ALERTS (the names of the alerts that are on, with
            spaces between), TINYTORCH_MODEL, TINYTORCH_VERSION and TINYTORCH_REGISTRY.
        rest: seconds after a run, whatever came of it, before the next one.
    """

    command: str
    rest: float = 600.0


class Reaction:
    """Runs the command while an alert is on, never two at once.

    Attributes:
        problem: what a person should know about the last run; empty if it went well.
    """

    def __init__(self, plan: Plan, environment: Mapping[str, str]):
        self.plan, self.environment, self.problem = plan, dict(environment), ""
        self._run: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._ended = -float("inf")

    def look(self, alerts: Collection[str], version: int) -> None:
        """Start the command if there is reason to and it has rested. Call it inside the event loop."""
        if self._run is not None or not alerts or time.monotonic() - self._ended < self.plan.rest:
            return
        self._run = asyncio.create_task(self._react(" ".join(sorted(alerts)), version))

    async def _react(self, alerts: str, version: int) -> None:
        about = {"TINYTORCH_ALERTS": alerts, "TINYTORCH_VERSION": str(version)}
        print(f"because of {alerts}: {self.plan.command}", file=sys.stderr, flush=True)
        try:
            self._process = await asyncio.create_subprocess_shell(
                self.plan.command,
                stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, **self.environment, **about},
                start_new_session=True,
            )
            if hasattr(os, "setpriority"):
                with suppress(OSError):  # it has ended already
                    os.setpriority(os.PRIO_PROCESS, self._process.pid, NICER)
            status = await self._process.wait()
            ended = f"the command for alerts ended with status {status}; the log has what it said"
            self.problem = ended if status else ""
        except OSError as error:
            self.problem = f"the command for alerts cannot be run: {error}"
        finally:
            self._ended, self._run, self._process = time.monotonic(), None, None
        print(
            f"warning: {self.problem}" if self.problem else "the command for alerts is done",
            file=sys.stderr,
            flush=True,
        )

    async def stop(self) -> None:
        """Tell a command that still runs, and what it started, to end; kill them if the command itself does not."""
        while (process := self._process) is None:
            if self._run is None:
                return
            await asyncio.sleep(0.01)  # it is just being started
        run = self._run
        for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number) if hasattr(os, "killpg") else process.send_signal(number)
            done, _ = await asyncio.wait([run], timeout=GRACE)
            if done:
                return
