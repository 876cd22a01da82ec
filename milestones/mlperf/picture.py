"""The picture of the run: the entry beside what it started from, and its points in every event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def draw(answers: dict[str, Any], save: Callable[[str, Any], None]) -> None:
    """`answers` holds the last answer of each probe."""
    import matplotlib.pyplot as plt

    if "compete" not in answers:
        return
    made = answers["compete"]
    sizes = {which: sum(a.nbytes for a in made[which].values()) / 1024 for which in ("baseline", "entry")}
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
    _bars(left, sizes, "KB that are stored", "{:,.0f}")
    _bars(
        middle,
        {"baseline": 1.0, "entry": made["claims"]["latency_ratio"]},
        "time of one image, by the baseline's",
        "{:.2f}",
    )
    events = {event.replace("_", " "): points for event, points in made["points"].items()}
    right.barh(list(events), list(events.values()), color="#31688e")
    right.axvline(1, color="0.3", linewidth=0.8, linestyle=":")
    for place, points in enumerate(events.values()):
        right.text(points, place, f" {points:.2f}", va="center", fontsize=8)
    right.margins(x=0.2)
    right.set(title="points, the baseline has 1")
    right.invert_yaxis()
    for ax in (left, middle, right):
        ax.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{made['claims']['accuracy']:.1%} of the held-out images read right")
    save("mlperf", figure)


def _bars(ax: Any, found: dict[str, float], title: str, form: str) -> None:
    ax.bar(list(found), list(found.values()), color=["0.7", "#31688e"], width=0.6)
    for place, value in enumerate(found.values()):
        ax.text(place, value, form.format(value), ha="center", va="bottom", fontsize=9)
    ax.set(title=title)
    ax.margins(y=0.15)
