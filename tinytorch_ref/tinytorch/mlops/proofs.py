"""What the production code claims, tried at length: false alarms and power of detectors, errors of experiments, a loop.

    python -m tinytorch.mlops --out runs/mlops

runs on whatever composition it is started with and takes a minute or two. Every claim is a number with the bound that
it has to keep; the tests of assignment 20 try the same at a smaller scale. It writes a table, `proofs.json` and a
figure.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinytorch.mlops.abtest import ABTest
from tinytorch.mlops.drift import DriftDetector, bin_counts, bin_edges, index_of
from tinytorch.mlops.monitor import Retraining, RetrainingTrigger
from tinytorch.mlops.registry import ModelRegistry

Array = np.ndarray

REFERENCE, WINDOW, FEATURES = 1000, 100, 6
METHODS = ("ks", "psi")
SHIFTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Claim:
    """A share that was counted, the level that it must not exceed (or must reach), and how improbable the count is if
    the level is kept."""

    name: str
    count: int
    of: int
    level: float
    at_most: bool

    @property
    def share(self) -> float:
        return self.count / self.of

    @property
    def p_value(self) -> float:
        """The probability of a count as extreme as this one if the true share is the level."""
        worse = range(self.count, self.of + 1) if self.at_most else range(self.count + 1)
        return min(1.0, sum(_binomial(k, self.of, self.level) for k in worse))

    @property
    def is_kept(self) -> bool:
        """Whether the count is compatible with the claim, at one in a thousand."""
        return self.p_value > 0.001

    def __str__(self) -> str:
        limit = f"{'at most' if self.at_most else 'at least'} {self.level:.1%}"
        beyond = self.share > self.level if self.at_most else self.share < self.level
        verdict = "NOT KEPT" if not self.is_kept else f"kept: chance, p = {self.p_value:.2g}" if beyond else "kept"
        return f"{self.name:62} {self.count:5} of {self.of:5}  {self.share:6.2%}  {limit:15} {verdict}"


def _binomial(k: int, n: int, p: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p))


# ---- detectors


def alarms(method: str, alpha: float, windows: int, shift: float, seed: int, each: int = 5, **options: Any) -> int:
    """How many windows of WINDOW rows raise an alarm when one of FEATURES moved by `shift` deviations.

    A new reference is drawn after every `each` windows: the level is a promise over references and windows.
    """
    rng, count = np.random.default_rng(seed), 0
    for start in range(0, windows, each):
        detector = DriftDetector(rng.normal(size=(REFERENCE, FEATURES)), method, alpha, **options)
        for _ in range(min(each, windows - start)):
            live = rng.normal(size=(WINDOW, FEATURES))
            live[:, 0] += shift
            count += detector.check(live).drifted
    return count


def false_alarms(windows: int = 2000) -> list[Claim]:
    """Claims of both detectors at two levels, over `windows` windows without drift."""
    return [
        Claim(
            f"false alarms, {method}, {FEATURES} features, level {alpha:.0%}",
            alarms(method, alpha, windows, 0.0, 1),
            windows,
            alpha,
            True,
        )
        for method in METHODS
        for alpha in (0.01, 0.05)
    ]


def power_curves(windows: int = 400, alpha: float = 0.01) -> dict[str, list[float]]:
    """For each method the share of windows that raise an alarm, at each of SHIFTS."""
    return {m: [alarms(m, alpha, windows, shift, 2) / windows for shift in SHIFTS] for m in METHODS}


def rule_of_thumb(sizes: tuple[int, ...] = (50, 100, 200, 500, 1000), windows: int = 400) -> list[float]:
    """For each size of a window without drift how often the index of one feature exceeds 0.2."""
    rng, shares = np.random.default_rng(3), []
    for m in sizes:
        reference = rng.normal(size=REFERENCE)
        edges = bin_edges(reference)
        counts = np.stack([bin_counts(rng.normal(size=m), edges) for _ in range(windows)])
        shares.append(float((index_of(bin_counts(reference, edges), counts) > 0.2).mean()))
    return shares


# ---- experiments


def verdicts(rate: float, lift: float, looks: int, experiments: int, seed: int) -> float:
    """In how many experiments planned for a lift of 0.05 a verdict is reached, when the true lift is `lift`."""
    rng, count = np.random.default_rng(seed), 0
    step = ABTest("x", rate, 0.05, looks=looks).planned // looks
    for _ in range(experiments):
        test = ABTest("x", rate, 0.05, looks=looks)
        for a, b in zip(rng.binomial(step, rate, looks), rng.binomial(step, rate + lift, looks), strict=True):
            test.add("a", int(a), step)
            test.add("b", int(b), step)
        count += test.verdict().state in ("a better", "b better")
    return count


def peeked(looks: int, experiments: int, seed: int, step: int = 200, rate: float = 0.2) -> float:
    """The share of experiments without a difference in which any of `looks` looks exceeds 1.96, not corrected for."""
    rng = np.random.default_rng(seed)
    a, b = (rng.binomial(step, rate, (experiments, looks)).cumsum(axis=1) for _ in range(2))
    n = step * np.arange(1, looks + 1)
    pooled = (a + b) / (2 * n)
    z = (b - a) / n / np.sqrt(np.maximum(pooled * (1 - pooled) * 2 / n, 1e-12))
    return float((np.abs(z) > 1.96).any(axis=1).mean())


def experiment_errors(experiments: int = 10_000) -> list[Claim]:
    """Errors of the first kind at most 5 %, power of at least 80 %, with one look and with five."""
    claims = []
    for looks in (1, 5):
        name = f"{looks} look{'s' * (looks > 1)}"
        wrong, found = (verdicts(0.2, lift, looks, experiments, 4) for lift in (0.0, 0.05))
        # The normal approximation and the drawn bound leave the level to within a fiftieth.
        claims.append(Claim(f"A/B without a difference decided, {name}", wrong, experiments, 0.051, True))
        claims.append(Claim(f"A/B with the planned difference found, {name}", found, experiments, 0.8, False))
    return claims


# ---- the loop


def stream(windows: int, rows: int, seed: int, calm: int = 15) -> Iterator[tuple[Array, Array]]:
    """Two classes (rows, 2) whose centres stand still for `calm` windows and then go once around the origin."""
    rng = np.random.default_rng(seed)
    for t in range(windows):
        angle = 2 * math.pi * max(0, t - calm) / (windows - calm)
        y = rng.integers(0, 2, rows)
        away = np.where(y == 1, 1.5, -1.5)[:, None] * [math.cos(angle), math.sin(angle)]
        yield rng.normal(size=(rows, 2)) + away + [max(0, t - calm) * 0.04, 0.0], y


def train(X: Array, y: Array) -> dict[str, Array]:
    """The centres of both classes (2, features)."""
    return {"centres": np.stack([X[y == label].mean(axis=0) for label in (0, 1)])}


def predict(arrays: Any, X: Array) -> Array:
    """The nearer centre of each row."""
    return ((X[:, None] - arrays["centres"]) ** 2).sum(axis=2).argmin(axis=1)


def loop(windows: int = 80, rows: int = 200, seed: int = 5) -> tuple[list[float], list[float], list[Retraining]]:
    """Accuracy of each window with a model that stays and with the loop, and what the loop did."""
    first, *live = stream(windows + 1, rows, seed)
    with tempfile.TemporaryDirectory() as folder:
        registry = ModelRegistry(folder)
        registry.promote("m", registry.register("m", train(*first)))
        trigger = RetrainingTrigger(registry, "m", train, predict, first[0], accuracy_below=0.88, cooldown=2.0)
        stays, follows = [], []
        for t, (X, y) in enumerate(live):
            stays.append(float((predict(train(*first), X) == y).mean()))
            follows.append(float((predict(registry.load("m")[0], X) == y).mean()))
            trigger.observe(X, y, when=float(t))
        return stays, follows, trigger.events


# ---- all of it


def run(say: Callable[[str], None] = print, quick: bool = False) -> dict[str, Any]:
    """Try everything and tell it. `quick` takes a twentieth of the windows and experiments."""
    part = 20 if quick else 1
    claims = false_alarms(2000 // part)
    for claim in claims:
        say(str(claim))
    for claim in (errors := experiment_errors(10_000 // part)):
        say(str(claim))
    power = power_curves(400 // part)
    say(f"\npower at level 1 %, {REFERENCE} reference rows, windows of {WINDOW}, one of {FEATURES} features moved by")
    say("deviations  " + "".join(f"{shift:7.1f}" for shift in SHIFTS))
    for method, shares in power.items():
        say(f"{method:12}" + "".join(f"{share:7.1%}" for share in shares))
    sizes = (50, 100, 200, 500, 1000)
    thumb = rule_of_thumb(sizes, 400 // part)
    above = ", ".join(f"{s:.0%} at m = {m}" for m, s in zip(sizes, thumb, strict=True))
    say(f"\nindex above 0.2 without drift: {above}")
    looks = (1, 2, 5, 10, 20, 50)
    peeks = [peeked(k, 4000 // part, 6) for k in looks]
    say("wrong after uncorrected looks: " + ", ".join(f"{s:.0%} after {k}" for k, s in zip(looks, peeks, strict=True)))
    stays, follows, events = loop()
    late = slice(15, None)
    right = f"{np.mean(stays[late]):.1%} right with a model that stays, {np.mean(follows[late]):.1%} with the loop"
    say(f"\ndrifting stream: {right} ({len(events)} retrainings, {sum(e.promoted for e in events)} promoted)")
    return {
        "claims": [
            {"name": c.name, "count": c.count, "of": c.of, "level": c.level, "kept": c.is_kept} for c in claims + errors
        ],
        "shifts": SHIFTS,
        "power": power,
        "thumb": {"sizes": sizes, "shares": thumb},
        "peeking": {"looks": looks, "shares": peeks},
        "loop": {"stays": stays, "follows": follows, "promoted": [e.when for e in events if e.promoted]},
    }


def draw(found: dict[str, Any], path: Any) -> None:
    """The figure of everything that `run` found."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    blue, red, green, grey = "#31688e", "#d1495b", "#35b779", "0.6"
    plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
    fig, axes = plt.subplots(2, 2, figsize=(9, 6), layout="constrained", dpi=120)
    for method, colour in (("ks", blue), ("psi", green)):
        axes[0, 0].plot(found["shifts"], found["power"][method], "o-", color=colour, label=method, markersize=3)
    axes[0, 0].axhline(0.01, color=grey, linestyle="--", linewidth=1)
    axes[0, 0].set(xlabel="shift, deviations", ylabel="share of windows", title="Alarms at level 1 %")
    axes[0, 0].legend(frameon=False)
    axes[0, 1].semilogx(found["thumb"]["sizes"], found["thumb"]["shares"], "o-", color=red, markersize=3)
    axes[0, 1].set(xlabel="rows of a window", ylabel="share of windows", title="Index above 0.2 without drift")
    axes[1, 0].semilogx(found["peeking"]["looks"], found["peeking"]["shares"], "o-", color=red, markersize=3)
    axes[1, 0].axhline(0.05, color=grey, linestyle="--", linewidth=1)
    axes[1, 0].set(xlabel="uncorrected looks", ylabel="wrong experiments", title="Peeking", ylim=(0, None))
    axes[1, 1].plot(found["loop"]["stays"], color=red, label="model that stays")
    axes[1, 1].plot(found["loop"]["follows"], color=blue, label="with the loop")
    axes[1, 1].plot(found["loop"]["promoted"], [1.02] * len(found["loop"]["promoted"]), "v", color=grey, markersize=4)
    axes[1, 1].set(xlabel="window", ylabel="accuracy", title="A drifting stream; triangles: promotions", ylim=(0, 1.05))
    axes[1, 1].legend(frameon=False, loc="lower left")
    fig.savefig(path)
    plt.close(fig)
