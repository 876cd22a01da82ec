"""The service without HTTP: queue, version, figures and watch, put together, started and drained.

The order of stopping is what keeps a promise: whoever's request was accepted gets an answer. First nothing new is taken
in, then what was accepted is computed, and only then may the server close its connections.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tinytorch.serving import ServingError
from tinytorch.serving.batching import Batch, Batcher
from tinytorch.serving.guard import Guard
from tinytorch.serving.metrics import Metrics
from tinytorch.serving.reaction import Plan, Reaction
from tinytorch.serving.served import Served
from tinytorch.serving.timeline import Timeline
from tinytorch.serving.versions import Keeper
from tinytorch.serving.watching import Limits, Watch

STUCK = 30.0  # seconds at one batch after which the service calls itself stuck


@dataclass(frozen=True)
class Settings:
    """How a service is set up.

    Attributes:
        max_batch: examples computed at once. max_wait: seconds that the first of them may wait for others.
        bound: examples that may wait for the model. in_flight: predictions that may be handled at once.
        body_cap: bytes of a prediction's request. body_seconds: for sending it.
        poll: seconds between two looks at the registry.
        linger: seconds for which a stopping service still answers, with refusals, so that clients learn of it.
        on_alert: what to run while an alert is on.
    """

    max_batch: int = 32
    max_wait: float = 0.002
    bound: int = 256
    in_flight: int = 32
    body_cap: int = 2_000_000
    body_seconds: float = 10.0
    poll: float = 0.5
    linger: float = 0.5
    limits: Limits = field(default_factory=Limits)
    on_alert: Plan | None = None


@dataclass(frozen=True)
class Health:
    """What `/healthz` says. `state` is ready, stopping or stuck; `notes` are what a person should look at."""

    state: str
    name: str
    version: int
    notes: tuple[str, ...]


class Service:
    """One model, served. Make it inside a running event loop.

    Args:
        root: the registry's folder. name: the model's name in it.
    """

    def __init__(self, root: Path, name: str, settings: Settings, guard: Guard):
        self.name, self.settings, self.guard = name, settings, guard
        self.batcher = Batcher(settings.max_batch, settings.max_wait, settings.bound, self._computed)
        self.metrics = Metrics(lambda: self.batcher.waiting, lambda: self.in_flight)
        self.watch = Watch(settings.limits, lambda drift: self.metrics.drifting(drift.statistics(), drift.drifted))
        self.keeper = Keeper(root, name, self.batcher.warm, self._swapped)
        self.timeline = Timeline()
        place = {"TINYTORCH_REGISTRY": str(root.absolute()), "TINYTORCH_MODEL": name}
        self.reaction = Reaction(settings.on_alert, place) if settings.on_alert else None
        self.started, self.stopping = time.time(), False
        self.in_flight = 0
        self.last_failure = ""
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        """Load the version in use and begin to answer. ServingError if there is none."""
        await self.keeper.start()
        for work in (self.batcher.run(), self.keeper.follow(self.settings.poll), self._look()):
            self._tasks.append(asyncio.create_task(work))
        for task in self._tasks:
            task.add_done_callback(_tell)

    async def _look(self) -> None:
        """Evaluate the alerts once a second, whether or not anybody looks, log what begins and ends, and react."""
        on: dict[str, str] = {}
        while True:
            await asyncio.sleep(1)
            now = {alert.name: alert.text for alert in self.watch.alerts() or ()}
            for name in now.keys() - on.keys():
                print(f"alert: {now[name]}", file=sys.stderr, flush=True)
            for name in on.keys() - now.keys():
                print(f"alert over: {on[name]}", file=sys.stderr, flush=True)
            on = now
            if self.reaction is not None and not self.stopping:
                self.reaction.look(on.keys(), self.keeper.served.version)

    async def drain(self) -> None:
        """Take nothing more in, and wait until everything accepted was computed."""
        self.stopping = True
        self.batcher.close()
        await self.batcher.drained()
        await asyncio.sleep(self.settings.linger)

    async def stop(self) -> None:
        """End what runs in the background."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.reaction is not None:
            await self.reaction.stop()

    # ---- what happens

    def _computed(self, batch: Batch) -> None:
        self.metrics.computed(batch)
        self.watch.computed(batch)
        if batch.problem is not None:
            text = f"{type(batch.problem).__name__}: {batch.problem}"
            print(f"error: version {batch.version.version} failed: {text}", file=sys.stderr, flush=True)
            self.last_failure = f"version {batch.version.version} failed at {time.strftime('%H:%M:%S')}: {text}"

    def _swapped(self, version: Served) -> None:
        self.watch.serve(version)
        self.metrics.swapped(version.version)
        self.last_failure = ""
        print(f"serving {self.name} version {version.version}", flush=True)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """A request to an endpoint was answered."""
        self.metrics.answered(path, status, seconds)
        self.metrics.healthy.set(not self.keeper.problem)
        if path == "/predict" and (status == 200 or status == 500):
            self.timeline.answered(seconds, failed=status == 500)
            self.watch.answered(seconds, failed=status == 500)

    def was_shed(self) -> None:
        """A request found no room."""
        self.metrics.shed.inc()
        self.timeline.shed()

    # ---- what state it is in

    def health(self) -> Health:
        """For whoever decides where requests go."""
        watching = f"watching failed: {self.watch.problem}" if self.watch.problem else ""
        reacting = self.reaction.problem if self.reaction is not None else ""
        notes = [note for note in (self.keeper.problem, self.last_failure, watching, reacting) if note]
        state = "stopping" if self.stopping else "ready"
        if self.batcher.busy() > STUCK:
            state = "stuck"
            notes.append(f"the model has been at one batch for {self.batcher.busy():.0f} s; restart the service")
        return Health(state, self.name, self.keeper.served.version, tuple(notes))

    async def status(self) -> dict[str, Any]:
        """For people: the page and `tito monitor` show it."""
        health, served = self.health(), self.keeper.served
        try:
            listed, target = await self.keeper.listing()
            versions = {"versions": [asdict(v) for v in listed], "rollback_to": target}
        except (ServingError, LookupError) as error:
            versions = {"versions": [], "rollback_to": None, "unreadable": str(error)}
        return {
            **asdict(health),
            "since": self.keeper.since,
            "now": time.time(),
            "started": self.started,
            "classes": len(served.contract.classes),
            "shape": served.contract.shape,
            **self.watch.summary(),
            "limits": asdict(self.settings.limits),
            "seconds": [asdict(second) for second in self.timeline.seconds()],
            "queue": {
                "waiting": self.batcher.waiting,
                "bound": self.batcher.bound,
                "max_batch": self.batcher.max_batch,
            },
            "in_flight": self.in_flight,
            "accepted": self.batcher.accepted,
            "drift": asdict(self.watch.drifting()),
            "token_needed": self.guard.token is not None,
            **versions,
        }


def _tell(task: asyncio.Task[Any]) -> None:
    """A background task never ends by itself; if one does, somebody has to know."""
    if not task.cancelled() and task.exception() is not None:
        print(f"error: the service is broken: {task.exception()!r}", file=sys.stderr, flush=True)
