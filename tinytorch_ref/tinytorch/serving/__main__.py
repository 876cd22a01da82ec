"""`python -m tinytorch.serving REGISTRY NAME`: serve the version of a model that is in use. `tito serve` calls this."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tinytorch import kernels
from tinytorch.serving import ExtraMissing, ServingError
from tinytorch.serving.reaction import Plan
from tinytorch.serving.service import Settings
from tinytorch.serving.watching import Limits

TOKEN = "TINYTORCH_SERVE_TOKEN"  # in the environment: arguments can be read by every user of a machine


def main() -> None:
    """Entry point."""
    given = _parser().parse_args()
    kernels.keep_memory()
    kernels.install()
    try:
        from tinytorch.serving.server import serve

        limits = Limits(accuracy=given.accuracy, latency=given.latency / 1000, drift_window=given.drift_window)
        settings = Settings(
            max_batch=given.max_batch,
            max_wait=given.max_wait / 1000,
            bound=max(given.bound, given.max_batch),
            in_flight=given.in_flight,
            body_cap=given.body_cap,
            body_seconds=given.body_seconds,
            poll=given.poll,
            linger=given.linger,
            limits=limits,
            on_alert=Plan(given.on_alert, given.rest) if given.on_alert else None,
        )
        token = os.environ.get(TOKEN)
        serve(given.registry, given.name, given.host, given.port, settings, token, given.leash)
    except (ServingError, ExtraMissing) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tinytorch.serving", description=__doc__.partition("\n")[0])
    parser.add_argument("registry", type=Path)
    parser.add_argument("name")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--max-batch", type=int, default=Settings.max_batch)
    parser.add_argument("--max-wait", type=float, default=Settings.max_wait * 1000, help="milliseconds")
    parser.add_argument("--bound", type=int, default=Settings.bound, help="examples that may wait")
    parser.add_argument("--in-flight", type=int, default=Settings.in_flight, help="predictions handled at once")
    parser.add_argument("--body-cap", type=int, default=Settings.body_cap, help="bytes")
    parser.add_argument("--body-seconds", type=float, default=Settings.body_seconds, help="for sending a body")
    parser.add_argument("--poll", type=float, default=Settings.poll, help="seconds between looks at the registry")
    parser.add_argument("--linger", type=float, default=Settings.linger, help="seconds of refusing before the end")
    parser.add_argument("--accuracy", type=float, default=Limits.accuracy, help="alert below this share")
    parser.add_argument("--latency", type=float, default=Limits.latency * 1000, help="alert above, milliseconds")
    parser.add_argument("--drift-window", type=int, default=Limits.drift_window, help="inputs compared at once")
    parser.add_argument("--on-alert", help="a command to run while an alert is on")
    parser.add_argument("--rest", type=float, default=Plan.rest, help="seconds between two runs of that command")
    parser.add_argument("--leash", action="store_true", help="stop as soon as standard input closes")
    return parser


if __name__ == "__main__":
    main()
