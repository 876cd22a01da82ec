"""The Torch Olympics: what an entry is, how it is measured, and who wins.

An entry is a model with four numbers: how often it is right, how long it takes, how much memory it needs and how many
bytes it has. Each can be had cheaply at the cost of the others, so an entry counts only if it keeps the accuracy of the
model that all start from, and time is a ratio to that model's, measured in turn on the same machine. Making a model
smaller or faster is what assignments 15 to 18 are for, measuring pairs and fronts is assignment 19's.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tinytorch
from tinytorch.core.activations import ReLU
from tinytorch.core.dataloader import DataLoader, TensorDataset
from tinytorch.core.layers import Linear, Module
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor
from tinytorch.mlops.registry import write_file
from tinytorch.perf.benchmarking import OlympicEvent, answering, compare, measure_accuracy, pareto_front
from tinytorch.perf.compression import KnowledgeDistillation, structured_prune
from tinytorch.perf.profiling import Profiler
from tinytorch.perf.quantization import model_bytes, quantize_model

Array = np.ndarray

# ---- Task 17: a report -----------------------------------------------------------------------------------------------


class SimpleMLP(Module):
    """A small classifier to try things on: (N, input_size) -> linear, ReLU, linear -> logits (N, output_size)."""

    def __init__(self, input_size: int = 10, hidden_size: int = 20, output_size: int = 3):
        super().__init__()
        # BEGIN SOLUTION
        self.fc1 = Linear(input_size, hidden_size)
        self.relu = ReLU()
        self.fc2 = Linear(hidden_size, output_size)
        # END SOLUTION

    def forward(self, x: Any) -> Any:
        # BEGIN SOLUTION
        return self.fc2(self.relu(self.fc1(x)))
        # END SOLUTION

    def count_parameters(self) -> int:
        """How many numbers are learned."""
        # BEGIN SOLUTION
        return sum(p.data.size for p in self.parameters())
        # END SOLUTION


class BenchmarkReport:
    """Figures of one model.

    Args:
        model_name: in the report.
        clock: seconds.

    Attributes:
        metrics: what `benchmark_model` measured. system_info: where.
    """

    def __init__(self, model_name: str = "model", clock: Callable[[], float] = time.perf_counter):
        self.model_name, self.clock = model_name, clock
        self.metrics: dict[str, float] = {}
        self.system_info = {
            "platform": platform.platform(),
            "python_version": platform.python_version(),
            "numpy_version": np.__version__,
        }

    def benchmark_model(self, model: Any, X_test: Any, y_test: Any, num_runs: int = 100) -> dict[str, float]:
        """Measure a model on test data X_test (N, ...) with labels y_test (N,), and keep the figures in `metrics`.

        Returns:
            parameter_count, model_size_mb, accuracy (0 to 1), latency_ms_mean and latency_ms_std of a single sample,
            throughput_samples_per_sec (such samples, one after the other), peak_memory_mb of the whole test set.
        """
        # A request brings one sample: latency is that of X_test[:1], accuracy that of all.
        # BEGIN SOLUTION
        count, size = self.measure_memory(model)
        mean, std = self.measure_latency(model, X_test[:1], num_runs)
        self.metrics = {
            "parameter_count": count,
            "model_size_mb": size,
            "accuracy": measure_accuracy(model, (X_test, y_test)),
            "latency_ms_mean": mean,
            "latency_ms_std": std,
            "throughput_samples_per_sec": 1000 / mean if mean > 0 else 0.0,
            "peak_memory_mb": peak_memory(model, X_test) / 2**20,
        }
        return self.metrics
        # END SOLUTION

    def measure_latency(self, model: Any, X_sample: Any, num_runs: int = 100) -> tuple[float, float]:
        """Mean and standard deviation of the milliseconds of a call, after a tenth as many calls to warm up."""
        # Assignment 14's Profiler(clock).measure_latency keeps the samples of all measured calls.
        # BEGIN SOLUTION
        found = Profiler(self.clock).measure_latency(model, _tensor(X_sample), max(1, num_runs // 10), num_runs)
        return float(np.mean(found.samples)), float(np.std(found.samples))
        # END SOLUTION

    def measure_memory(self, model: Any) -> tuple[int, float]:
        """How many parameters a model has, and the size in MB (2^20 bytes) of all that has to be stored of it."""
        # A quantised layer keeps buffers, not parameters: bytes are those of its state_dict.
        # BEGIN SOLUTION
        return Profiler().count_parameters(model), model_bytes(model) / 2**20
        # END SOLUTION


def peak_memory(model: Any, inputs: Any) -> int:
    """Bytes that a model needs to answer: all that is stored of it, and the worst moment of the call."""
    # BEGIN SOLUTION
    return model_bytes(model) + Profiler().measure_memory(model, _tensor(inputs))["peak_bytes"]
    # END SOLUTION


def _tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else Tensor(x)


def generate_submission(
    baseline_report: BenchmarkReport,
    optimized_report: BenchmarkReport | None = None,
    student_name: str | None = None,
    techniques_applied: Sequence[str] | None = None,
) -> dict[str, Any]:
    """What goes into a submission's file: both reports, and with two of them "improvements".

    speedup and compression_ratio are above 1 if the optimised model is faster and smaller; accuracy_delta is negative
    if it is right less often.

    Raises:
        ValueError: a report without figures.
    """
    for report in (baseline_report, optimized_report):
        if report is not None and not report.metrics:
            raise ValueError(f"the report on {report.model_name!r} is empty; call its benchmark_model first")
    submission: dict[str, Any] = {
        "submission_type": "capstone_benchmark",
        "tinytorch_version": tinytorch.__version__,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "system_info": baseline_report.system_info,
        "baseline": _described(baseline_report),
    }
    if student_name is not None:
        submission["student_name"] = student_name
    if optimized_report is not None:
        before, after = baseline_report.metrics, optimized_report.metrics
        submission["optimized"] = _described(optimized_report) | {"techniques_applied": list(techniques_applied or ())}
        # BEGIN SOLUTION
        submission["improvements"] = {
            "speedup": before["latency_ms_mean"] / after["latency_ms_mean"],
            "compression_ratio": before["model_size_mb"] / after["model_size_mb"],
            "accuracy_delta": after["accuracy"] - before["accuracy"],
        }
        # END SOLUTION
    return submission


def _described(report: BenchmarkReport) -> dict[str, Any]:
    return {"model_name": report.model_name, "metrics": dict(report.metrics)}


def save_submission(submission: Mapping[str, Any], filepath: str | Path = "submission.json") -> Path:
    """Write a submission as JSON, in full or not at all, and return its path.

    Raises:
        ValueError: a number that is not finite; JSON has no way to write it.
    """
    path = Path(filepath)
    write_file(path, json.dumps(submission, indent=2, allow_nan=False).encode())
    return path


# ---- Task 18: an entry -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """A model in the Olympics.

    Attributes:
        name: of the entry.
        accuracy: share of the test set that is right, 0 to 1.
        latency_ratio: its time by the time of the model that all start from: 0.5 is twice as fast.
        memory_bytes: see `peak_memory`.
        size_bytes: of what is stored.
        techniques: what was done, in words.
    """

    name: str
    accuracy: float
    latency_ratio: float
    memory_bytes: int
    size_bytes: int
    techniques: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The entry as JSON holds it; `validate_entry` reads it."""
        return asdict(self) | {"techniques": list(self.techniques)}


# What a field of an entry has to be: (kind, lowest, highest). `open` bounds are not reached themselves.
FIELDS: dict[str, tuple[type, float, float]] = {
    "accuracy": (float, 0.0, 1.0),
    "latency_ratio": (float, 1e-6, 1e6),
    "memory_bytes": (int, 1, 2**50),
    "size_bytes": (int, 1, 2**50),
}


def validate_entry(data: Mapping[str, Any]) -> Entry:
    """The entry that somebody handed in as JSON, if it is one.

    Raises:
        ValueError: names every field that is missing, unknown, of the wrong kind or out of its range.
    """
    # All problems in one message. bool is an int to Python and no number here; a whole number may stand for a float;
    # NaN is within no range. A name has 1 to 60 printable characters; techniques is a list of texts, or left out.
    # BEGIN SOLUTION
    wrong = [f"unknown field {key!r}" for key in data if key not in {"name", "techniques", *FIELDS}]
    wrong += [f"{key} is missing" for key in ("name", *FIELDS) if key not in data]
    for key, (kind, low, high) in FIELDS.items():
        if key in data:
            value = data[key]
            if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
                wrong.append(f"{key} is {'a whole number' if kind is int else 'a number'}, got {value!r}")
            elif not low <= value <= high:
                wrong.append(f"{key} lies between {low:g} and {high:g}, got {value!r}")
    name, techniques = data.get("name", "x"), data.get("techniques", [])
    if not (isinstance(name, str) and name.isprintable() and len(name.strip()) >= 1 and len(name) <= 60):
        wrong.append("name is a text of 1 to 60 printable characters")
    if not isinstance(techniques, (list, tuple)) or not all(isinstance(t, str) for t in techniques):
        wrong.append("techniques is a list of texts")
    if wrong:
        raise ValueError("this is no entry: " + "; ".join(wrong))
    return Entry(name, *(data[key] for key in FIELDS), tuple(techniques))
    # END SOLUTION


def enter(
    name: str,
    model: Any,
    baseline: Any,
    X: Any,
    y: Any,
    techniques: Iterable[str] = (),
    pairs: int = 30,
    size_bytes: int | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Entry:
    """Measure a model against the one that all start from, and make it an entry.

    Args:
        X, y: test data (N, ...) with labels (N,).
        pairs: measurements of each, in turn, of a single sample X[:1].
        size_bytes: of a form in which less is stored than the model's arrays, as assignment 16 packs them; by default
            the arrays' own.
    """
    # compare(baseline, candidate, draw, pairs, clock=...) of assignment 19 measures in turn; its speedup is the inverse
    # of a latency ratio. `with answering(model) as answer:` gives a model in evaluation mode.
    # BEGIN SOLUTION
    sample = _tensor(X[:1])
    with answering(baseline) as slow, answering(model) as fast:
        comparison = compare(slow, fast, lambda: (sample,), pairs, clock=clock)
    size = model_bytes(model) if size_bytes is None else size_bytes
    ratio = 1 / comparison.speedup
    return Entry(name, measure_accuracy(model, (X, y)), ratio, peak_memory(model, X), size, tuple(techniques))
    # END SOLUTION


# ---- Task 19: who wins -----------------------------------------------------------------------------------------------

MAY_LOSE = {event: 0.01 for event in OlympicEvent} | {OlympicEvent.EXTREME_PUSH: 0.05}


def score(entry: Entry, baseline: Entry, event: OlympicEvent = OlympicEvent.ALL_AROUND) -> float:
    """The points of an entry in an event, 0 if it does not qualify. More is better; the baseline itself has 1.

    An entry qualifies if its accuracy is at most MAY_LOSE[event] below the baseline's. Gains are ratios of the
    baseline's figure to the entry's.

        latency sprint      the gain in latency
        memory challenge    the geometric mean of the gains in memory and size
        all around,         the geometric mean of the gains in latency, memory and size
        extreme push
        accuracy contest    the entry's accuracy by the baseline's; only for entries that need no more time, memory or
                            bytes than the baseline
    """
    # Ratios are multiplied, not added: twice as fast and half as small is no gain. Allow 1e-9 for rounding where the
    # accuracy is compared: 0.97 - 0.01 is not 0.96.
    # BEGIN SOLUTION
    if entry.accuracy < baseline.accuracy - MAY_LOSE[event] - 1e-9:
        return 0.0
    latency = baseline.latency_ratio / entry.latency_ratio
    memory = baseline.memory_bytes / entry.memory_bytes
    size = baseline.size_bytes / entry.size_bytes
    if event is OlympicEvent.ACCURACY_CONTEST:
        return entry.accuracy / baseline.accuracy if min(latency, memory, size) >= 1 else 0.0
    if event is OlympicEvent.LATENCY_SPRINT:
        return latency
    gains = (memory, size) if event is OlympicEvent.MEMORY_CHALLENGE else (latency, memory, size)
    return math.prod(gains) ** (1 / len(gains))
    # END SOLUTION


@dataclass(frozen=True)
class Place:
    """A row of a ranking; `place` is None for an entry that does not qualify."""

    place: int | None
    entry: Entry
    score: float


def rank(entries: Iterable[Entry], baseline: Entry, event: OlympicEvent = OlympicEvent.ALL_AROUND) -> list[Place]:
    """Entries by score, the best first. The same score and accuracy share a place, and the next one counts them all:
    1, 2, 2, 4. Within a place names decide the order. Who does not qualify comes last.

    Raises:
        ValueError: two entries of one name.
    """
    entries = list(entries)
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"two entries are called {', '.join(twice)}; names are how people find themselves")
    # A place is one more than the number of entries that are strictly better.
    # BEGIN SOLUTION
    scored = [(score(entry, baseline, event), entry) for entry in entries]
    scored.sort(key=lambda pair: (-pair[0], -pair[1].accuracy, pair[1].name))
    keys = [(points, entry.accuracy) for points, entry in scored]
    return [
        Place(sum(other > key for other in keys) + 1 if points > 0 else None, entry, points)
        for key, (points, entry) in zip(keys, scored, strict=True)
    ]
    # END SOLUTION


DIRECTIONS = {"accuracy": "max", "latency_ratio": "min", "memory_bytes": "min", "size_bytes": "min"}


def pareto(entries: Iterable[Entry]) -> list[str]:
    """The names of the entries that no other one beats in everything (assignment 19's front), in their order."""
    # BEGIN SOLUTION
    points = {entry.name: {metric: getattr(entry, metric) for metric in DIRECTIONS} for entry in entries}
    return pareto_front(points, DIRECTIONS)
    # END SOLUTION


# ---- Task 20: your own entry -----------------------------------------------------------------------------------------


def own_entry(model: Any, X: Array, y: Array) -> Any:
    """What you enter: a model made of a trained one, smaller and faster, that is right as often up to two points.

    Anything from assignments 15 to 18 may be used. Accuracy, time and bytes are measured by others, on data that are
    not among these, and stand on the leaderboard.

    Args:
        model: a Sequential of Linear layers with ReLU in between, (N, 64) -> logits (N, 10); it is left as it is.
        X, y: what it was trained on: float32 (N, 64) from 0 to 1, labels (N,).

    Returns:
        A Sequential of Linear, LowRankLinear or QuantizedLinear layers and ReLU.
    """
    # A recipe to begin with: small = structured_prune(model, ratio, remove=True) is a smaller copy;
    # KnowledgeDistillation(model, small).loss(inputs, labels) lets it learn from the original for some epochs;
    # quantize_model(small) keeps bytes.
    # BEGIN SOLUTION
    small = structured_prune(model, 0.5, remove=True)
    teaching = KnowledgeDistillation(model, small, temperature=3.0, alpha=0.5)
    optimizer = Adam(small.parameters(), lr=3e-3)
    loader = DataLoader(TensorDataset(X, y.astype(np.int64)), batch_size=64, shuffle=True, seed=0)
    for _ in range(10):
        for inputs, labels in loader:
            teaching.loss(inputs, labels).backward()
            optimizer.step()
            optimizer.zero_grad()
    return quantize_model(small)
    # END SOLUTION
