"""The `tito` command. Each subcommand lives in a module of its own, imported only when it is used.

Bad input (UserError) ends with one line on standard error and exit status 2, a fault of the grader with exit status 3.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from autograder.errors import GraderError, UserError

# Name -> module that holds a click command called `command`.
COMMANDS = {
    "check": "autograder.cli.check",
    "submit": "autograder.cli.submit",
    "grade": "autograder.cli.grade",
    "gradebook": "autograder.cli.gradebook",
    "start": "autograder.cli.start",
    "status": "autograder.cli.status",
    "checkpoint": "autograder.cli.checkpoint",
    "map": "autograder.cli.map",
    "draw": "autograder.cli.draw",
    "hint": "autograder.cli.hint",
    "lab": "autograder.cli.lab",
    "doctor": "autograder.cli.doctor",
    "release": "autograder.cli.release",
    "new": "autograder.cli.new",
    "build": "autograder.cli.build",
    "validate": "autograder.cli.validate",
    "gradescope": "autograder.cli.gradescope",
    "image": "autograder.cli.image",
    "train": "autograder.cli.train",
    "milestone": "autograder.cli.milestone",
    "generate": "autograder.cli.generate",
    "blame": "autograder.cli.blame",
    "site": "autograder.cli.site",
    "report": "autograder.cli.report",
    "olympics": "autograder.cli.olympics",
    "explain": "autograder.cli.explain",
    "serve": "autograder.cli.serve",
    "monitor": "autograder.cli.monitor",
    "prove": "autograder.cli.prove",
    "bench": "autograder.cli.bench",
    "compress": "autograder.cli.compress",
    "data": "autograder.cli.data",
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and loads one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        return import_module(COMMANDS[name]).command

    def resolve_command(self, ctx: click.Context, args: list[str]):
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            match = get_close_matches(args[0], COMMANDS, n=1)
            near = f"; did you mean 'tito {match[0]}'?" if match else ""
            ctx.fail(f"there is no command 'tito {args[0]}'{near}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tinytorch-course", prog_name="tito")
def tito() -> None:
    """TinyTorch: build, check, submit and grade the assignments of the course."""


def main() -> None:
    """Entry point of the console command."""
    try:
        tito.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except GraderError as error:
        click.echo(f"grader error (not the submission's fault): {error}", err=True)
        sys.exit(3)
