"""`tito release`: write the zip that students get, after proving that it gives nothing away."""

from __future__ import annotations

import sys
import sysconfig
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.cli.show import plain_console
from autograder.course import Assignment, Course, load_course
from autograder.errors import UserError

if TYPE_CHECKING:
    from autograder.release.newcomer import Step

FOLDER = "tito neue Übung "  # newcomers' folders have blanks and umlauts
COLUMNS = {
    "first check": "first check",
    "check": "check",
    "watch": "later check",
    "lab": "lab on the stub",
    "grade": "graded",
}


@click.command("release")
@click.argument("assignments", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All assignments that are written (so does naming none).")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("dist"), show_default=True, metavar="DIR",
    help="Where to write aNN_name.zip.",
)  # fmt: skip
@click.option("--own-prerequisites", is_flag=True, help="Without the reference: students stand on their own layers.")
@click.option("--prove", is_flag=True, help="Play a newcomer with it: unzip, install, check, write, submit, grade.")
@click.option(
    "--network", is_flag=True,
    help="With --prove: the first newcomer installs from the network, as students do; the others stand on that.",
)  # fmt: skip
def command(
    assignments: tuple[str, ...], everything: bool, out: Path, own_prerequisites: bool, prove: bool, network: bool
) -> None:
    """Write the students' zip of ASSIGNMENTS (default: all that are written).

    The same course gives the same bytes. Nothing is written that holds a solution line of the assignment or a later
    one, a hidden case or a misconception. With --prove a table tells how each assignment went, and CPU seconds.
    """
    from autograder.release import release

    course = load_course()
    console = plain_console()
    named = () if everything else assignments
    proofs = _Proofs(console, course, network)
    with proofs:
        for chosen in [course.assignment(name) for name in named] or list(course.written()):
            try:
                made = release(course, chosen, out, own_prerequisites)
            except UserError as error:
                if not everything and len(assignments) == 1:
                    raise
                proofs.failed.append(chosen.key)
                console.print(Text(f"error: {error}", style="red"))
                continue
            line = f"wrote {made.path} ({made.files} files, {made.size >> 10} KB, sha256 {made.sha256[:12]})"
            console.print(Text(line))
            for note in made.notes:
                console.print(Text(note, style="yellow"))
            if prove:
                proofs.prove(chosen, made.path)
        proofs.summary()
    if proofs.failed:
        told = "not proved" if prove else "not written"
        console.print(Text(f"{told}: {', '.join(proofs.failed)}", style="red"))
        sys.exit(1)


class _Proofs(ExitStack):
    """Newcomers, one after another, and what is told of them in the end."""

    def __init__(self, console: Console, course: Course, network: bool):
        super().__init__()
        self.console, self.course = console, course
        self.packages = None if network else Path(sysconfig.get_path("purelib"))
        self.rows: dict[str, dict[str, Step]] = {}
        self.failed: list[str] = []

    def prove(self, assignment: Assignment, released: Path) -> None:
        from autograder.release import newcomer

        # A folder that others will stand on stays until the end.
        kept = self if self.packages is None else ExitStack()
        folder = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix=FOLDER)))
        steps = self.rows[assignment.key] = {}
        try:
            for step in newcomer.play(self.course, assignment, released, folder, self.packages):
                steps[step.name] = step
                self.console.print(Text(f"  {step.told} ({step.cpu_seconds:.1f} CPU s)", style="dim"))
            self.console.print(Text("  proved: from the zip to full marks", style="green"))
            if self.packages is None:
                self.packages = newcomer.site_packages(folder)
        except UserError as error:
            self.failed.append(assignment.key)
            self.console.print(Text(f"  {error}", style="red"))
        finally:
            if kept is not self:
                kept.close()

    def summary(self) -> None:
        if not self.rows:
            return
        table = Table("assignment", *COLUMNS.values(), box=None, pad_edge=False)
        for key, steps in self.rows.items():
            cells = [_cell(name, steps[name]) if name in steps else "-" for name in COLUMNS]
            table.add_row(key, *cells)
        self.console.print(table)
        proved = sum(key not in self.failed for key in self.rows)
        self.console.print(Text(f"{proved} of {len(self.rows)} proved", style="bold"))


def _cell(name: str, step: Step) -> str:
    if name in ("lab", "grade"):
        return " ".join(step.told.removeprefix("lab on the stub: ").removeprefix("graded: ").split()[:3]).rstrip(":")
    return f"{step.cpu_seconds:.2f}"
