"""`tito serve`: a trained model as a REST service, on the reference framework or on one's own layers. The service is
the frame's own (`tinytorch/serving`)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from autograder import compose
from autograder.course import Course, load_course
from autograder.errors import UserError
from autograder.intake import IntakeError, receive

NEEDED = "tinytorch/mlops"  # where the registry, detectors and monitors are written


@click.command("serve")
@click.argument("name", required=False)
@click.option(
    "--registry", type=click.Path(path_type=Path, file_okay=False), default=Path("runs/registry"), show_default=True
)
@click.option(
    "--from", "run", type=click.Path(path_type=Path), help="First register this training run as the next version."
)
@click.option("--quantize", is_flag=True, help="With --from: keep the weights in bytes.")
@click.option("--promote", is_flag=True, help="With --from: bring it into use even if another version is.")
@click.option("--register", is_flag=True, help="With --from: register only; a service that runs notices a promotion.")
@click.option(
    "--own",
    "owns",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Your folder or zip of an assignment, in place of the reference; may be repeated. It runs as you do.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Others need a token in TINYTORCH_SERVE_TOKEN.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--max-batch", type=click.IntRange(1, 4096), default=32, show_default=True, help="Examples at once.")
@click.option(
    "--max-wait", type=click.FloatRange(0, 1000), default=2.0, show_default=True, help="Milliseconds, for company."
)
@click.option("--bound", type=click.IntRange(1), default=256, show_default=True, help="Examples that may wait.")
@click.option("--in-flight", type=click.IntRange(1), default=32, show_default=True, help="Requests handled at once.")
@click.option(
    "--linger",
    type=click.FloatRange(0, 600),
    default=0.5,
    show_default=True,
    help="Seconds of refusing before the end.",
)
@click.option("--accuracy", type=click.FloatRange(0, 1), default=0.9, show_default=True, help="Alert below it.")
@click.option(
    "--latency", type=click.FloatRange(1), default=250.0, show_default=True, help="Alert above, milliseconds."
)
@click.option(
    "--drift-window", type=click.IntRange(20), default=200, show_default=True, help="Inputs compared at once."
)
@click.option("--on-alert", metavar="COMMAND", help="Run it while an alert is on, say to train anew and promote.")
@click.option(
    "--rest", type=click.FloatRange(0), default=600.0, show_default=True, help="Seconds between two such runs."
)
@click.option("--bench", is_flag=True, help="Measure instead what the service holds; a report and a picture in --out.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("runs/serve-bench"), show_default=True
)
def command(
    name: str | None,
    registry: Path,
    run: Path | None,
    quantize: bool,
    promote: bool,
    register: bool,
    owns: tuple[Path, ...],
    bench: bool,
    out: Path,
    **options: object,
) -> None:
    """Serve the version of model NAME that is in use in a registry, with a monitoring page.

    tito serve digits --from runs/mnist_quick registers a training run and serves it. Ctrl-C (or SIGTERM) stops the
    service: accepted requests are answered first.
    """
    if name is None and not bench:
        raise UserError("which model? give a NAME, such as: tito serve digits --from runs/mnist_quick")
    if run is None and (quantize or promote or register):
        raise UserError("--quantize, --promote and --register are about what --from registers; give --from RUN")
    course = load_course()
    with tempfile.TemporaryDirectory(prefix="tito-serve-") as scratch:
        layers = compose.with_students(course, _own_layers(course, owns, Path(scratch)))
        _check_layers(course, layers)
        made = compose.compose(course, layers, Path(scratch) / "composition", linked=True)
        environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": str(made.path)}
        root = str(registry.resolve())
        if bench:
            sys.exit(_run(["bench", "--out", str(out.resolve())], environment))
        if run is not None:
            order = ["register", str(run.resolve()), root, name, *(["--quantize"] if quantize else [])]
            status = _run([*order, *(["--promote"] if promote else [])], environment)
            if status or register:
                sys.exit(status)
        given = [f"--{option.replace('_', '-')}={value}" for option, value in options.items() if value is not None]
        sys.exit(_run(["__main__", root, name, *given, "--leash"], environment))


def _run(order: Sequence[str], environment: dict[str, str]) -> int:
    """Run a module of the service and hand signals on to it; returns its exit status.

    It has a session of its own, so that Ctrl-C reaches it once, from here. The pipe is a leash: when this process is
    killed it closes, and the service stops in order.
    """
    whole = [sys.executable, "-m", f"tinytorch.serving.{order[0]}", *order[1:]]
    with subprocess.Popen(whole, env=environment, stdin=subprocess.PIPE, start_new_session=True) as process:
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        for number in before:
            signal.signal(number, lambda *_: process.terminate())
        try:
            return process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _own_layers(course: Course, sources: Sequence[Path], scratch: Path) -> list[compose.Layer]:
    """The layers that folders and zips hold; of two with the same layer the later counts."""
    found: dict[str, compose.Layer] = {}
    for number, source in enumerate(sources):
        refused = []
        for assignment in course.written():
            into = scratch / f"own{number}" / assignment.key
            try:
                submission = receive(source, course, assignment, into)
            except IntakeError as error:
                refused.append(str(error))
                continue
            found[assignment.key] = compose.student_layer(course, assignment.key, submission.root)
            click.echo(f"{assignment.key}: yours ({source})")
        if len(refused) == len(course.written()):
            raise UserError(
                f"--own {source}: {refused[0] if len(set(refused)) == 1 else 'it holds no file of any assignment'}"
            )
    return list(found.values())


def _check_layers(course: Course, layers: Sequence[compose.Layer]) -> None:
    """What a service stands on has to be in the composition."""
    owner = next((a for a in course.assignments if any(path.startswith(NEEDED) for path in a.writes)), None)
    if owner is not None and owner.key not in {layer.assignment for layer in layers}:
        raise UserError(f"serving needs the registry of {owner.key}, which this course does not hold yet")
