"""Pictures of a training run: learning curves, a confusion matrix, accuracy by class, the worst mistakes.

Needs matplotlib, which is imported when something is drawn. Assignment 7 offers the first two as
`plot_training_history` and `plot_confusion_matrix`; nobody has to write them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

BLUE, RED, GREY = "#31688e", "#d1495b", "0.6"


def training_history(history: Mapping[str, Sequence[float]], path: str | Path | None = None) -> Any:
    """Curves over epochs, one panel for the loss, one for each metric and one for the learning rate; returns the
    figure.

    Training is drawn in blue, validation in red with its best epoch marked. `path`: write the figure there as well.
    """
    names = [name for name in history if not name.startswith("val_") and name not in ("seconds", "train_loss", "lr")]
    panels = [("train_loss", "val_loss", "loss")] + [(name, f"val_{name}", name.replace("_", " ")) for name in names]
    figure = _figure(3.4 * (len(panels) + ("lr" in history)), 3.0)
    axes = figure.subplots(1, len(panels) + ("lr" in history), squeeze=False)[0]
    for ax, (train, val, title) in zip(axes, panels, strict=False):
        _curve(ax, history.get(train, ()), BLUE, "training")
        _curve(ax, history.get(val, ()), RED, "validation")
        _mark_best(ax, history.get(val, ()), title)
        ax.set(title=title, xlabel="epoch")
    if "lr" in history:
        _curve(axes[-1], history["lr"], GREY, "learning rate")
        axes[-1].set(title="learning rate", xlabel="epoch")
        axes[-1].set_ylim(bottom=0)
    axes[0].legend(frameon=False, fontsize=8)
    return _finished(figure, path)


def confusion(
    matrix: Any, classes: Sequence[str] | None = None, path: str | Path | None = None, title: str | None = None
) -> Any:
    """A (C, C) matrix of counts, rows the true class, columns the predicted one; returns the figure.

    Colour shows the share of a row, so that a rare class is as visible as a frequent one; right answers are blue,
    mistakes red. The counts stand in the cells.
    """
    counts = np.asarray(matrix)
    size = len(counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 1.6 + 0.42 * size
    figure = _figure(side + 0.4, side)
    ax = figure.subplots()
    right = np.ma.masked_where(~np.eye(size, dtype=bool), shares)
    wrong = np.ma.masked_where(np.eye(size, dtype=bool) | (counts == 0), shares)
    ax.imshow(right, cmap="Blues", vmin=0, vmax=1.15)
    worst = max(0.1, float(wrong.max()) if wrong.count() else 0.0)
    ax.imshow(wrong, cmap="Reds", vmin=-0.02, vmax=1.3 * worst)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            dark = shares[row, column] > (0.55 if row == column else 0.75 * worst)
            ax.text(column, row, f"{count:,}", ha="center", va="center", fontsize=7, color="w" if dark else "0.15")
    names = list(classes) if classes is not None else [str(i) for i in range(size)]
    ax.set(xticks=range(size), yticks=range(size), xlabel="predicted", ylabel="true")
    ax.set_xticklabels(names, rotation=45 if max(map(len, names)) > 3 else 0)
    ax.set_yticklabels(names)
    ax.tick_params(length=0)
    total = counts.sum()
    ax.set_title(
        title or (f"{np.trace(counts) / total:.2%} of {total:,} right" if total else "nothing counted"), fontsize=9
    )
    for spine in ax.spines.values():
        spine.set_visible(False)
    return _finished(figure, path)


def class_accuracy(matrix: Any, classes: Sequence[str], path: str | Path | None = None) -> Any:
    """A bar for each class of a (C, C) matrix of counts: the share of its samples that were recognised, best first."""
    counts = np.asarray(matrix)
    shares = np.diag(counts) / np.maximum(counts.sum(axis=1), 1)
    order = np.argsort(shares)
    figure = _figure(5.2, 0.9 + 0.28 * len(counts))
    ax = figure.subplots()
    ax.barh(range(len(order)), shares[order], color=BLUE, height=0.7)
    for place, share in enumerate(shares[order]):
        ax.text(0.015, place, f"{share:.1%}", va="center", ha="left", fontsize=8, color="w")
    ax.axvline(np.trace(counts) / max(1, counts.sum()), color=RED, lw=1.2)
    ax.set(yticks=range(len(order)), xlim=(0, 1), xlabel="share recognised (red: all classes together)")
    ax.set_yticklabels([classes[i] for i in order])
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(length=0)
    return _finished(figure, path)


def mistakes(
    images: np.ndarray,
    truth: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    path: str | Path | None = None,
    columns: int = 8,
    rows: int = 4,
) -> Any:
    """The mistakes that a network was surest of: images (N, 1 or 3, H, W) of bytes, labels (N,), probabilities (N, C).

    Above each image stands what it is, and what it was taken for with which probability.
    """
    taken = probabilities.argmax(axis=1)
    sure = np.where(taken == truth, -1.0, probabilities.max(axis=1))
    worst = [i for i in np.argsort(-sure)[: columns * rows] if sure[i] >= 0]
    figure = _figure(1.25 * columns, 1.5 * rows)
    for ax in figure.subplots(rows, columns).flat:
        ax.axis("off")
    for ax, i in zip(figure.axes, worst, strict=False):
        ax.imshow(images[i].transpose(1, 2, 0).squeeze(), cmap="gray", interpolation="nearest")
        ax.set_title(f"{classes[truth[i]]}\n{classes[taken[i]]} {sure[i]:.0%}", fontsize=7, pad=2)
    return _finished(figure, path)


def benchmark_results(results: Mapping[str, Mapping[str, Any]], path: str | Path | None = None) -> Any:
    """A panel for each metric, a bar for each model's median with the interval around it; returns the figure.

    `results` is {metric: {model: assignment 19's BenchmarkResult}}.
    """
    figure = _figure(3.8 * len(results), 0.9 + 0.42 * max(map(len, results.values())))
    for ax, (metric, found) in zip(figure.subplots(1, len(results), squeeze=False)[0], results.items(), strict=True):
        for i, result in enumerate(found.values()):
            ax.barh(i, result.median, color=BLUE, height=0.6)
            ax.plot(result.interval[:2], [i, i], color=RED, linewidth=2)
        ax.set(xlabel=next(iter(found.values())).unit, title=metric)
        ax.set_yticks(range(len(found)), list(found))
        ax.invert_yaxis()
    return _finished(figure, path)


def pareto(
    points: Mapping[str, Mapping[str, float]],
    front: Sequence[str],
    x_metric: str,
    y_metric: str,
    path: str | Path | None = None,
) -> Any:
    """All points in two of their metrics, those on the front blue and joined; returns the figure."""
    figure = _figure(4.6, 3.4)
    ax = figure.subplots()
    order = sorted(front, key=lambda name: points[name][x_metric])
    ax.plot([points[n][x_metric] for n in order], [points[n][y_metric] for n in order], color=BLUE, linewidth=1)
    for name, point in points.items():
        ax.plot(point[x_metric], point[y_metric], "o", color=BLUE if name in front else GREY)
        ax.annotate(f" {name}", (point[x_metric], point[y_metric]), fontsize=8)
    ax.set(xlabel=x_metric, ylabel=y_metric)
    ax.margins(0.15)
    return _finished(figure, path)


def _figure(width: float, height: float) -> Any:
    import matplotlib.pyplot as plt

    return plt.figure(figsize=(width, height), layout="constrained", dpi=110)


def _curve(ax: Any, values: Sequence[float], colour: str, label: str) -> None:
    if len(values):
        mark = "o" if len(values) < 30 else ""
        ax.plot(range(1, len(values) + 1), values, mark + "-", color=colour, markersize=3, label=label)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="0.92")
    ax.xaxis.get_major_locator().set_params(integer=True)


def _mark_best(ax: Any, values: Sequence[float], title: str) -> None:
    """A ring around the best validation value, and its number."""
    if not len(values) or not np.isfinite(values).any():
        return
    best = int(np.nanargmin(values) if title == "loss" else np.nanargmax(values))
    ax.plot([best + 1], [values[best]], "o", markersize=9, markerfacecolor="none", color=RED)
    ax.annotate(f"{values[best]:.4g}", (best + 1, values[best]), (0, 9), textcoords="offset points", fontsize=8,
                color=RED, ha="center")  # fmt: skip


def _finished(figure: Any, path: str | Path | None) -> Any:
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    return figure
