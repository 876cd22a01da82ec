"""Watching the version that is served, with the detectors and monitors of assignment 20: latency and errors, drift of
its inputs, accuracy as far as anybody tells what was right, and alerts about all of it.

Traffic is watched across versions. Drift and accuracy are a version's own: they begin anew with each.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tinytorch.serving import features
from tinytorch.serving.batching import Batch
from tinytorch.serving.served import Served

Array = np.ndarray
REMEMBERED = 20_000  # predictions that feedback may come for


@dataclass(frozen=True)
class Limits:
    """When something is worth an alert, and how drift is looked for.

    Attributes:
        latency: seconds that 99 of 100 answers have to keep to. errors: share of requests that may fail.
        accuracy: share of labelled answers that have to be right.
        drift_window: inputs that are compared with training at once. alpha: the probability of an alarm without drift.
    """

    latency: float = 0.25
    errors: float = 0.01
    accuracy: float = 0.9
    drift_window: int = 200
    alpha: float = 0.001
    traffic_window: float = 30.0
    label_window: float = 600.0


@dataclass(frozen=True)
class Drift:
    """What the last full window said. `features` maps each feature's name to its statistic and p-value."""

    drifted: bool = False
    features: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    checks: int = 0
    gathered: int = 0
    window: int = 0
    watched: bool = True

    def statistics(self) -> dict[str, float]:
        return {name: about["statistic"] for name, about in self.features.items()}


def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """Detectors and monitors are an assignment's: if one fails, the service answers on, and says so."""

    @functools.wraps(method)
    def call(self: Watch, *arguments: Any, **named: Any) -> Any:
        try:
            return method(self, *arguments, **named)
        except Exception as error:
            self.broke(f"{type(error).__name__}: {error}")
            return None

    return call


@dataclass(frozen=True)
class Alert:
    """An alert as the page shows it. `since` is in seconds since 1970."""

    name: str
    text: str
    since: float


class Watch:
    """Everything that is known about how the service does.

    Args:
        limits: when to raise alerts.
        checked: called with every drift check, in the event loop.
    """

    def __init__(self, limits: Limits, checked: Any = lambda drift: None):
        from tinytorch.mlops import AlertRule, PerformanceMonitor

        self.limits, self._checked = limits, checked
        slow = AlertRule("slow", "latency_p99", above=limits.latency, after=3)
        errors = AlertRule("errors", "error_rate", above=limits.errors)
        self._wrong = AlertRule("accuracy", "accuracy", below=limits.accuracy, after=3)
        self.traffic = PerformanceMonitor(limits.traffic_window, [slow, errors])
        self._make_labels = lambda: PerformanceMonitor(limits.label_window, [self._wrong])
        self.labels = self._make_labels()
        self.drift, self._drifted_since = Drift(window=limits.drift_window), 0.0
        self._predictions: OrderedDict[str, tuple[Served, int]] = OrderedDict()
        self._rows: deque[Array] = deque()
        self._gathered = 0
        self._detector: Any = None
        self._served: Served | None = None
        self._checking: asyncio.Task[None] | None = None
        self.problem = ""

    def broke(self, problem: str) -> None:
        """Remember, and tell once, that watching does not work."""
        if problem != self.problem:
            print(f"warning: watching failed: {problem}", file=sys.stderr, flush=True)
        self.problem = problem

    @guarded
    def serve(self, version: Served) -> None:
        """Another version is in use: its inputs and answers are watched from now on."""
        from tinytorch.mlops import DriftDetector

        self._served, self.labels = version, self._make_labels()
        self._rows.clear()
        self._gathered = 0
        self._detector = None
        if version.reference is not None:
            self._detector = DriftDetector(version.reference, "ks", self.limits.alpha)
        self.drift = Drift(window=self.limits.drift_window, watched=self._detector is not None)

    # ---- traffic

    @guarded
    def answered(self, latency: float, failed: bool) -> None:
        """A prediction was answered after so many seconds, or failed for a reason of ours."""
        self.traffic.record(latency, failed=failed)

    # ---- feedback

    def remember(self, name: str, version: Served, label: int) -> None:
        """Keep what was predicted, so that feedback can be about it; the oldest are forgotten."""
        self._predictions[name] = (version, label)
        if len(self._predictions) > REMEMBERED:
            self._predictions.popitem(last=False)

    def recall(self, name: str) -> tuple[Served, int] | None:
        """The version and the class of a prediction; None if it is not known (any more)."""
        return self._predictions.get(name)

    @guarded
    def labelled(self, name: str, version: Served, correct: bool) -> None:
        """Count feedback, once a prediction. What an earlier version predicted says nothing about this one."""
        del self._predictions[name]
        if version is self._served:
            self.labels.record(0.0, correct=correct)

    # ---- drift

    @guarded
    def computed(self, batch: Batch) -> None:
        """Look at a batch's inputs; a full window is compared with training in a thread of its own."""
        if batch.scores is None or self._detector is None or batch.version is not self._served:
            return
        self._rows.append(batch.version.features.compute(features.columns(batch.rows, batch.scores)))
        self._gathered += len(batch.rows)
        busy = self._checking is not None and not self._checking.done()
        if self._gathered >= self.limits.drift_window and not busy:
            window = np.concatenate(self._rows)
            self._rows.clear()
            self._gathered = 0
            self._checking = asyncio.get_running_loop().create_task(self._check(batch.version, window))
        while busy and self._gathered > self.limits.drift_window:
            self._gathered -= len(self._rows.popleft())

    async def _check(self, version: Served, window: Array) -> None:
        detector = self._detector
        try:
            report = await asyncio.get_running_loop().run_in_executor(None, detector.check, window)
        except Exception as error:
            self.broke(f"{type(error).__name__}: {error}")
            return
        if version is not self._served:
            return
        names = tuple(version.features.features)
        found = {
            name: {"statistic": float(s), "p_value": float(p), "drifted": i in report.features}
            for i, (name, s, p) in enumerate(zip(names, report.statistics, report.p_values, strict=True))
        }
        if report.drifted and not self.drift.drifted:
            self._drifted_since = time.time()
        self.drift = Drift(bool(report.drifted), found, self.drift.checks + 1, window=self.limits.drift_window)
        self._checked(self.drift)

    def drifting(self) -> Drift:
        """The last check, and how full the next window is."""
        last = self.drift
        return Drift(last.drifted, last.features, last.checks, self._gathered, last.window, last.watched)

    # ---- alerts

    def summary(self) -> dict[str, Any]:
        """Figures of the traffic, of the labelled answers, and the alerts that are on, in words."""
        return {
            "traffic": self._figures(self.traffic),
            "labels": self._figures(self.labels),
            "alerts": [asdict(alert) for alert in self.alerts() or ()],
        }

    def _figures(self, monitor: Any) -> dict[str, Any]:
        return self._summary(monitor) or {}

    @guarded
    def _summary(self, monitor: Any) -> dict[str, Any]:
        return monitor.summary()

    @guarded
    def alerts(self) -> list[Alert] | None:
        """The alerts that are on; None if the monitors failed."""
        # The limits, not the present values: a text that changes every second is read out every second.
        said = {
            "slow": f"1 answer in 100 takes more than {self.limits.latency * 1000:g} ms",
            "errors": f"more than {self.limits.errors:.0%} of the requests fail",
            "accuracy": f"fewer than {self.limits.accuracy:.0%} of the labelled predictions are right",
        }
        on = [*self.traffic.alerts(), *self.labels.alerts()]
        found = [Alert(a.rule.name, said[a.rule.name], a.since) for a in on]
        if self.drift.drifted:
            which = ", ".join(name for name, about in self.drift.features.items() if about["drifted"])
            found.append(Alert("drift", f"inputs are not as in training: {which}", self._drifted_since))
        return found
