"""What happened second by second in the last minutes, for the page's curves.

A second that is over is summed up once, so that looking at the page costs the same under any load.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

SECONDS = 120
KEPT = 2000  # latencies a second that percentiles are taken of


@dataclass(frozen=True)
class Second:
    """One second. Latencies are in milliseconds; None if nothing was answered."""

    at: int
    answered: int = 0
    shed: int = 0
    failed: int = 0
    p50: float | None = None
    p99: float | None = None


@dataclass
class _Open:
    at: int
    answered: int = 0
    shed: int = 0
    failed: int = 0
    latencies: list[float] = field(default_factory=list)

    def summed(self) -> Second:
        p50, p99 = percentiles(self.latencies, (50, 99))
        return Second(self.at, self.answered, self.shed, self.failed, p50, p99)


def percentiles(seconds: list[float], which: tuple[float, ...]) -> list[float | None]:
    """Percentiles of latencies in seconds, as milliseconds."""
    if not seconds:
        return [None] * len(which)
    return [round(float(v) * 1000, 3) for v in np.percentile(seconds, which)]


class Timeline:
    """Counts requests into seconds. `clock` gives seconds; a test turns it by hand."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._past: deque[Second] = deque(maxlen=SECONDS)
        self._now = _Open(int(clock()))

    def answered(self, latency: float, failed: bool = False) -> None:
        """A request was answered after `latency` seconds, with an error of ours if `failed`."""
        now = self._turned()
        now.answered += 1
        now.failed += failed
        if len(now.latencies) < KEPT:
            now.latencies.append(latency)

    def shed(self) -> None:
        """A request was refused because there was no room."""
        self._turned().shed += 1

    def seconds(self) -> list[Second]:
        """The seconds that are over, the oldest first, empty ones too; at most two minutes."""
        self._turned()
        return list(self._past)

    def _turned(self) -> _Open:
        """The present second; those before it are summed up."""
        at = int(self._clock())
        if at > self._now.at:
            self._past.append(self._now.summed())
            for empty in range(max(self._now.at + 1, at - SECONDS), at):
                self._past.append(Second(empty))
            self._now = _Open(at)
        return self._now
