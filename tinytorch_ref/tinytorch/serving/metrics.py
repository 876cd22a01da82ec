"""Figures for Prometheus: what an operator's own monitoring collects from `/metrics`.

Everything has a name that begins with `tinytorch_`, its unit at the end, and few labels, since every combination of
labels is a time series that somebody has to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tinytorch.serving import need
from tinytorch.serving.batching import Batch

LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)  # seconds
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # examples a batch


class Metrics:
    """The figures of one service, in a registry of their own."""

    def __init__(self, queue: Callable[[], float], in_flight: Callable[[], float]):
        prometheus = need("prometheus_client")
        self._text = prometheus.generate_latest
        self.content_type = prometheus.CONTENT_TYPE_LATEST
        self.registry = own = prometheus.CollectorRegistry()
        self.latency = prometheus.Histogram(
            "tinytorch_request_seconds", "From arrival to answer.", ["endpoint"], buckets=LATENCIES, registry=own
        )
        self.requests = prometheus.Counter(
            "tinytorch_requests", "Requests by endpoint and status.", ["endpoint", "status"], registry=own
        )
        self.examples = prometheus.Counter("tinytorch_examples", "Examples that the model answered.", registry=own)
        self.shed = prometheus.Counter("tinytorch_shed", "Requests refused because there was no room.", registry=own)
        self.failures = prometheus.Counter(
            "tinytorch_model_failures", "Batches in which the model raised an error.", registry=own
        )
        self.batch_size = prometheus.Histogram(
            "tinytorch_batch_size", "Examples computed at once.", buckets=SIZES, registry=own
        )
        self.batch_seconds = prometheus.Histogram(
            "tinytorch_batch_seconds", "Computing one batch.", buckets=LATENCIES, registry=own
        )
        depth = prometheus.Gauge("tinytorch_queue_depth", "Examples that wait.", registry=own)
        depth.set_function(queue)
        handled = prometheus.Gauge("tinytorch_in_flight", "Predictions being handled.", registry=own)
        handled.set_function(in_flight)
        self.version = prometheus.Gauge("tinytorch_model_version", "The version that answers.", registry=own)
        self.swaps = prometheus.Counter("tinytorch_swaps", "Versions that came into use.", registry=own)
        self.healthy = prometheus.Gauge(
            "tinytorch_registry_followed", "1 if the version served is the one in use in the registry.", registry=own
        )
        self.drift = prometheus.Gauge(
            "tinytorch_drift_statistic", "How far a feature is from training.", ["feature"], registry=own
        )
        self.drifted = prometheus.Gauge("tinytorch_drifted", "1 if the last window drifted.", registry=own)
        self.accuracy = prometheus.Gauge(
            "tinytorch_accuracy", "Share of labelled predictions that were right, NaN before any.", registry=own
        )
        self.accuracy.set(float("nan"))

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """A request to one of the endpoints that are known by name was answered."""
        self.requests.labels(endpoint, str(status)).inc()
        self.latency.labels(endpoint).observe(seconds)

    def computed(self, batch: Batch) -> None:
        """A batch was computed, or the model failed at it."""
        self.batch_size.observe(len(batch.rows))
        self.batch_seconds.observe(batch.seconds)
        if batch.problem is None:
            self.examples.inc(len(batch.rows))
        else:
            self.failures.inc()

    def drifting(self, statistics: Mapping[str, float], drifted: bool) -> None:
        """What the detector said about the last window."""
        for feature, statistic in statistics.items():
            self.drift.labels(feature).set(statistic)
        self.drifted.set(drifted)

    def swapped(self, version: int) -> None:
        """Another version answers; what was said about the last one's inputs and answers is over."""
        self.version.set(version)
        self.swaps.inc()
        self.drift.clear()
        self.drifted.set(0)
        self.accuracy.set(float("nan"))

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return self._text(self.registry)
