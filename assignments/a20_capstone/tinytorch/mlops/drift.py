"""Has the world changed since the model was trained? Tests that compare a window of live data with a reference.

A detector that compares ten features every minute makes 14,400 comparisons a day, so what counts is how often it cries
wolf. Everything here has a level: the probability of an alarm when nothing changed. It is said beforehand and kept,
over all features together. What to do after an alarm is decided elsewhere (monitor).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

Array = np.ndarray

# ---- Task 4: Kolmogorov and Smirnov ----------------------------------------------------------------------------------


def ks_statistic(a: Any, b: Any) -> float:
    """The greatest distance between the distribution functions of two samples (n,) and (m,), a number in [0, 1].

    F(x) is the share of a sample that is at most x. Equal values are allowed, within a sample and across.

    Raises:
        ValueError: a sample that is empty or holds NaN.
    """
    a, b = _sample(a, "a"), _sample(b, "b")
    # The distance changes only at values of the samples. np.searchsorted(sorted, x, side="right") counts how many are
    # at most x, for all x at once. All equal values have to be counted before distances are taken.
    raise NotImplementedError("a20_capstone: ks_statistic is yours to write")


def kolmogorov_tail(x: float) -> float:
    """Q(x) = 2 Σ (-1)^(k-1) exp(-2 k² x²), k = 1, 2, ...: how probable it is that a Kolmogorov variable exceeds x."""
    # The sum alternates. Twenty terms are more than enough above 0.3; below that Q is 1 to twelve digits and the sum
    # needs too many terms to say so.
    raise NotImplementedError("a20_capstone: kolmogorov_tail is yours to write")


def ks_test(a: Any, b: Any) -> tuple[float, float]:
    """Statistic and p-value of the two-sample Kolmogorov-Smirnov test (two-sided).

    The p-value is how probable so large a statistic is if both samples come from one distribution. It holds for
    samples of any two sizes; ties make it larger than it need be, never smaller.
    """
    raise NotImplementedError("a20_capstone: ks_test is yours to write")


def ks_p_value(statistic: float, n: int, m: int) -> float:
    """The p-value of a statistic from samples of n and m.

    Exact by counting paths (given) if n m is at most EXACT; beyond that Kolmogorov's tail at (r + 0.12 + 0.11 / r) D,
    where r = √(n m / (n + m)) (Stephens 1970), which is right to a tenth.
    """
    raise NotImplementedError("a20_capstone: ks_p_value is yours to write")


EXACT = 10_000


@lru_cache(maxsize=4096)
def paths_that_reach(distance: int, n: int, m: int) -> float:
    """The share of all orders of n a's and m b's in which |i / n - j / m| reaches distance / (n m) somewhere (given).

    i and j count the a's and b's so far, so an order is a path from (0, 0) to (n, m), and if both samples come from
    one distribution all paths are equally probable. The paths that stay inside are counted row by row: as many lead to
    (i, j) as to (i - 1, j) and (i, j - 1) together, which along a row is a running sum. Source: Hodges 1958.
    """
    n, m = min(n, m), max(n, m)
    j = np.arange(m + 1)
    row, scale = np.where(j * n < distance, 1.0, 0.0), 0.0
    for i in range(1, n + 1):
        row[np.abs(i * m - j * n) >= distance] = 0.0
        row = row.cumsum()
        row[np.abs(i * m - j * n) >= distance] = 0.0
        largest = row.max()
        if largest == 0.0:
            return 1.0
        row /= largest  # counts outgrow floats: their common factor is kept as a logarithm
        scale += math.log(largest)
    if row[-1] == 0.0:
        return 1.0
    paths = math.lgamma(n + m + 1) - math.lgamma(n + 1) - math.lgamma(m + 1)
    return max(-math.expm1(scale + math.log(row[-1]) - paths), 0.0)


def _sample(values: Any, name: str) -> Array:
    """A sample as a flat float64 array; ValueError if it is empty or holds NaN (given)."""
    values = np.asarray(values, np.float64).reshape(-1)
    if values.size == 0:
        raise ValueError(f"the sample {name} is empty; a distribution needs values")
    if np.isnan(values).any():
        raise ValueError(f"the sample {name} holds {int(np.isnan(values).sum())} NaN; drop or fill them first")
    return values


# ---- Task 5: the population stability index --------------------------------------------------------------------------


def bin_edges(reference: Any, bins: int = 10) -> Array:
    """The inner edges of bins that hold about as many reference values each: (bins - 1,) or fewer, ascending.

    The first bin reaches down to minus infinity, the last one up to infinity, so every live value falls into one.
    Where many reference values are equal, edges would coincide; each is kept once, and there are fewer bins.
    """
    raise NotImplementedError("a20_capstone: bin_edges is yours to write")


def bin_counts(values: Any, edges: Array) -> Array:
    """How many values fall into each bin: (len(edges) + 1,). A value at an edge belongs to the bin above it."""
    raise NotImplementedError("a20_capstone: bin_counts is yours to write")


def index_of(reference: Array, live: Array) -> Array:
    """PSI = Σ (q - p) ln(q / p) from counts (..., bins) of reference and live values -> (...,).

    p and q are the shares. An empty bin would make the logarithm infinite, so half a value is added to every bin.
    """
    # The shares of one distribution add up to 1, with the halves too: divide by n + bins / 2.
    raise NotImplementedError("a20_capstone: index_of is yours to write")


def psi(reference: Any, live: Any, bins: int = 10) -> float:
    """The population stability index of live values (m,) against a reference (n,): 0 if all shares agree.

    The bins come from the reference and from nothing else, so that every window is measured with the same ruler.
    """
    raise NotImplementedError("a20_capstone: psi is yours to write")


def psi_under_no_drift(reference_counts: Array, m: int, samples: int, rng: np.random.Generator) -> Array:
    """Values of the index for windows of m from the reference's own distribution, sorted: (samples,).

    "Above 0.2 is drift" is a rule of thumb that knows neither n nor m: a window of 50 exceeds it by chance. What chance
    does can be drawn instead. The shares of the bins are not known, only their counts: they are drawn too, from the
    Dirichlet distribution that the counts leave possible, and then the window's counts from them.
    """
    # rng.dirichlet(counts, size=samples) -> (samples, bins); rng.multinomial(m, shares) takes all rows at once. An
    # empty reference bin has the parameter 0, which Dirichlet does not take: use at least 0.5.
    raise NotImplementedError("a20_capstone: psi_under_no_drift is yours to write")


# ---- Task 6: many features, one level --------------------------------------------------------------------------------


def holm(p_values: Sequence[float] | Array, alpha: float) -> Array:
    """Which of k hypotheses are rejected so that any false rejection has probability alpha at most: bools (k,).

    Holm 1979: the smallest p-value is compared with alpha / k, the next one with alpha / (k - 1), and so on, until the
    first that is larger; it and all after it are kept. Never fewer rejections than Bonferroni's alpha / k for all.
    """
    raise NotImplementedError("a20_capstone: holm is yours to write")


@dataclass(frozen=True)
class DriftReport:
    """What a check found. One statistic and one (uncorrected) p-value a feature; `features` are the places of those
    that drifted, by Holm's rule. `drifted` is whether there are any."""

    drifted: bool
    statistics: tuple[float, ...]
    p_values: tuple[float, ...]
    features: tuple[int, ...]


class DriftDetector:
    """Compares windows of live data with a reference, feature by feature.

    Args:
        reference: (n, features), or (n,) for a single feature: data of the time when the model was trained. It should
            be several times as large as a window: an odd reference makes every window look odd.
        method: "ks" for Kolmogorov-Smirnov, "psi" for the population stability index.
        alpha: the probability that a check raises an alarm although nothing changed, over all features together.
        bins: of the index.
        samples: how many windows without drift are drawn to judge the index by; by default enough for alpha.
        seed: of these draws.
    """

    def __init__(
        self,
        reference: Any,
        method: Literal["ks", "psi"] = "ks",
        alpha: float = 0.01,
        bins: int = 10,
        samples: int | None = None,
        seed: int = 0,
    ):
        reference = _table(reference, None)
        if method not in ("ks", "psi"):
            raise ValueError(f"method is 'ks' or 'psi', got {method!r}")
        if not 0 < alpha < 1:
            raise ValueError(f"alpha is a probability between 0 and 1, got {alpha}")
        self.method, self.alpha, self.bins, self.seed = method, alpha, bins, seed
        self.columns = [np.sort(column) for column in reference.T]
        # The smallest p-value of a draw is 1 / (samples + 1), and Holm compares it with alpha / features.
        self.samples = samples or min(max(10_000, math.ceil(20 * len(self.columns) / alpha)), 200_000)
        self.edges = [bin_edges(column, bins) for column in self.columns] if method == "psi" else []
        self.counts = [bin_counts(c, e) for c, e in zip(self.columns, self.edges, strict=True)] if self.edges else []
        self._drawn: dict[tuple[Any, ...], Array] = {}

    def check(self, window: Any) -> DriftReport:
        """Compare a window (m, features), or (m,) for a single feature, with the reference.

        Raises:
            ValueError: another number of features, no rows, or NaN; names them.
        """
        window = _table(window, len(self.columns))
        # One pair (statistic, p-value) a feature, then Holm over all of them.
        raise NotImplementedError("a20_capstone: DriftDetector.check is yours to write")

    def _ks(self, feature: int, values: Array) -> tuple[float, float]:
        """Statistic and p-value of a feature's live values (m,)."""
        raise NotImplementedError("a20_capstone: DriftDetector._ks is yours to write")

    def _psi(self, feature: int, values: Array) -> tuple[float, float]:
        """Index and p-value of a feature's live values (m,): the share of drawn windows whose index is as large."""
        # With the window itself among the draws: (1 + how many) / (1 + samples), never 0. self._no_drift(feature, m)
        # are the drawn ones, sorted.
        raise NotImplementedError("a20_capstone: DriftDetector._psi is yours to write")

    def _no_drift(self, feature: int, m: int) -> Array:
        """Indices of windows of m without drift, drawn once for the same counts and m (given)."""
        key = (m, *self.counts[feature])
        if key not in self._drawn:
            rng = np.random.default_rng(self.seed)
            self._drawn[key] = psi_under_no_drift(self.counts[feature], m, self.samples, rng)
        return self._drawn[key]


def _table(values: Any, features: int | None) -> Array:
    """Data as float64 (n, features); ValueError if it is something else (given)."""
    table = np.asarray(values, np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"data is (rows, features) with at least one of each, got shape {np.shape(values)}")
    if features is not None and table.shape[1] != features:
        raise ValueError(f"the window has {table.shape[1]} features and the reference {features}; give the same ones")
    if np.isnan(table).any():
        bad = np.flatnonzero(np.isnan(table).any(axis=0)).tolist()
        raise ValueError(f"features {bad} hold NaN; drop or fill them first")
    return table
