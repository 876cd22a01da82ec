"""The picture of a benchmark: the ramp, overload, swaps and the stop, a panel each. Needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tinytorch.plots import BLUE, GREY, RED

GREEN = "#3b8c5a"
# How a request ended -> colour and words
ENDS = {"200": (BLUE, "answered"), "503": (RED, "refused (503)"), "unreachable": (GREY, "found nobody")}


def draw(report: Any, path: Path) -> None:
    """Draw a `bench.Report` into a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogFormatter

    figure, axes = plt.subplots(2, 2, figsize=(11, 7.2), layout="constrained", dpi=110)
    _ramp(axes[0, 0], report)
    _overload(axes[0, 1], report.overload)
    _swaps(axes[1, 0], report.swapping, report.swaps)
    _stop(axes[1, 1], report.stopping, report.stopped_at)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        if ax.get_yscale() == "log":  # 200, not 2 x 10^2
            for ticks in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
                ticks(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.6)))
        ax.grid(axis="y", color="0.92")
        ax.set_axisbelow(True)
    figure.savefig(path)
    plt.close(figure)


def _ramp(ax: Any, report: Any) -> None:
    """Latency against rate, up to the first rate that is not held."""
    rates = [step.rate for step in report.ramp]
    p50, p99 = np.array([step.result.percentiles(50, 99) for step in report.ramp]).T
    ax.plot(rates, p50, "o-", color=BLUE, ms=4, label="median")
    ax.plot(rates, p99, "s--", color=RED, ms=4, label="99 % within")
    ax.axhline(report.limit, color=GREY, lw=1, ls=":")
    ax.text(rates[0], report.limit, f" limit {report.limit:g} ms", va="bottom", fontsize=8, color="0.4")
    if report.held:
        ax.axvline(report.held.rate, color=GREEN, lw=1)
        words = f"held: {report.held.rate:.0f}/s "
        ax.text(report.held.rate, 0.02, words, ha="right", color=GREEN, fontsize=8, transform=ax.get_xaxis_transform())
    ax.set(xscale="log", yscale="log", xlabel="requests a second", ylabel="milliseconds", title="latency against rate")
    ax.set_xticks(rates, [f"{rate:.0f}" for rate in rates])
    ax.minorticks_off()
    ax.set_ylim(top=2 * max(report.limit, p99.max()))
    ax.legend(frameon=False, fontsize=8, loc="center left")


def _overload(ax: Any, result: Any) -> None:
    """What became of the requests of each half second."""
    edges = np.arange(0, result.plan.seconds + 0.25, 0.5)
    below = np.zeros(len(edges) - 1)
    for end, (colour, words) in ENDS.items():
        times = [due for due, outcome in zip(result.due, result.outcome, strict=True) if outcome == end]
        counts = np.histogram(times, edges)[0] * 2
        if counts.any():
            ax.bar(edges[:-1], counts, 0.45, bottom=below, align="edge", color=colour, label=words)
        below += counts
    ax.set(
        xlabel="seconds",
        ylabel="requests a second",
        title=f"at {result.plan.rate:.0f} requests a second, beyond what is held",
    )
    ax.set_ylim(top=1.2 * max(below.max(), 1))
    ax.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")


def _swaps(ax: Any, result: Any, swaps: tuple[float, ...]) -> None:
    """Every request by the version that answered it."""
    for version, colour in ((1, BLUE), (2, GREEN)):
        chosen = result.version == version
        ax.plot(result.due[chosen], result.latency[chosen] * 1000, ".", ms=4, color=colour, label=f"version {version}")
    for at in swaps:
        ax.axvline(at, color=GREY, lw=0.8, ls=":")
    failed = np.array([o not in ("200", "503") for o in result.outcome])
    if failed.any():
        ax.plot(result.due[failed], result.latency[failed] * 1000, "x", color=RED, label="failed")
    title = f"{len(swaps)} swaps under load: {result.failed} of {len(result.outcome)} requests failed"
    ax.set(xlabel="seconds (dotted: promoted)", ylabel="milliseconds", yscale="log", title=title)
    ax.legend(framealpha=0.9, edgecolor="1", fontsize=8, loc="upper right")


def _stop(ax: Any, result: Any, at: float) -> None:
    """How every request ended, before and after the signal."""
    rows = [*ENDS, "lost"]
    for place, end in enumerate(rows):
        times = [due for due, outcome in zip(result.due, result.outcome, strict=True) if outcome == end]
        colour, words = ENDS.get(end, (RED, "lost"))
        ax.plot(times, np.full(len(times), place), "|", color=colour, ms=14)
        ax.text(1.01, place, f"{words}: {len(times)}", fontsize=8, va="center", transform=ax.get_yaxis_transform())
    ax.axvline(at, color=GREY, lw=1)
    ax.text(at, len(rows) - 0.45, " SIGTERM", fontsize=8, color="0.4")
    ax.set(ylim=(-0.6, len(rows) - 0.2), yticks=[], xlabel="seconds", title=f"stopped under load: {result.lost} lost")
