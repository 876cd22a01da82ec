"""`tito site`: the course site, built from the repository. Only options and printing happen here."""

from __future__ import annotations

import time
from pathlib import Path

import click

from autograder.course import load_course
from autograder.errors import UserError


@click.group("site")
def command() -> None:
    """The course site: handouts, executed labs, API reference, guides, milestones."""


@command.command("build")
@click.argument("assignments", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Its folder  [default: dist/site].")
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    help="Show the runs in this folder (such as runs/) on the pages of long milestones and recipes.",
)
@click.option("--no-execute", is_flag=True, help="No labs, no milestones: pages without outputs, for a look.")
@click.option("--serve", "serving", is_flag=True, help="Show it afterwards on this machine.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one.")
@click.option("--allow-weak-sandbox", is_flag=True, help="Run milestones although a protection is missing.")
def build_command(
    assignments: tuple[str, ...],
    out: Path | None,
    runs: Path | None,
    no_execute: bool,
    serving: bool,
    port: int,
    allow_weak_sandbox: bool,
) -> None:
    """Build the site of ASSIGNMENTS (default: all that are written) as a folder of static pages.

    Labs are executed on the reference; what was executed before and has not changed is taken from .tito/site. The build
    ends with an error, and the old site stays, if a link is broken or a page shows a line of a solution.
    """
    from autograder.site import Wish, build_site, serve

    course = load_course()
    if runs is not None and not runs.is_dir():
        raise UserError(f"there is no folder {runs}; `tito milestone run NAME` leaves runs in runs/NAME")
    started = time.monotonic()
    wish = Wish(assignments, runs, not no_execute, allow_weak_sandbox)
    built = build_site(course, out or course.root / "dist" / "site", wish, click.echo)
    click.echo(
        f"{built.pages} pages, {built.links} links within and {built.outward} outward, {built.figures} pictures,"
        f" {built.names} names; {len(built.executed)} labs executed, {len(built.kept)} kept;"
        f" {time.monotonic() - started:.0f} s"
    )
    click.echo(f"wrote {built.folder / 'index.html'}")
    if serving:
        serve(built.folder, port, click.echo)
