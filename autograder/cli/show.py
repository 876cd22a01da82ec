"""How the commands print a case: its mark and colour, its message indented below it."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from autograder.judge.cases import CaseResult, Status

MARKS = {Status.PASSED: ("ok", "green"), Status.SKIPPED: ("--", "yellow"), Status.GRADER_ERROR: ("!!", "magenta")}


def plain_console() -> Console:
    """A console that neither wraps nor colours what it takes for numbers and paths."""
    return Console(highlight=False, soft_wrap=True)


def indented(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


def case_line(console: Console, result: CaseResult) -> None:
    """One case as it ends, with its message unless it passed."""
    mark, colour = MARKS.get(result.status, ("no", "red"))
    text = Text(f"  {mark} ", style=colour).append(f"{result.file}: {result.title}", style="default")
    console.print(text.append(f"  ({result.points:g})", style="dim"))
    if result.status is not Status.PASSED:
        console.print(Text(indented(result.told)))
