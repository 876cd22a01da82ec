"""`tito draw`: a graph in the DOT language as a picture, without Graphviz."""

from __future__ import annotations

from pathlib import Path

import click

from autograder import drawing
from autograder.cli.map import write
from autograder.errors import UserError
from autograder.messages import message


@click.command("draw")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Default: FILE as .svg.")
def command(file: Path, out: Path | None) -> None:
    """Draw the graph in FILE, as `graph_to_dot` of assignment 5 writes it: what was computed from what."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(message("draw.unreadable", file=file, reason=error.strerror)) from error
    except UnicodeDecodeError as error:
        raise UserError(message("draw.unreadable", file=file, reason="it is not UTF-8 text")) from error
    write(out or file.with_suffix(".svg"), drawing.dot(text, file.name))
