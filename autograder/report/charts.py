"""Drawings for the report, as inline SVG: they take the page's colours, scale with it and carry their numbers as text.

Every drawing has a name and a description for those who do not see it; the page puts the same numbers in a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

# In units of the drawing. Narrow, so that on a phone no label gets smaller than the page's small text.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 360, 190, 8, 8, 22, 40


@dataclass(frozen=True)
class Bars:
    """A histogram: how many lie between one edge and the next. `edges` are one more than `counts`."""

    name: str
    title: str
    unit: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def rows(self) -> tuple[tuple[str, int], ...]:
        """The same as a table."""
        spans = zip(self.edges, self.edges[1:], strict=False)
        return tuple((f"{low:g} to {high:g}", n) for (low, high), n in zip(spans, self.counts, strict=True))


def bars_of(name: str, title: str, unit: str, values: Sequence[float], count: int = 8) -> Bars:
    """A histogram over values from 0 on, in steps that read well."""
    step = _step(max(values, default=1.0) / count)
    edges = tuple(round(i * step, 6) for i in range(count + 1))
    counts = [0] * count
    for value in values:
        counts[min(count - 1, int(value / step))] += 1
    return Bars(name, title, unit, edges, tuple(counts))


def _step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, ... (and their tenths) that is at least `least`."""
    size = 0.001
    while True:
        for factor in (1, 2, 5):
            if size * factor >= least:
                return size * factor
        size *= 10


def histogram(bars: Bars) -> Markup:
    """The bars as SVG, each with its count above it."""
    most = max(bars.counts, default=0)
    total = sum(bars.counts)
    width = (WIDTH - LEFT - RIGHT) / max(1, len(bars.counts))
    floor = HEIGHT - BOTTOM
    parts = [_bar(LEFT + i * width, width, count, most, floor) for i, count in enumerate(bars.counts)]
    every = 2 if len(bars.edges) > 7 else 1
    parts += [
        Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="{}">{:g}</text>').format(
            LEFT + i * width, floor + 16, "start" if i == 0 else "end" if i == len(bars.counts) else "middle", edge
        )
        for i, edge in enumerate(bars.edges)
        if i % every == 0
    ]
    described = "; ".join(f"{span} {bars.unit}: {count}" for span, count in bars.rows if count)
    return Markup(
        '<svg role="img" aria-labelledby="{name}-t {name}-d" viewBox="0 0 {w} {h}" class="chart">'
        '<title id="{name}-t">{title}</title><desc id="{name}-d">{total} submissions. {described}</desc>'
        '{parts}<line class="axis" x1="{l}" x2="{r}" y1="{f}" y2="{f}"/>'
        '<text class="tick" x="{m:.0f}" y="{b}" text-anchor="middle">{unit}</text></svg>'
    ).format(
        name=bars.name, title=bars.title, total=total, described=described or "None.", parts=Markup("").join(parts),
        w=WIDTH, h=HEIGHT, l=LEFT, r=WIDTH - RIGHT, f=floor, m=WIDTH / 2, b=HEIGHT - 6, unit=bars.unit,
    )  # fmt: skip


def _bar(x: float, width: float, count: int, most: int, floor: int) -> Markup:
    height = (floor - TOP) * count / most if most else 0.0
    if not count:
        return Markup("")
    return Markup(
        '<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
        '<text class="count" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>'
    ).format(x + 1, floor - height, width - 2, height, x + width / 2, floor - height - 4, count)
