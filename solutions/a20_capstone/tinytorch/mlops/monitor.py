"""Watching a model that serves, and acting on what is seen: figures of a moving window, alerts, and the loop that
trains again.

An alert that comes and goes with every request is soon ignored, and a trigger that trains again for every odd window
costs more than the drift. So both remember: alerts have to be earned and have to be lost, and a retraining is followed
by a time of rest. The tests behind "drifted" are drift's, versions and promotions are the registry's.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tinytorch.mlops.drift import DriftDetector
from tinytorch.mlops.registry import ModelRegistry

Array = np.ndarray

# ---- Task 7: a moving window -----------------------------------------------------------------------------------------


def percentile(ordered: list[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that at least so many percent of all values do not exceed.

    Args:
        ordered: ascending, not empty.
        percent: above 0, at most 100.
    """
    # Of 100 values the 99th percentile is the 99th, which has the index 98. Mind products such as 0.29 * 100.
    # BEGIN SOLUTION
    rank = math.ceil(round(percent * len(ordered) / 100, 9))
    return ordered[max(rank, 1) - 1]
    # END SOLUTION


@dataclass(frozen=True)
class Request:
    """One request: when (seconds), how long it took (seconds), whether the answer was right (None: not known), and
    whether there was no answer."""

    when: float
    latency: float
    correct: bool | None
    failed: bool


@dataclass(frozen=True)
class AlertRule:
    """When to raise an alert, and when to end it.

    Args:
        name: of the alert.
        metric: a key of `PerformanceMonitor.summary`.
        above, below: the limit; exactly one of them.
        after: for how many evaluations in a row the limit has to be crossed before the alert is raised, and not crossed
            before it ends.
        clear: how far the metric has to come back to end the alert, by default to the limit. Set it apart from it
            for a metric that trembles around it.
    """

    name: str
    metric: str
    above: float | None = None
    below: float | None = None
    after: int = 1
    clear: float | None = None

    def __post_init__(self) -> None:
        if (self.above is None) == (self.below is None):
            raise ValueError(f"rule {self.name!r}: give either above or below")
        if self.after < 1:
            raise ValueError(f"rule {self.name!r}: after is at least 1, got {self.after}")
        limit = self.above if self.below is None else self.below
        side = 1 if self.below is None else -1
        if self.clear is not None and side * (limit - self.clear) < 0:
            raise ValueError(f"rule {self.name!r}: clear {self.clear} lies beyond the limit {limit}")

    def is_crossed(self, value: float) -> bool:
        """Whether the metric is beyond the limit. At the limit it is not."""
        # BEGIN SOLUTION
        return value > self.above if self.below is None else value < self.below
        # END SOLUTION

    def is_back(self, value: float) -> bool:
        """Whether the metric has come back far enough to end the alert."""
        # BEGIN SOLUTION
        if self.below is None:
            return value <= (self.above if self.clear is None else self.clear)
        return value >= (self.below if self.clear is None else self.clear)
        # END SOLUTION


@dataclass(frozen=True)
class Alert:
    """An alert that is on: its rule, the metric's value at the last evaluation, and when it was raised."""

    rule: AlertRule
    value: float
    since: float


@dataclass
class _State:
    """What a monitor remembers of one rule: evaluations in a row that speak for a change, and the alert if it is on."""

    streak: int = 0
    alert: Alert | None = None


class PerformanceMonitor:
    """Figures of the requests of the last `window` seconds. Threads may use one together.

    Args:
        window: seconds.
        rules: for `alerts`.
        every: rules are evaluated once in so many seconds at most, however often somebody asks.
        clock: seconds.
    """

    def __init__(
        self,
        window: float = 60.0,
        rules: Iterable[AlertRule] = (),
        every: float = 1.0,
        clock: Callable[[], float] = time.time,
    ):
        if window <= 0:
            raise ValueError(f"window is a time in seconds, got {window}")
        self.window, self.every, self.clock = window, every, clock
        self.started = clock()
        self.requests: deque[Request] = deque()
        self._states = {rule: _State() for rule in rules}
        self._evaluated: float | None = None
        self._lock = threading.RLock()

    def record(
        self, latency: float, correct: bool | None = None, failed: bool = False, when: float | None = None
    ) -> None:
        """Note a request, in the order in which they end.

        Args:
            latency: seconds.
            correct: whether the answer was right, None if nobody knows.
            failed: there was no answer.
            when: seconds, by default now.
        """
        if not latency >= 0:
            raise ValueError(f"latency is a time in seconds, got {latency}")
        with self._lock:
            request = Request(self.clock() if when is None else when, float(latency), correct, failed)
            # Memory must not grow for ever where nobody asks for a summary.
            # BEGIN SOLUTION
            self.requests.append(request)
            self._expire(request.when)
            # END SOLUTION

    def _expire(self, now: float) -> None:
        """Drop requests that are `window` seconds old or older."""
        # BEGIN SOLUTION
        while self.requests and self.requests[0].when <= now - self.window:
            self.requests.popleft()
        # END SOLUTION

    def summary(self, when: float | None = None) -> dict[str, float | None]:
        """The figures of the last `window` seconds. What there are no requests for is None, not 0.

        Returns:
            count: requests. throughput: requests a second, over the window or, before it has passed once, over the
            time since the monitor was made. error_rate: share of failed ones. accuracy: share of right ones among
            those where it is known. latency_p50, latency_p95, latency_p99: seconds, of requests that were answered (a
            failure may be quick).
        """
        with self._lock:
            now = self.clock() if when is None else when
            # BEGIN SOLUTION
            self._expire(now)
            requests = list(self.requests)
            # END SOLUTION
            started = self.started
        # BEGIN SOLUTION
        span = min(self.window, now - started)
        known = [r.correct for r in requests if r.correct is not None]
        latencies = sorted(r.latency for r in requests if not r.failed)
        return {
            "count": len(requests),
            "throughput": len(requests) / span if span > 0 else 0.0,
            "error_rate": sum(r.failed for r in requests) / len(requests) if requests else None,
            "accuracy": sum(known) / len(known) if known else None,
            **{f"latency_p{p}": percentile(latencies, p) if latencies else None for p in (50, 95, 99)},
        }
        # END SOLUTION

    # ---- Task 8: alerts that do not flap

    def alerts(self, when: float | None = None) -> list[Alert]:
        """The alerts that are on, after another evaluation of the rules if it is due."""
        with self._lock:
            now = self.clock() if when is None else when
            if self._evaluated is None or now >= self._evaluated + self.every:
                self._evaluated = now
                summary = self.summary(now)
                for rule, state in self._states.items():
                    if rule.metric not in summary:
                        known = ", ".join(summary)
                        raise ValueError(f"rule {rule.name!r}: there is no metric {rule.metric!r}; there are {known}")
                    self._evaluate(rule, state, summary[rule.metric], now)
            return [state.alert for state in self._states.values() if state.alert]

    def _evaluate(self, rule: AlertRule, state: _State, value: float | None, now: float) -> None:
        """Move the state of one rule by one evaluation. None changes nothing: no data is no evidence."""
        # An alert that is off counts evaluations with is_crossed, one that is on counts those with is_back; any other
        # evaluation starts the count again. Where the count reaches `after`, the alert changes and the count starts
        # again. An alert that stays on shows the new value (dataclasses are frozen: make another Alert).
        # BEGIN SOLUTION
        if value is None:
            return
        speaks = rule.is_back(value) if state.alert else rule.is_crossed(value)
        state.streak = state.streak + 1 if speaks else 0
        if state.alert:
            state.alert = Alert(rule, value, state.alert.since)
        if state.streak == rule.after:
            state.alert = None if state.alert else Alert(rule, value, now)
            state.streak = 0
        # END SOLUTION


# ---- Task 9: the loop ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Retraining:
    """What a trigger did: when and why ("drift" or "accuracy"), the version it registered, the share of the holdout
    that the version in use and the new one got right, and whether the new one was promoted."""

    when: float
    reason: str
    version: int
    before: float
    after: float
    promoted: bool


class RetrainingTrigger:
    """Closes the loop on a stream: watch, train again, check, promote, rest.

    Args:
        registry, name: where versions are kept. A version has to be in use already.
        train: (X, y) -> arrays of a new model.
        predict: (arrays, X) -> labels (n,).
        reference: (n, features), the data that the version in use was trained on.
        accuracy_below: train again if the version in use gets a smaller share right, even without drift.
        cooldown: seconds of rest after each retraining, whatever came of it.
        alpha, method: of the drift detector.
        holdout: the share of a window that is not trained on; the new version has to be better there.
        min_gain: by how much better, as a share.
        seed: of the split.
        clock: seconds.

    Attributes:
        events: every Retraining so far.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        name: str,
        train: Callable[[Array, Array], Mapping[str, Array]],
        predict: Callable[[Mapping[str, Array], Array], Array],
        reference: Array,
        accuracy_below: float | None = None,
        cooldown: float = 600.0,
        alpha: float = 0.001,
        method: Any = "ks",
        holdout: float = 0.3,
        min_gain: float = 0.0,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
    ):
        self.registry, self.name, self.train, self.predict = registry, name, train, predict
        self.accuracy_below, self.cooldown, self.clock = accuracy_below, cooldown, clock
        self.alpha, self.method, self.holdout, self.min_gain = alpha, method, holdout, min_gain
        self.rng = np.random.default_rng(seed)
        self.detector = DriftDetector(reference, method, alpha)
        self.events: list[Retraining] = []

    def observe(self, X: Array, y: Array, when: float | None = None) -> Retraining | None:
        """Look at a window of live data (m, features) with its labels (m,), and act if there is reason to.

        Returns:
            What was done, None if nothing.
        """
        X, y = np.asarray(X), np.asarray(y)
        if len(X) != len(y):
            raise ValueError(f"a window has one label a row, got {len(X)} rows and {len(y)} labels")
        now = self.clock() if when is None else when
        # BEGIN SOLUTION
        if self.events and now < self.events[-1].when + self.cooldown:
            return None
        reason = self._reason(X, y)
        if reason is None:
            return None
        event = self._retrain(X, y, now, reason)
        self.events.append(event)
        return event
        # END SOLUTION

    def _reason(self, X: Array, y: Array) -> str | None:
        """ "drift", "accuracy" or None for a window."""
        # BEGIN SOLUTION
        if self.detector.check(X).drifted:
            return "drift"
        if self.accuracy_below is not None and self._accuracy(self._arrays(), X, y) < self.accuracy_below:
            return "accuracy"
        return None
        # END SOLUTION

    def _retrain(self, X: Array, y: Array, now: float, reason: str) -> Retraining:
        """Train on one part of the window, register, compare on the other part, promote if better.

        Whatever is promoted, the detector's reference becomes this window: the drift was seen and acted upon, and what
        is asked from now on is whether the world changes once more.
        """
        # The split is drawn (self.rng.permutation), so that both parts are of the same time. Nothing of the holdout may
        # reach train. Give register the metadata reason, before and after.
        # BEGIN SOLUTION
        order = self.rng.permutation(len(X))
        held, used = np.split(order, [max(1, round(self.holdout * len(X)))])
        arrays = self.train(X[used], y[used])
        before = self._accuracy(self._arrays(), X[held], y[held])
        after = self._accuracy(arrays, X[held], y[held])
        found = {"reason": reason, "before": before, "after": after}
        version = self.registry.register(self.name, arrays, found)
        promoted = after > before + self.min_gain
        if promoted:
            self.registry.promote(self.name, version)
        self.detector = DriftDetector(X, self.method, self.alpha)
        return Retraining(now, reason, version, before, after, promoted)
        # END SOLUTION

    def _arrays(self) -> Mapping[str, Array]:
        """The arrays of the version in use (given)."""
        return self.registry.load(self.name)[0]

    def _accuracy(self, arrays: Mapping[str, Array], X: Array, y: Array) -> float:
        """The share of a window that a model gets right (given)."""
        return float(np.mean(np.asarray(self.predict(arrays, X)) == y))
