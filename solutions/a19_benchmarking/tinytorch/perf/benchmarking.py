"""Benchmarking: deciding from noisy times whether one program is faster than another, and saying how sure one is.

The file has four parts. First samples: a clock with its resolution, and programs that take turns on the same inputs.
Then what samples say: percentiles, the median with an interval, outliers, and two programs compared pair by pair. Then
choices among many numbers: the Pareto front. Last the reports: a benchmark of several models, and one in the form of
MLPerf. What a single call consists of is assignment 14's question. Nothing here is estimated or made up: what was not
measured is not in a report.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tinytorch import plots
from tinytorch.core.dataloader import MNIST, TinyDigits
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import TensorBase
from tinytorch.perf.profiling import Clock, Profiler, ready

Array = np.ndarray
Draw = Callable[[], tuple[Any, ...]]  # fresh arguments of a call
MEGABYTE = 1 << 20
MOST_CALLS = 1 << 24

# ==== Part one: samples ===============================================================================================

# ---- Task 1: a clock and its step ------------------------------------------------------------------------------------


class precise_timer:
    """`with precise_timer() as timer: work()`, then `timer.elapsed` in seconds, also if work raised.

    Args:
        clock: seconds since some moment. The default is the finest that never goes back; time.time does.
    """

    def __init__(self, clock: Clock = time.perf_counter):
        self.clock = clock
        self.elapsed = 0.0

    def __enter__(self) -> precise_timer:
        # Look at the clock last: what comes after the look is counted.
        # BEGIN SOLUTION
        self.start = self.clock()
        return self
        # END SOLUTION

    def __exit__(self, *error: Any) -> None:
        # Look at the clock first.
        # BEGIN SOLUTION
        self.elapsed = self.clock() - self.start
        # END SOLUTION


def resolution(clock: Clock, steps: int = 20, looks: int = 100_000) -> float:
    """The smallest step, in seconds, in which a clock moves when one looks at it again and again.

    Args:
        steps: how many steps to see before the smallest is taken.
        looks: to give up after. A clock that has not moved by then gets 0.
    """
    # Remember the last time that was different. Several looks in a row may show the same time: that is no step.
    # BEGIN SOLUTION
    last, seen = clock(), []
    for _ in range(looks):
        now = clock()
        if now > last:
            seen.append(now - last)
            last = now
        if len(seen) == steps:
            break
    return min(seen, default=0.0)
    # END SOLUTION


# ---- Task 2: taking turns --------------------------------------------------------------------------------------------


def seconds_a_call(run: Callable[..., Any], inputs: Sequence[tuple[Any, ...]], clock: Clock) -> float:
    """Seconds of run(*args), on average over all args of `inputs`, between two looks at the clock."""
    # BEGIN SOLUTION
    with precise_timer(clock) as timer:
        for args in inputs:
            run(*args)
    return timer.elapsed / len(inputs)
    # END SOLUTION


def calls_needed(run: Callable[..., Any], draw: Draw, clock: Clock, step: float, error: float = 0.01) -> int:
    """How many calls a sample needs so that one step of the clock is at most `error` of it: 1, 2, 4, 8, ...

    Raises:
        RuntimeError: 2^24 calls are too few, so the clock does not see this run at all.
    """
    # Inputs are drawn before the clock is looked at: making them is no part of the run.
    calls = 1
    while calls <= MOST_CALLS:
        # BEGIN SOLUTION
        inputs = [draw() for _ in range(calls)]
        if step <= error * seconds_a_call(run, inputs, clock) * calls:
            return calls
        calls *= 2
        # END SOLUTION
    raise RuntimeError(f"calls_needed: a clock with steps of {step:g} s does not notice {MOST_CALLS:,} calls")


def measure_in_turn(
    runs: Mapping[str, Callable[..., Any]],
    draw: Draw = tuple,
    rounds: int = 30,
    warmup: int = 5,
    clock: Clock = time.perf_counter,
    seed: int = 0,
    error: float = 0.01,
) -> dict[str, list[float]]:
    """Seconds of a call of each run: a sample of every run in each round.

    A machine gets warm, its neighbours come and go. Whoever measures one program after the other measures that too. In
    a round all programs meet the same machine and the same inputs, and in each round in another order.

    Args:
        draw: makes the arguments of a call; without it runs take none.
        rounds: samples of each run. warmup: calls of each beforehand, which are not measured.
        seed: of the orders.
        error: the largest share of a sample that a step of the clock may be. All runs get the same number of calls.

    Raises:
        ValueError: no run, no round, or fewer than no calls beforehand.
    """
    if not runs or rounds < 1 or warmup < 0:
        raise ValueError(
            f"measure_in_turn: at least one run, rounds >= 1, warmup >= 0; got {len(runs)}, {rounds} and {warmup}"
        )
    # Warm up; find the number of calls that the quickest run needs; then the rounds. In each draw the inputs once, for
    # all runs, and go through rng.permutation of them.
    rng, names = np.random.default_rng(seed), list(runs)
    # BEGIN SOLUTION
    for run in runs.values():
        for _ in range(warmup):
            run(*draw())
    step = resolution(clock)
    calls = max(calls_needed(run, draw, clock, step, error) for run in runs.values())
    samples: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        inputs = [draw() for _ in range(calls)]
        for i in rng.permutation(len(names)):
            samples[names[i]].append(seconds_a_call(runs[names[i]], inputs, clock))
    return samples
    # END SOLUTION


# ==== Part two: what samples say ======================================================================================

# ---- Task 3: the middle and how well it is known ---------------------------------------------------------------------


class Interval(NamedTuple):
    """From low to high; `coverage` is the probability with which such an interval holds what it is about."""

    low: float
    high: float
    coverage: float


def percentile(samples: Iterable[float], q: float) -> float:
    """The smallest sample that at least q percent of all samples do not exceed (nearest rank, as MLPerf counts).

    Raises:
        ValueError: no samples, or q not in (0, 100].
    """
    ordered = sorted(float(s) for s in samples)
    if not ordered or not 0 < q <= 100:
        raise ValueError(f"percentile: samples, and q in (0, 100]; got {len(ordered)} samples and q = {q}")
    # The k-th smallest with k = q n / 100, rounded up; lists begin at 0. 99.9 * 1000 / 100 is a hair above 999 in
    # floating point: subtract 1e-9 before rounding up.
    # BEGIN SOLUTION
    return ordered[math.ceil(q * len(ordered) / 100 - 1e-9) - 1]
    # END SOLUTION


def median_interval(samples: Iterable[float], confidence: float = 0.95) -> Interval:
    """An interval that holds the median of what was sampled, whatever its distribution: two of the samples.

    From the k-th smallest to the k-th largest, with the largest k whose coverage is at least `confidence`. Fewer than
    six samples cannot reach 95 %: then it is from the smallest to the largest, and `coverage` says what that is worth.

    Raises:
        ValueError: no samples, or a confidence that is not between 0 and 1.
    """
    ordered = sorted(float(s) for s in samples)
    n = len(ordered)
    if not n or not 0 < confidence < 1:
        raise ValueError(f"median_interval: samples, and confidence in (0, 1); got {n} samples and {confidence}")
    # Each sample lies below the true median with probability 1/2, like a coin. The interval misses on one side if fewer
    # than k coins show heads, with probability (C(n, 0) + ... + C(n, k - 1)) / 2^n, and as often on the other.
    # BEGIN SOLUTION
    k, heads, coverage = 1, 1, 1 - 2 / 2**n
    while 2 * (k + 1) <= n + 1:
        heads += math.comb(n, k)
        further = 1 - 2 * heads / 2**n
        if further < confidence:
            break
        k, coverage = k + 1, further
    return Interval(ordered[k - 1], ordered[n - k], coverage)
    # END SOLUTION


@dataclass(frozen=True)
class BenchmarkResult:
    """What was measured of one thing, with everything that is to be said about it.

    Attributes:
        metric_name: for instance "latency". values: the samples, in order; all of them. unit: of the values.
        metadata: what else belongs to it.
        confidence: of the interval.

    Raises:
        ValueError: no values, or one that is not a finite number.
    """

    metric_name: str
    values: Sequence[float]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    unit: str = ""
    confidence: float = 0.95

    def __post_init__(self) -> None:
        values = tuple(float(v) for v in self.values)
        if not values or not all(map(math.isfinite, values)):
            raise ValueError(f"BenchmarkResult of {self.metric_name}: finite values, at least one; got {values[:5]}")
        object.__setattr__(self, "values", values)

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def median(self) -> float:
        """Half of the calls take longer. One interrupted call does not move it; it moves the mean."""
        # BEGIN SOLUTION
        return float(np.median(self.values))
        # END SOLUTION

    @property
    def mean(self) -> float:
        """What a thousand calls take, divided by a thousand: a question about a bill, not about a typical call."""
        # BEGIN SOLUTION
        return float(np.mean(self.values))
        # END SOLUTION

    @property
    def std(self) -> float:
        """The spread of single values, with n - 1; 0 of a single one. It says nothing about how well the median is
        known: it stays what it is when n grows."""
        # BEGIN SOLUTION
        return float(np.std(self.values, ddof=1)) if self.count > 1 else 0.0
        # END SOLUTION

    @property
    def interval(self) -> Interval:
        """Where the median lies; see `median_interval`."""
        # BEGIN SOLUTION
        return median_interval(self.values, self.confidence)
        # END SOLUTION

    @property
    def outliers(self) -> tuple[float, ...]:
        """Values more than 1.5 (q3 - q1) below the first quartile or above the third (Tukey), in order.

        They are named and not left out: a call that was interrupted was a call.
        """
        # BEGIN SOLUTION
        first, third = np.quantile(self.values, [0.25, 0.75])
        reach = 1.5 * (third - first)
        return tuple(v for v in self.values if v < first - reach or v > third + reach)
        # END SOLUTION

    def percentile(self, q: float) -> float:
        return percentile(self.values, q)

    # Names that other programs expect.
    ci_lower = property(lambda self: self.interval.low)
    ci_upper = property(lambda self: self.interval.high)
    min_val = property(lambda self: min(self.values))
    max_val = property(lambda self: max(self.values))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: samples and everything computed from them."""
        return {
            "metric_name": self.metric_name,
            "unit": self.unit,
            "values": list(self.values),
            "count": self.count,
            "median": self.median,
            "interval": list(self.interval[:2]),
            "coverage": self.interval.coverage,
            "outliers": list(self.outliers),
            "mean": self.mean,
            "std": self.std,
            "min": self.min_val,
            "max": self.max_val,
            "metadata": dict(self.metadata),
        }

    def __str__(self) -> str:
        low, high, coverage = self.interval
        return (
            f"{self.metric_name}: {self.median:.4g} {self.unit} (median; {100 * coverage:.0f} % interval {low:.4g} to"
            f" {high:.4g}; {len(self.outliers)} outliers of {self.count})"
        )


# ---- Task 4: two programs, pair by pair ------------------------------------------------------------------------------


def _signs(differences: Iterable[float]) -> Array:
    """The differences (n,) that are not zero: a tie speaks for nobody."""
    given = np.asarray(list(differences), np.float64)
    return given[given != 0]


def sign_test(differences: Iterable[float]) -> float:
    """How likely it is, if both programs are alike, that one wins at least so many pairs of n as here.

    Two-sided and exact: each pair is a coin. Pairs without a difference are left out; without any other it is 1.
    """
    # k is the number of the rarer sign; twice the probability of at most k heads among n coins, and no more than 1.
    given = _signs(differences)
    # BEGIN SOLUTION
    n, positive = len(given), int((given > 0).sum())
    rarer = min(positive, n - positive)
    return min(1.0, 2 * sum(math.comb(n, i) for i in range(rarer + 1)) / 2**n)
    # END SOLUTION


def wilcoxon_test(differences: Iterable[float]) -> float:
    """The same question where large differences count more than small ones: Wilcoxon's signed ranks, 1945.

    The sizes of the differences are ranked from 1, equal ones share the mean of their ranks, and the ranks of the
    positive ones are added up. If both programs are alike each sign is a coin, and the sum has a known distribution.
    Two-sided, exact for every n and with ties; zeros are left out, and without any other difference it is 1.
    """
    # Twice a rank is a whole number also where ranks are shared. chances[s] is the probability that the doubled sum is
    # s: begin with chances[0] = 1; every rank r is added with probability 1/2 (chances shifted by r) or is not.
    given = _signs(differences)
    # BEGIN SOLUTION
    _, group, counts = np.unique(np.abs(given), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(counts) - counts + 1)[group]
    chances = np.zeros(int(doubled.sum()) + 1)
    chances[0] = 1
    for rank in doubled:
        shifted = np.zeros_like(chances)
        shifted[rank:] = chances[:-rank]
        chances = (chances + shifted) / 2
    total = int(doubled[given > 0].sum())
    return min(1.0, 2 * float(min(chances[: total + 1].sum(), chances[total:].sum())))
    # END SOLUTION


def ratio_interval(
    baseline: Sequence[float],
    candidate: Sequence[float],
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """An interval for median(baseline) / median(candidate) of pairs, by the bootstrap (Efron, 1979).

    Pairs are drawn from the pairs, with replacement, as many as there are; the ratio is taken; so `resamples` times.
    The middle `confidence` of these ratios is the interval. Its coverage is about that, not exactly.

    Args:
        baseline, candidate: (n,) each; the same place in both is one pair.
    """
    # Draw indices (resamples, n) and use the same ones for both: a pair that is torn apart is no pair, and the drift
    # that it shared comes back.
    a, b = np.asarray(baseline, np.float64), np.asarray(candidate, np.float64)
    rng = np.random.default_rng(seed)
    # BEGIN SOLUTION
    picks = rng.integers(0, len(a), (resamples, len(a)))
    ratios = np.median(a[picks], axis=1) / np.median(b[picks], axis=1)
    low, high = np.quantile(ratios, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high), confidence)
    # END SOLUTION


@dataclass(frozen=True)
class Comparison:
    """Two programs, measured in pairs.

    Attributes:
        baseline, candidate: seconds (n,) each, the same place in both from one round.
        confidence: of the interval; 1 - confidence is the level of the test.

    Raises:
        ValueError: not as many of the one as of the other, none at all, or a time that is not above zero.
    """

    baseline: Sequence[float]
    candidate: Sequence[float]
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for name in ("baseline", "candidate"):
            object.__setattr__(self, name, tuple(float(s) for s in getattr(self, name)))
        sizes = len(self.baseline), len(self.candidate)
        if sizes[0] != sizes[1] or not sizes[0]:
            raise ValueError(f"Comparison: pairs, as many samples of the one as of the other; got {sizes}")
        if not min(*self.baseline, *self.candidate) > 0:
            raise ValueError("Comparison: all times are above 0; with a coarse clock put more calls into a sample")

    @property
    def speedup(self) -> float:
        """Median of the baseline by median of the candidate: above 1 if the candidate is faster."""
        # BEGIN SOLUTION
        return float(np.median(self.baseline) / np.median(self.candidate))
        # END SOLUTION

    @property
    def interval(self) -> Interval:
        """Of the speedup."""
        return ratio_interval(self.baseline, self.candidate, self.confidence)

    @property
    def wins(self) -> int:
        """In how many pairs the candidate was faster."""
        # BEGIN SOLUTION
        return sum(c < b for b, c in zip(self.baseline, self.candidate, strict=True))
        # END SOLUTION

    @property
    def log_ratios(self) -> list[float]:
        """log(baseline / candidate) of each pair: above 0 where the candidate was faster. Drift that both shared as a
        factor is gone."""
        # BEGIN SOLUTION
        return [math.log(b / c) for b, c in zip(self.baseline, self.candidate, strict=True)]
        # END SOLUTION

    @property
    def p_value(self) -> float:
        """Wilcoxon's test on the log ratios. The order within a round was drawn, so each sign is a coin if both
        programs are alike, whatever the machine did."""
        return wilcoxon_test(self.log_ratios)

    @property
    def sign_p_value(self) -> float:
        return sign_test(self.log_ratios)

    @property
    def verdict(self) -> str:
        """ "faster" or "slower" if test and interval both say so, else "undecided": that is not "equal"."""
        # BEGIN SOLUTION
        low, high, _ = self.interval
        if self.p_value <= 1 - self.confidence and (low > 1 or high < 1):
            return "faster" if low > 1 else "slower"
        return "undecided"
        # END SOLUTION

    def __str__(self) -> str:
        low, high, _ = self.interval
        return (
            f"{self.verdict}: {self.speedup:.3f} times the speed ({100 * self.confidence:g} % interval {low:.3f} to"
            f" {high:.3f}), {self.wins} of {len(self.baseline)} pairs won, p = {self.p_value:.2g}"
        )


def compare(
    baseline: Callable[..., Any],
    candidate: Callable[..., Any],
    draw: Draw = tuple,
    pairs: int = 30,
    warmup: int = 5,
    clock: Clock = time.perf_counter,
    seed: int = 0,
    confidence: float = 0.95,
) -> Comparison:
    """Measure two programs in turn, on the same inputs, and compare them pair by pair."""
    # BEGIN SOLUTION
    runs = {"baseline": baseline, "candidate": candidate}
    samples = measure_in_turn(runs, draw, pairs, warmup, clock, seed)
    return Comparison(samples["baseline"], samples["candidate"], confidence)
    # END SOLUTION


# ==== Part three: choices =============================================================================================

# ---- Task 5: the Pareto front ----------------------------------------------------------------------------------------


def dominates(a: Mapping[str, float], b: Mapping[str, float], directions: Mapping[str, str]) -> bool:
    """Whether nobody would take b when there is a: a is nowhere worse, and somewhere better.

    Args:
        directions: for each metric that counts, "min" or "max": which is better.
    """
    # BEGIN SOLUTION
    gains = [(a[m] - b[m]) * (1 if better == "max" else -1) for m, better in directions.items()]
    return min(gains) >= 0 and max(gains) > 0
    # END SOLUTION


def pareto_front(points: Mapping[str, Mapping[str, float]], directions: Mapping[str, str]) -> list[str]:
    """The names, in their order, of the points that no other point dominates. Equal points are all there or none.

    Raises:
        ValueError: no direction, one that is neither "min" nor "max", or a number that is missing or not finite.
    """
    if not directions or not set(directions.values()) <= {"min", "max"}:
        raise ValueError(f'pareto_front: directions says "min" or "max" for each metric, got {dict(directions)}')
    for name, point in points.items():
        for metric in directions:
            if not math.isfinite(point.get(metric, math.nan)):
                raise ValueError(f"pareto_front: {name} has no {metric} that can be compared: {point.get(metric)}")
    # BEGIN SOLUTION
    return [
        name
        for name, point in points.items()
        if not any(dominates(other, point, directions) for other in points.values())
    ]
    # END SOLUTION


class OlympicEvent(Enum):
    """What entries compete for in the Torch Olympics (assignment 20 holds them)."""

    LATENCY_SPRINT = "latency_sprint"  # the fastest that keeps the accuracy
    MEMORY_CHALLENGE = "memory_challenge"  # the smallest that keeps the accuracy
    ACCURACY_CONTEST = "accuracy_contest"  # the most accurate within the limits of latency and memory
    ALL_AROUND = "all_around"  # the best of everything together
    EXTREME_PUSH = "extreme_push"  # the most optimised that is still of use


# ==== Part four: reports ==============================================================================================


@contextmanager
def answering(model: Any) -> Iterator[Callable[[Any], Any]]:
    """The model as a function for the time of a `with`: in evaluation mode, and without records for gradients."""
    with ready(model, ()):
        yield model


def _array(x: Any) -> Array:
    return x.data if isinstance(x, TensorBase) else np.asarray(x)


def _batches(dataset: Any) -> Iterator[tuple[Any, Any]]:
    """(inputs, labels) of a data set: of a pair of arrays in one batch, of a DataLoader as it gives them."""
    is_pair = isinstance(dataset, (tuple, list)) and len(dataset) == 2 and np.ndim(_array(dataset[1])) == 1
    for batch in [dataset] if is_pair else dataset:
        if isinstance(batch, (str, bytes)) or not hasattr(batch, "__len__") or len(batch) != 2:
            raise ValueError(
                "accuracy is measured with inputs and labels: a pair (inputs, labels), or a DataLoader of such pairs;"
                f" got {type(dataset).__name__}"
            )
        yield batch[0], batch[1]


# ---- Task 6: a benchmark of several models ---------------------------------------------------------------------------


def measure_accuracy(model: Any, dataset: Any) -> float:
    """The share of samples whose largest output (N, classes) is at the label (N,).

    Raises:
        ValueError: data without labels, or none at all. What cannot be measured is not guessed.
    """
    # Count right answers and samples over all batches, and divide once: the last batch may be smaller.
    right = total = 0
    with answering(model) as answer:
        for inputs, labels in _batches(dataset):
            # BEGIN SOLUTION
            outputs = _array(answer(inputs if isinstance(inputs, TensorBase) else Tensor(inputs)))
            right += int((outputs.argmax(axis=-1) == _array(labels)).sum())
            total += len(outputs)
            # END SOLUTION
    if not total:
        raise ValueError("measure_accuracy: the data set is empty")
    return right / total


def _named(models: Any) -> dict[str, Any]:
    """Models by name: a dict as it is; of a list each model's own `name`, or its class, numbered where it is taken."""
    if isinstance(models, Mapping):
        return dict(models)
    named: dict[str, Any] = {}
    for model in models:
        name = own = str(getattr(model, "name", type(model).__name__))
        number = 1
        while name in named:
            number += 1
            name = f"{own}_{number}"
        named[name] = model
    return named


class Benchmark:
    """Several models, measured alike.

    Args:
        models: a dict by name, or a list. The first is the baseline of comparisons.
        datasets: for the accuracy; each a pair (inputs, labels) or a DataLoader.
        warmup_runs, measurement_runs: calls of each model that are not measured, and samples of each.
        clock, seed: see `measure_in_turn`; seed also draws the inputs of latency.
    """

    def __init__(
        self,
        models: Any,
        datasets: Sequence[Any] = (),
        warmup_runs: int = 5,
        measurement_runs: int = 10,
        clock: Clock = time.perf_counter,
        seed: int = 0,
    ):
        self.models = _named(models)
        self.datasets = list(datasets)
        self.warmup_runs, self.measurement_runs = warmup_runs, measurement_runs
        self.clock, self.seed = clock, seed
        self.results: dict[str, dict[str, BenchmarkResult]] = {}
        if not self.models:
            raise ValueError("Benchmark: no models")

    def run_latency_benchmark(self, input_shape: tuple[int, ...] = (1, 28, 28)) -> dict[str, BenchmarkResult]:
        """Milliseconds of a call of each model, in turn, on the same fresh normal inputs of this shape."""
        rng = np.random.default_rng(self.seed)

        def draw() -> tuple[Any, ...]:
            return (Tensor(rng.normal(size=input_shape)),)

        # Inside this `with` all models are in evaluation mode; runs are functions of one tensor, by name.
        with _all_answering(self.models) as runs:
            # BEGIN SOLUTION
            samples = measure_in_turn(runs, draw, self.measurement_runs, self.warmup_runs, self.clock, self.seed)
            # END SOLUTION
        shape = {"input_shape": list(input_shape)}
        # BEGIN SOLUTION
        found = {n: BenchmarkResult("latency", [1e3 * s for s in taken], shape, "ms") for n, taken in samples.items()}
        # END SOLUTION
        self.results["latency"] = found
        return found

    def run_accuracy_benchmark(self) -> dict[str, BenchmarkResult]:
        """The accuracy of each model on each data set; the values are in their order. ValueError without data."""
        if not self.datasets:
            raise ValueError("run_accuracy_benchmark: no data sets, and accuracy is measured or not reported")
        # BEGIN SOLUTION
        found = {
            name: BenchmarkResult("accuracy", [measure_accuracy(model, d) for d in self.datasets])
            for name, model in self.models.items()
        }
        # END SOLUTION
        self.results["accuracy"] = found
        return found

    def run_memory_benchmark(self, input_shape: tuple[int, ...] = (1, 28, 28)) -> dict[str, BenchmarkResult]:
        """MB (2^20 bytes) of each model: what it stores, and the worst moment of a call beside that (assignment 14)."""
        found = {}
        for name, model in self.models.items():
            # BEGIN SOLUTION
            peak = Profiler().measure_memory(model, Tensor(np.zeros(input_shape)))["peak_bytes"]
            stored = stored_size(model)
            parts = {"stored_bytes": stored, "peak_bytes": peak}
            found[name] = BenchmarkResult("memory", [(stored + peak) / MEGABYTE], parts, "MB")
            # END SOLUTION
        self.results["memory"] = found
        return found

    def compare_models(self, metric: str = "latency") -> list[dict[str, Any]]:
        """A row for each model, the best first: name, median, and the gain over the first model of the benchmark.

        Latency has the verdict of the paired comparison too; run the benchmark of the metric beforehand, or it is run.
        """
        runs = {
            "latency": self.run_latency_benchmark,
            "accuracy": self.run_accuracy_benchmark,
            "memory": self.run_memory_benchmark,
        }
        if metric not in runs:
            raise ValueError(f"compare_models: {metric} is none of {', '.join(runs)}")
        found = self.results.get(metric) or runs[metric]()  # type: ignore[operator]
        base, rows = found[next(iter(self.models))], []
        for name, result in found.items():
            gain = result.median / base.median if metric == "accuracy" else base.median / result.median
            row = {"name": name, "metric": metric, "median": result.median, "gain": gain}
            if metric == "latency":
                pairs = Comparison(base.values, result.values)
                row |= {"interval": list(pairs.interval[:2]), "p_value": pairs.p_value, "verdict": pairs.verdict}
            rows.append(row)
        return sorted(rows, key=lambda row: -row["gain"])


@contextmanager
def _all_answering(models: Mapping[str, Any]) -> Iterator[dict[str, Callable[[Any], Any]]]:
    """All models as functions at once; see `answering`."""
    if not models:
        yield {}
        return
    (name, model), *others = models.items()
    with answering(model) as answer, _all_answering(dict(others)) as rest:
        yield {name: answer, **rest}


def stored_size(model: Any) -> int:
    """Bytes of what a model keeps: of its state_dict, or of its parameters if it has none; 0 of a function."""
    if callable(getattr(model, "state_dict", None)):
        arrays = model.state_dict().values()
    else:
        arrays = [p.data for p in (model.parameters() if hasattr(model, "parameters") else ())]
    return sum(a.nbytes for a in {id(a): a for a in arrays}.values())


# ---- Task 7: in the form of MLPerf -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workload:
    """What MLPerf calls a benchmark: data with labels, and the accuracy below which no speed counts.

    Attributes:
        inputs: (N, ...). labels: (N,). target: the least accuracy, from 0 to 1.
    """

    name: str
    inputs: Array
    labels: Array
    target: float


def standard_workloads() -> dict[str, Workload]:
    """The course's own: TinyDigits (N, 1, 8, 8) and MNIST (N, 1, 28, 28), their test images."""
    found = {}
    for name, dataset, target in (("tiny_digits", TinyDigits(train=False), 0.90), ("mnist", MNIST(train=False), 0.97)):
        images, labels = dataset.gather(np.arange(len(dataset)))
        found[name] = Workload(name, images.data, labels.data, target)
    return found


def single_stream(model: Any, inputs: Array, queries: int, clock: Clock, seed: int = 0) -> list[float]:
    """Seconds of each of so many queries of one sample, the next asked when the one before is answered.

    Which sample is asked is drawn, with replacement, as MLPerf does: one input again and again would sit in the cache.
    A query beforehand is not counted.
    """
    # All queries (1, ...) are made before the first is asked.
    rng = np.random.default_rng(seed)
    samples = [Tensor(inputs[i : i + 1]) for i in rng.integers(0, len(inputs), queries)]
    with answering(model) as answer:
        # BEGIN SOLUTION
        answer(samples[0])
        return [seconds_a_call(answer, [(sample,)], clock) for sample in samples]
        # END SOLUTION


def offline(model: Any, inputs: Array, batch_size: int, clock: Clock) -> float:
    """Samples a second when all inputs are there at once and are answered batch by batch, the last one included.

    The first batch is answered once beforehand, which is not counted.
    """
    # BEGIN SOLUTION
    batches = [(Tensor(inputs[i : i + batch_size]),) for i in range(0, len(inputs), batch_size)]
    with answering(model) as answer:
        answer(*batches[0])
        seconds = seconds_a_call(answer, batches, clock) * len(batches)
    return len(inputs) / seconds if seconds else math.inf
    # END SOLUTION


class MLPerf:
    """Runs in the form of MLPerf Inference (Reddi et al., 2020, arXiv:1911.02549), small.

    Accuracy is measured on all data, apart from the clock. Two scenarios are timed: single-stream, whose result is the
    90th percentile of the latencies, and offline, whose result is samples a second. A run is valid if the accuracy
    reaches the target, however fast it is.

    Args:
        random_seed: of the queries that are asked.
        workloads: by name; the course's own by default.
        batch_size: of the offline scenario.
    """

    def __init__(
        self,
        random_seed: int = 42,
        workloads: Mapping[str, Workload] | None = None,
        clock: Clock = time.perf_counter,
        batch_size: int = 32,
    ):
        self.random_seed, self.clock, self.batch_size = random_seed, clock, batch_size
        self.workloads = dict(workloads) if workloads is not None else standard_workloads()

    def run_standard_benchmark(self, model: Any, benchmark_name: str, num_runs: int = 100) -> dict[str, Any]:
        """All of one workload, as plain data.

        Raises:
            KeyError: there is no workload of this name. ValueError: no queries.
        """
        if benchmark_name not in self.workloads:
            raise KeyError(f"there is no workload {benchmark_name}; there are {', '.join(self.workloads)}")
        if num_runs < 1:
            raise ValueError(f"run_standard_benchmark: num_runs >= 1, got {num_runs}")
        load = self.workloads[benchmark_name]
        # BEGIN SOLUTION
        accuracy = measure_accuracy(model, (load.inputs, load.labels))
        latencies = [1e3 * s for s in single_stream(model, load.inputs, num_runs, self.clock, self.random_seed)]
        rate = offline(model, load.inputs, self.batch_size, self.clock)
        valid = accuracy >= load.target
        # END SOLUTION
        result = BenchmarkResult("latency", latencies, unit="ms")
        return {
            "benchmark_name": benchmark_name,
            "accuracy": accuracy,
            "target_accuracy": load.target,
            "valid": valid,
            "single_stream": {
                "queries": num_runs,
                **{f"p{q:g}_ms": result.percentile(q) for q in (50, 90, 95, 99)},
                "median_interval_ms": list(result.interval[:2]),
                "outliers": len(result.outliers),
            },
            "offline": {"samples": len(load.inputs), "batch_size": self.batch_size, "samples_per_second": rate},
            "stored_bytes": stored_size(model),
        }

    def run_all_benchmarks(self, model: Any) -> dict[str, dict[str, Any]]:
        """Every workload. `model`: one for all of them, or a dict by workload, of which those given are run."""
        chosen = model if isinstance(model, Mapping) else dict.fromkeys(self.workloads, model)
        return {name: self.run_standard_benchmark(one, name) for name, one in chosen.items()}

    def generate_compliance_report(
        self, results: Mapping[str, Mapping[str, Any]], output_path: str | Path = "tinymlperf_report.json"
    ) -> str:
        """Write results with seed and versions as JSON, and return them as a text to read.

        The whole is valid if there are results and all of them are.
        """
        # BEGIN SOLUTION
        valid = bool(results) and all(r["valid"] for r in results.values())
        # END SOLUTION
        report = {
            "valid": valid,
            "seed": self.random_seed,
            "versions": {"python": platform.python_version(), "numpy": np.__version__},
            "machine": platform.machine(),
            "results": {name: dict(r) for name, r in results.items()},
        }
        Path(output_path).write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        lines = [f"{'workload':<14}{'accuracy':>10}{'target':>8}{'p90 ms':>10}{'p99 ms':>10}{'samples/s':>11}  valid"]
        for name, r in results.items():
            times = r["single_stream"]
            lines.append(
                f"{name:<14}{100 * r['accuracy']:>9.2f}%{100 * r['target_accuracy']:>7.1f}%{times['p90_ms']:>10.3f}"
                f"{times['p99_ms']:>10.3f}{r['offline']['samples_per_second']:>11.0f}  {'yes' if r['valid'] else 'no'}"
            )
        return "\n".join([*lines, "valid" if valid else "not valid: an accuracy is below its target"])


TinyMLPerf = MLPerf

# ---- Task 8: which optimization is worth it --------------------------------------------------------------------------


def analyze_optimization_techniques(
    base_model: Any,
    optimized_models: Any,
    datasets: Sequence[Any],
    pairs: int = 20,
    clock: Clock = time.perf_counter,
    seed: int = 0,
) -> dict[str, Any]:
    """What each optimized model gains and costs beside the base model, everything measured here and in the same run.

    Args:
        optimized_models: a dict by name, or a list.
        datasets: as for `Benchmark`; latency is that of single samples of the first one.

    Returns:
        {"base_metrics": {accuracy, latency_ms, stored_bytes}, "optimized_results": {name: the same},
        "improvements": {name: {speedup, interval, p_value, verdict, accuracy_change, size_ratio}},
        "pareto_front": names, "base" among them if nothing is better in one thing and no worse in others}.
    """
    models = {"base": base_model, **_named(optimized_models)}
    inputs, _ = next(_batches(datasets[0]))
    inputs, rng = _array(inputs), np.random.default_rng(seed)

    def draw() -> tuple[Any, ...]:
        i = rng.integers(len(inputs))
        return (Tensor(inputs[i : i + 1]),)

    benchmark = Benchmark(models, datasets)
    # Accuracy over all data sets is the mean of the values. All models take turns: one measure_in_turn for all.
    # BEGIN SOLUTION
    accuracy = {name: found.mean for name, found in benchmark.run_accuracy_benchmark().items()}
    with _all_answering(models) as runs:
        samples = measure_in_turn(runs, draw, pairs, clock=clock, seed=seed)
    metrics = {
        name: {
            "accuracy": accuracy[name],
            "latency_ms": 1e3 * float(np.median(samples[name])),
            "stored_bytes": stored_size(model),
        }
        for name, model in models.items()
    }
    improvements = {}
    for name in list(models)[1:]:
        pair = Comparison(samples["base"], samples[name])
        improvements[name] = {
            "speedup": pair.speedup,
            "interval": list(pair.interval[:2]),
            "p_value": pair.p_value,
            "verdict": pair.verdict,
            "accuracy_change": metrics[name]["accuracy"] - metrics["base"]["accuracy"],
            "size_ratio": metrics["base"]["stored_bytes"] / max(metrics[name]["stored_bytes"], 1),
        }
    front = pareto_front(metrics, {"accuracy": "max", "latency_ms": "min", "stored_bytes": "min"})
    # END SOLUTION
    return {
        "base_metrics": metrics.pop("base"),
        "optimized_results": metrics,
        "improvements": improvements,
        "pareto_front": front,
    }


# ---- given: everything at once, with pictures ------------------------------------------------------------------------


class BenchmarkSuite:
    """Latency, accuracy and memory of several models, with pictures and a text. Files go into `output_dir`.

    Args: as for `Benchmark`. The input of latency and memory has the shape of a sample of the first data set.
    """

    def __init__(
        self,
        models: Any,
        datasets: Sequence[Any] = (),
        output_dir: str | Path = "benchmark_results",
        measurement_runs: int = 10,
        clock: Clock = time.perf_counter,
    ):
        self.benchmark = Benchmark(models, datasets, measurement_runs=measurement_runs, clock=clock)
        self.output_dir = Path(output_dir)
        self.results: dict[str, dict[str, BenchmarkResult]] = {}

    def run_full_benchmark(self) -> dict[str, dict[str, BenchmarkResult]]:
        """{metric: {model: BenchmarkResult}}; accuracy only if there are data sets."""
        shape: tuple[int, ...] = (1, 28, 28)
        if self.benchmark.datasets:
            shape = (1, *_array(next(_batches(self.benchmark.datasets[0]))[0]).shape[1:])
            self.results["accuracy"] = self.benchmark.run_accuracy_benchmark()
        self.results["latency"] = self.benchmark.run_latency_benchmark(shape)
        self.results["memory"] = self.benchmark.run_memory_benchmark(shape)
        return self.results

    def _points(self) -> dict[str, dict[str, float]]:
        found = self.results or self.run_full_benchmark()
        return {name: {metric: found[metric][name].median for metric in found} for name in self.benchmark.models}

    def pareto(self) -> list[str]:
        """The models that no other is better than in everything."""
        points = self._points()
        better = {"accuracy": "max", "latency": "min", "memory": "min"}
        return pareto_front(points, {metric: better[metric] for metric in next(iter(points.values()))})

    def generate_report(self) -> str:
        """A text about all of it, also written to benchmark_report.md, the samples to benchmark_results.json."""
        points, front = self._points(), self.pareto()
        lines = ["# Benchmark", ""]
        for metric, found in self.results.items():
            lines += [f"## {metric}", "", *(f"- {name}: {result}" for name, result in found.items()), ""]
        lines += ["## Compared with the first", ""]
        lines += [
            f"- {row['name']}: {row['gain']:.3f} times the speed, {row['verdict']} (p = {row['p_value']:.2g})"
            for row in self.benchmark.compare_models("latency")
        ]
        lines += ["", f"Pareto front: {', '.join(front)}", ""]
        self.output_dir.mkdir(parents=True, exist_ok=True)
        text, plain = "\n".join(lines), {m: {n: r.to_dict() for n, r in f.items()} for m, f in self.results.items()}
        (self.output_dir / "benchmark_report.md").write_text(text, encoding="utf-8")
        data = {"points": points, "pareto_front": front, "results": plain}
        (self.output_dir / "benchmark_results.json").write_text(json.dumps(data, indent=2), encoding="utf-8")
        return text

    def plot_results(self, save_plots: bool = True) -> Any:
        """A panel for each metric, medians with their intervals; returns the figure (needs matplotlib)."""
        found = self.results or self.run_full_benchmark()
        return plots.benchmark_results(found, self._path("benchmark_comparison.png", save_plots))

    def plot_pareto_frontier(
        self, x_metric: str = "latency", y_metric: str = "accuracy", save_plots: bool = True
    ) -> Any:
        """All models in two of the metrics, those on the front of these two joined; returns the figure."""
        points = self._points()
        directions = {m: "max" if m == "accuracy" else "min" for m in (x_metric, y_metric)}
        front = pareto_front(points, directions)
        return plots.pareto(points, front, x_metric, y_metric, self._path("pareto_frontier.png", save_plots))

    def _path(self, name: str, save: bool) -> Path | None:
        if save:
            self.output_dir.mkdir(parents=True, exist_ok=True)
        return self.output_dir / name if save else None
