"""`tito prove`: what is claimed of batches, of the cases and of `tito blame`, shown at length."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.cli.show import plain_console
from autograder.course import load_course

if TYPE_CHECKING:
    from autograder.prove.runs import Disturbed, Model, Proof, Rate, Wrong
    from autograder.prove.stacks import Tried

SMALL = ("perceptron", "xor", "backprop")
LEAST_DOUBLES = 0.9
PARTS = ("scores", "kills", "cluster", "rate")
SIZES = ((300, 2), (10_000, 20), (100_000, 200))  # submissions, workers


@click.group("prove")
def command() -> None:
    """Proofs that take minutes."""


@command.command("batch")
@click.argument("assignment")
@click.option("--count", type=click.IntRange(min=10), default=300, show_default=True, help="Submissions to make.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Judges at once.")
@click.option("--kills", type=click.IntRange(min=1), default=20, show_default=True, help="SIGKILLs at random moments.")
@click.option("--workers", type=click.IntRange(min=2), default=2, show_default=True, help="Dask workers to begin with.")
@click.option("--rate-over", type=click.IntRange(min=1), default=60, show_default=True, help="Submissions timed.")
@click.option("--price", type=float, default=0.05, show_default=True, help="Of one core for an hour, for the costs.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Only this; may be repeated.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of choices and moments.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Keep everything here.")
def batch(
    assignment: str,
    count: int,
    jobs: int,
    kills: int,
    workers: int,
    rate_over: int,
    price: float,
    parts: tuple[str, ...],
    seed: int,
    out: Path | None,
) -> None:
    """Grade submissions of known scores: all right? The same when killed 20 times, and on a changing cluster?

    Solutions, stubs, misconceptions and mixtures of two, hostile and malformed uploads to ASSIGNMENT, in zips, folders
    and notebooks. Exit status 1 when a score or a run is not what it must be.
    """
    from autograder.prove import programs, runs

    course = load_course()
    chosen = course.assignment(assignment)
    console = plain_console()
    made = programs.make(course, chosen, count, seed)
    kinds = Counter(program.kind for program in made)
    console.print(f"{count} submissions: " + ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())))
    wanted = parts or PARTS
    good = True
    with tempfile.TemporaryDirectory(prefix="tito-prove-") if out is None else nullcontext(str(out)) as place:
        proof = runs.Proof(course, chosen, made, Path(place).absolute(), lambda text: _dim(console, text))
        wrong = proof.grade_undisturbed(jobs)
        good &= _tell_scores(console, proof, wrong)
        if "kills" in wanted:
            good &= _tell_run(console, "killed and gone on with", proof.grade_killed(jobs, kills, seed))
        if "cluster" in wanted:
            good &= _tell_run(
                console, "on a cluster that loses a worker and gains one", proof.grade_on_cluster(workers)
            )
        if "rate" in wanted:
            found = proof.rates(min(rate_over, count), (1, 2))
            _tell_rates(console, found, runs.model_of(found[0], runs.startup_seconds()), price)
    sys.exit(0 if good else 1)


def _dim(console: Console, text: str) -> None:
    console.print(Text(text, style="dim"))


def _tell_scores(console: Console, proof: Proof, wrong: list[Wrong]) -> bool:
    total = len(proof.programs)
    console.print(
        Text(f"scores: {total - len(wrong)} of {total} as they must be", style="bold red" if wrong else "bold")
    )
    for one in wrong:
        console.print(Text(f"  {one.program.name}: must get {one.program.score:g}, got {one.got}"))
    return not wrong


def _tell_run(console: Console, what: str, found: Disturbed) -> bool:
    said = f"{len(found.different)} differences" if found.different else "the results of the undisturbed run, exactly"
    times = f" ({found.times} times)" if found.times > 1 else ""
    console.print(Text(f"{what}{times}: {said}", style="bold red" if found.different else "bold"))
    for name in found.different[:20]:
        console.print(Text(f"  {name}"))
    return not found.different


def _tell_rates(console: Console, rates: list[Rate], model: Model, price: float) -> None:
    for rate in rates:
        console.print(
            f"{rate.jobs} processes: {rate.count} submissions in {rate.seconds:.1f} s, {rate.per_minute:.1f} a minute, "
            f"{rate.cpu_seconds / rate.count:.2f} CPU s each"
        )
    console.print(f"from one process to two: {rates[1].per_minute / rates[0].per_minute:.2f} times the rate")
    console.print(
        f"model: {model.submission:.2f} CPU s a submission, {model.startup:.1f} CPU s to start a worker,"
        f" {model.wall:.2f} s by the clock for each CPU s"
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("submissions", "workers", "time", "core hours", f"at {price:g} a core hour"):
        table.add_column(heading, justify="right")
    for count, workers in SIZES:
        cost = model.cost(count, workers)
        time = f"{cost.hours:.1f} h" if cost.hours >= 1 else f"{60 * cost.hours:.0f} min"
        row = (f"{count:,}", str(workers), time, f"{cost.core_hours:.1f}", f"{cost.core_hours * price:.2f}")
        table.add_row(*row)
    console.print(table)


@command.command("draws")
@click.argument("assignments", nargs=-1)
@click.option("--draws", type=click.IntRange(min=1), default=300, show_default=True, help="Of every case.")
@click.option("--first", type=click.IntRange(min=0), default=0, show_default=True, help="Seed, to go on with others.")
@click.option("--seconds", type=click.FloatRange(min=0), default=20.0, show_default=True, help="At most, for a case.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Test files at once.")
def draws(assignments: tuple[str, ...], draws: int, first: int, seconds: float, jobs: int) -> None:
    """Does a right program pass whatever is drawn? The cases of ASSIGNMENTS (all) on the reference, many times.

    A case that is slow gets fewer draws; the table says how many the poorest got. Exit status 1 if any draw fails.
    """
    from autograder.prove.draws import try_draws

    course, console = load_course(), plain_console()
    keys = [course.assignment(name).key for name in assignments] or [a.key for a in course.written()]
    found = {key: [] for key in keys}
    for lucks in try_draws(course, keys, range(first, first + draws), seconds, jobs):
        _dim(console, f"{lucks[0].assignment} {lucks[0].case.partition('.')[0]}: {sum(x.draws for x in lucks)} draws")
        for luck in lucks:
            found[luck.assignment].append(luck)
            if luck.failures:
                words = f"{luck.assignment} {luck.case}: {luck.failures} of {luck.draws} draws fail '{luck.title}'"
                console.print(Text(words, style="bold red"))
                for seed, text in luck.examples:
                    console.print(Text(f"  seed {seed}: {' '.join(text.split())[:300]}"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("assignment", "cases", "draws", "fewest", "cases that fail"):
        table.add_column(heading, justify="left" if heading == "assignment" else "right")
    for key, lucks in found.items():
        fewest, failing = min(x.draws for x in lucks), sum(bool(x.failures) for x in lucks)
        table.add_row(key, str(len(lucks)), f"{sum(x.draws for x in lucks):,}", str(fewest), str(failing))
    console.print(table)
    sys.exit(1 if any(x.failures for lucks in found.values() for x in lucks) else 0)


@command.command("blame")
@click.argument("milestones", nargs=-1)
@click.option("--singles", type=click.IntRange(min=1), default=12, show_default=True, help="Stacks with one fault.")
@click.option("--doubles", type=click.IntRange(min=0), default=12, show_default=True, help="Stacks with two faults.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--quiet", is_flag=True, help="Leave out the line about each stack.")
def blame(milestones: tuple[str, ...], singles: int, doubles: int, seed: int, quiet: bool) -> None:
    """Seed faults into whole stacks and see whether `tito blame` names the layers that hold them.

    MILESTONES are perceptron, xor and backprop (in small) unless given. Exit status 1 when a stack with one fault is
    blamed wrongly, or more than a tenth of those with two.
    """
    from autograder.prove.stacks import try_blame

    course, console = load_course(), plain_console()
    told = (lambda text: None) if quiet else (lambda text: _dim(console, text))
    chosen = [course.milestone(name) for name in milestones or SMALL]
    scores = [try_blame(course, milestone, singles, doubles, told, seed) for milestone in chosen]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("milestone", "layers", "one fault", "two faults", "runs, mean", "unnoticed"):
        table.add_column(heading, justify="left" if heading == "milestone" else "right")
    for score in scores:
        runs = [tried.found.runs for tried in (*score.singles, *score.doubles)]
        mean = f"{sum(runs) / len(runs):.1f}" if runs else ""
        row = (score.milestone, str(score.layers), _right(score.singles), _right(score.doubles), mean)
        table.add_row(*row, str(score.unnoticed))
    one = [tried for score in scores for tried in score.singles]
    two = [tried for score in scores for tried in score.doubles]
    table.add_row("all", "", _right(one), _right(two), "", "")
    console.print(table)
    good = all(tried.right for tried in one) and sum(tried.right for tried in two) >= LEAST_DOUBLES * len(two)
    sys.exit(0 if good and one else 1)


def _right(several: Iterable[Tried]) -> str:
    several = list(several)
    return f"{sum(tried.right for tried in several)} of {len(several)}"
