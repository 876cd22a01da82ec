"""The report in short, for the terminal: what needs a person first, then the numbers."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.report.gather import Report
from autograder.report.stats import CaseStats, bar_edges

SHOWN = 10
HARDEST = 5
BAR = 40


def show(console: Console, report: Report) -> None:
    """Print the summary. What students wrote or are called is printed as text, without what would steer a terminal."""
    console.print(Text(f"{report.assignment.short} {report.assignment.title}: {len(report.graded)} graded, "
                       f"{len(report.rejected)} not graded, {len(report.missing)} missing", style="bold"))  # fmt: skip
    for fault in report.faults:
        console.print(_line(f"grader error: {fault.attempt.label}: {fault.why}", "bold magenta"))
        console.print(_line(f"    to do: {fault.remedy}"))
    for entry in report.rejected:
        console.print(_line(f"not graded: {entry.name}: {entry.attempt.rejected}", "red"))
    if report.graded:
        _scores(console, report)
        _cases(console, report)
    _misconceptions(console, report)
    if report.graded:
        _slowest(console, report)
    _similar(console, report)


def _line(text: str, style: str = "") -> Text:
    return Text("".join(c if c.isprintable() else " " for c in text), style=style)


def _heading(console: Console, text: str) -> None:
    console.print(Text(f"\n{text}", style="bold"))


def _scores(console: Console, report: Report) -> None:
    s = report.scores
    _heading(console, f"scores: mean {s.mean:.1f}, median {s.median:g}, middle half {s.lower_quarter:g} to "
                      f"{s.upper_quarter:g}, of {s.possible:g}")  # fmt: skip
    most = max(s.bars)
    for (low, high), count in zip(bar_edges(s), s.bars, strict=True):
        bar = "#" * (max(1, round(BAR * count / most)) if count else 0)
        console.print(f"  {low:>6g} to {high:<6g} {count:>4}  {bar}")


def _cases(console: Console, report: Report) -> None:
    failed = [case for case in report.cases if case.failed]
    hardest = sorted(failed, key=lambda case: case.share)[:HARDEST]
    _heading(console, f"cases: {len(report.cases)}, the hardest")
    made = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("#", "case", "passed", "telling"):
        made.add_column(heading, justify="left" if heading in ("#", "case") else "right")
    for case in hardest:
        telling = "n/a" if case.telling is None else f"{case.telling:+.2f}"
        made.add_row(case.number, _line(case.title), f"{100 * case.share:.0f} %", telling)
    console.print(made)
    for group in report.together:
        console.print(_line(f"  always fail together: {_numbers(group)} ({group[0].failed} submissions)"))
    if report.never:
        console.print(_line(f"  never failed: {_numbers(report.never)}"))


def _numbers(cases: tuple[CaseStats, ...]) -> str:
    return ", ".join(case.number for case in cases)


def _misconceptions(console: Console, report: Report) -> None:
    _heading(console, f"misconceptions: {len(report.held)} seen; {report.unexplained} submissions fail unexplained")
    for held in report.held[:SHOWN]:
        console.print(_line(f"  {len(held.entries):>4}  {held.misconception.title} ({held.misconception.id})"))
    if len(report.held) > SHOWN:
        console.print(f"        and {len(report.held) - SHOWN} more")


def _slowest(console: Console, report: Report) -> None:
    first = ", ".join(f"{entry.name} {entry.attempt.seconds:.1f} s" for entry in report.slowest[:HARDEST])
    most = max(entry.memory_mb for entry in report.graded)
    _heading(console, "time and memory")
    console.print(_line(f"  slowest: {first}"))
    console.print(f"  most memory of a case: {most:.0f} MB")


def _similar(console: Console, report: Report) -> None:
    if report.likeness is None:
        return
    found = report.likeness
    _heading(console, f"similar uploads: {len(found.clusters)} clusters among {found.compared} compared")
    for cluster in found.clusters:
        names = ", ".join(report.entry(number).name for number in cluster.members)
        console.print(_line(f"  {100 * cluster.pairs[0].share:.0f} %  {names}"))
    if found.shared:
        console.print(_line(f"  {len(found.shared.members)} consist of code that most have: see the page"))
