"""The report as one HTML file that needs nothing else: no network, no script, no font, no picture of its own.

Whatever comes from a student is text: Jinja2 escapes every value, characters that steer, hide or turn text are made
visible first, and the page's own policy forbids scripts and every request, should anything slip through after all.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autograder import record
from autograder.report import charts
from autograder.report.charts import Bars
from autograder.report.gather import Report
from autograder.report.stats import bar_edges

NAME = "report.html"
TEMPLATES = Path(__file__).with_name("templates")
SIDE_BY_SIDE = 40  # pairs are shown in full, at most; the others by name
UNSEEN = "�"


def write(report: Report, out: Path) -> Path:
    """Write the page into a folder; its path."""
    path = out / NAME
    record.write_bytes(path, render(report).encode("utf-8"))
    # Everybody's grades: for nobody else's eyes.
    path.chmod(0o600)
    return path


def render(report: Report) -> str:
    """The page's text."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )
    environment.filters.update(points=_points, percent=_percent, sure=_sure, when=_when, signed=_signed)
    style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    drawn = {bars.name: (bars, charts.histogram(bars)) for bars in _bars(report)}
    page = environment.get_template("report.html.j2")
    return page.render(report=report, style=style, drawn=drawn, pairs_shown=SIDE_BY_SIDE, linked=_linked(report))


def _bars(report: Report) -> tuple[Bars, ...]:
    edges = [low for low, _ in bar_edges(report.scores)] + [report.scores.possible]
    graded = report.graded
    return (
        Bars("scores", "Distribution of scores", "points", tuple(edges), report.scores.bars),
        charts.bars_of("seconds", "Seconds to grade a submission", "seconds", [e.attempt.seconds for e in graded]),
        charts.bars_of("memory", "Most memory that a case used", "MB", [e.memory_mb for e in graded]),
    )


def _linked(report: Report) -> dict[int, int]:
    """Where an attempt is shown: the number of a student's section."""
    return {page.entry.number: page.number for page in reversed(report.students) if page.entry is not None}


def _harmless(value: Any) -> Any:
    """Text without characters that cannot be seen but have an effect; our own markup as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "".join(c if c.isprintable() or c in "\n\t" else " " if c.isspace() else UNSEEN for c in value)
    return value


def _points(value: float | None) -> str:
    return "none" if value is None else f"{round(value, 2):g}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _sure(confidence: float) -> str:
    """A chance, as students are told it: nothing is certain."""
    return f"{min(99, 100 * confidence):.0f} %"


def _signed(value: float | None) -> str:
    return "n/a" if value is None else f"{value:+.2f}".replace("-", "−")


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M %Z}".strip() if moment else "unknown"
