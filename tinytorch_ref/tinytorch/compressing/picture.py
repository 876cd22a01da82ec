"""The picture of a run: accuracy against bits, against sparsity, and against bytes with the Pareto front.

Needs matplotlib, which is imported when something is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

BLUE, RED, GREEN, GREY = "#31688e", "#d1495b", "#35b779", "0.6"
TOO_NEAR = 12  # pixels: the height of a number
COLOURS = {"none": "0.2", "quantization": RED, "compression": BLUE}


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those (bytes, accuracy) that no other beats: none is as small and better, or as good and smaller; by bytes."""
    best, kept = float("-inf"), []
    for size, right in sorted(points, key=lambda point: (point[0], -point[1])):
        if right > best:
            kept.append((size, right))
            best = right
    return kept


def draw(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the picture of some networks, a row each; `runs` are as in compress.json."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 3.6 * len(runs)), layout="constrained", dpi=120)
    grid = figure.subplots(len(runs), 3, squeeze=False, width_ratios=(1, 1, 1.5))
    for axes, run in zip(grid, runs, strict=True):
        _bits(axes[0], run)
        _sparsity(axes[1], run)
        _pareto(axes[2], run)
        for ax in axes:
            ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def _limits(values: Sequence[float], baseline: float) -> tuple[float, float]:
    """From a little below the worst that is still useful, to a little above the best."""
    low = min([v for v in values if v > baseline - 12], default=baseline)
    return low - 0.8, max(*values, baseline) + 0.5


def _baseline(ax: Any, run: Mapping[str, Any]) -> float:
    right = 100 * run["rows"][0]["accuracy"]
    ax.axhline(right, color=GREY, linewidth=0.8)
    ax.axhline(right - 1, color=GREY, linewidth=0.8, linestyle=":")
    return right


def _bits(ax: Any, run: Mapping[str, Any]) -> None:
    right = _baseline(ax, run)
    bits, values = zip(*[(b, 100 * a) for b, a in run["bits"]], strict=True)
    ax.plot(bits, values, "o-", color=RED, markersize=4)
    ax.set(title=f"{run['title']}: bits", xlabel="bits a weight", ylabel="% right", ylim=_limits(values, right))


def _sparsity(ax: Any, run: Mapping[str, Any]) -> None:
    right = _baseline(ax, run)
    sparsity, before, after, _ = zip(*run["sparsity"], strict=True)
    for values, colour, label in ((before, GREEN, "as pruned"), (after, BLUE, "trained on, zeros kept")):
        ax.plot([100 * s for s in sparsity], [100 * v for v in values], "o-", color=colour, markersize=4, label=label)
    ax.set(title="zeros", xlabel="% of the weights", ylim=_limits([100 * v for v in (*before, *after)], right))
    ax.legend(frameon=False, fontsize=8, loc="lower left")


def _pareto(ax: Any, run: Mapping[str, Any]) -> None:
    right = _baseline(ax, run)
    points = [(row["stored"] / 1000, 100 * row["accuracy"]) for row in run["rows"]]
    ax.step(*zip(*front(points), strict=True), where="post", color=GREY, linewidth=1)
    for row, (size, value) in zip(run["rows"], points, strict=True):
        ax.plot(size, value, "o", color=COLOURS[row["technique"]], markersize=5)
    names = "\n".join(f"{i}  {row['name']}" for i, row in enumerate(run["rows"]))
    ax.text(1.02, 0.98, names, transform=ax.transAxes, fontsize=7.5, va="top")
    ax.axvline(points[0][0] / 4, color=GREY, linewidth=0.8, linestyle=":")
    ax.set(title="bytes, and the Pareto front", xlabel="kB stored", xscale="log")
    sizes = [size for size, _ in points]
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if min(sizes) / 1.5 < t < max(sizes) * 1.5]
    ax.set_xticks(ticks, [f"{t:,}" for t in ticks])
    ax.minorticks_off()
    ax.set_ylim(_limits([value for _, value in points], right))
    _number(ax, points)


def _number(ax: Any, points: Sequence[tuple[float, float]]) -> None:
    """Write beside each point its number; points that a number would cover share one label. Axes are set by now."""
    groups: list[list[int]] = []
    places = ax.transData.transform(points)
    for i, at in enumerate(places):
        near = [group for group in groups if (abs(places[group[0]] - at) < (2 * TOO_NEAR, TOO_NEAR)).all()]
        if near:
            near[0].append(i)
        else:
            groups.append([i])
    for group in groups:
        label = ", ".join(map(str, group))
        ax.annotate(label, points[group[-1]], xytext=(4, 4), textcoords="offset points", fontsize=8)
