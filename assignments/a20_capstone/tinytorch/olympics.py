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
        raise NotImplementedError("a20_capstone: SimpleMLP.__init__ is yours to write")

    def forward(self, x: Any) -> Any:
        raise NotImplementedError("a20_capstone: SimpleMLP.forward is yours to write")

    def count_parameters(self) -> int:
        """How many numbers are learned."""
        raise NotImplementedError("a20_capstone: SimpleMLP.count_parameters is yours to write")


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
        raise NotImplementedError("a20_capstone: BenchmarkReport.benchmark_model is yours to write")

    def measure_latency(self, model: Any, X_sample: Any, num_runs: int = 100) -> tuple[float, float]:
        """Mean and standard deviation of the milliseconds of a call, after a tenth as many calls to warm up."""
        # Assignment 14's Profiler(clock).measure_latency keeps the samples of all measured calls.
        raise NotImplementedError("a20_capstone: BenchmarkReport.measure_latency is yours to write")

    def measure_memory(self, model: Any) -> tuple[int, float]:
        """How many parameters a model has, and the size in MB (2^20 bytes) of all that has to be stored of it."""
        # A quantised layer keeps buffers, not parameters: bytes are those of its state_dict.
        raise NotImplementedError("a20_capstone: BenchmarkReport.measure_memory is yours to write")


def peak_memory(model: Any, inputs: Any) -> int:
    """Bytes that a model needs to answer: all that is stored of it, and the worst moment of the call."""
    raise NotImplementedError("a20_capstone: peak_memory is yours to write")


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
        raise NotImplementedError("a20_capstone: generate_submission is yours to write")
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
    raise NotImplementedError("a20_capstone: validate_entry is yours to write")


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
    raise NotImplementedError("a20_capstone: enter is yours to write")


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
    raise NotImplementedError("a20_capstone: score is yours to write")


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
    raise NotImplementedError("a20_capstone: rank is yours to write")


DIRECTIONS = {"accuracy": "max", "latency_ratio": "min", "memory_bytes": "min", "size_bytes": "min"}


def pareto(entries: Iterable[Entry]) -> list[str]:
    """The names of the entries that no other one beats in everything (assignment 19's front), in their order."""
    raise NotImplementedError("a20_capstone: pareto is yours to write")


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
    raise NotImplementedError("a20_capstone: own_entry is yours to write")
