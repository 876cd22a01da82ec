"""Source files written by the cells of a notebook: `%%writefile tinytorch/core/tensor.py`, and `-a` to append.

The notebook is read as data, never run. Cells count in their order in the notebook: a second plain `%%writefile` of a
file replaces the first, `%%writefile -a` adds to what an earlier cell wrote. An append without an earlier write is
refused, since what it would be added to is not in the notebook.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from autograder.intake.models import Entry, IntakeError, too_large
from autograder.intake.paths import UnusablePath, clean, safe
from autograder.messages import message

NOTEBOOK_BYTES = 16 << 20  # figures are stored inside
_MAGICS = ("%%writefile", "%%file")


def files_in_notebook(name: str, data: bytes) -> tuple[Entry, ...]:
    """The files that the notebook's cells write, in the order of their first appearance."""
    label = safe(name)
    written: dict[str, str] = {}
    for number, source in enumerate(_code_cells(label, data), 1):
        header, _, body = source.lstrip("\r\n").partition("\n")
        target = _target(header)
        if target is None:
            continue
        path, append = target
        if append and path not in written:
            raise IntakeError(message("intake.append_first", label=label, number=number, path=safe(path)))
        body = body if body.endswith("\n") or not body else body + "\n"
        written[path] = written[path] + body if append else body
    return tuple(_entry(path, text.encode("utf-8", "surrogatepass"), label) for path, text in written.items())


def _code_cells(label: str, data: bytes) -> list[str]:
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise IntakeError(message("intake.notebook_unreadable", label=label)) from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise IntakeError(message("intake.notebook_old", label=label))
    code = [cell for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    return [_text(cell.get("source")) for cell in code]


def _text(source: Any) -> str:
    """A cell's source is a string, or a list of lines that keep their ends."""
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _target(header: str) -> tuple[str, bool] | None:
    """(path, append) when a cell's first line writes a file whose name can be read, else None."""
    magic, _, rest = header.strip().partition(" ")
    if magic not in _MAGICS:
        return None
    try:
        words = shlex.split(rest, posix=True)
    except ValueError:
        return None
    append = any(word in ("-a", "--append") for word in words)
    names = [word for word in words if word not in ("-a", "--append")]
    if len(names) != 1:
        return None
    try:
        return clean(names[0]), append
    except UnusablePath:
        return None


def _entry(path: str, data: bytes, label: str) -> Entry:
    def read(limit: int) -> bytes:
        if len(data) > limit:
            raise too_large(safe(path), limit)
        return data

    return Entry(path, len(data), read, origin=label)
