"""A lab: from a percent script with solution markers to the notebook that students open.

jupytext splits the script into cells; the markers are stripped from the code before, with the line numbers of the
file. The notebook holds no outputs and nothing that depends on the machine, the day or the versions of the tools.
Running a lab is left to `tito validate`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from autograder.build.markers import solution_lines, strip
from autograder.build.text import comments, normalise, parse
from autograder.errors import UserError

if TYPE_CHECKING:
    from nbformat import NotebookNode

CELL = re.compile(r"# ?%%+(|\s.*)")  # not "# %%time", which is a magic command
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
JUPYTEXT_NOTES = frozenset(
    {"lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker", "skipline", "noskipline"}
)


def make_lab(source: str, assignment_key: str, filename: str) -> str:
    """The JSON of the student's notebook for the percent script `source`."""
    import nbformat

    source = normalise(source)
    parse(source, filename)
    prose, heads = _prose_and_heads(source, filename)
    if not heads:
        raise UserError(f"{filename}:1: no cell found; begin each cell with a line '# %%' or '# %% [markdown]'")
    if swallowed := sorted(heads & solution_lines(source, filename, prose)):
        raise UserError(f"{filename}:{swallowed[0]}: a solution runs over the end of its cell; close it before '# %%'")
    notebook = _read_percent(strip(source, assignment_key, filename, prose))
    cells = list(_student_cells(notebook))
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    lab = nbformat.from_dict({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
    nbformat.validate(lab)
    return nbformat.writes(lab, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"


def _prose_and_heads(source: str, filename: str) -> tuple[frozenset[int], frozenset[int]]:
    """The lines of all cells that are not code, and the lines that begin a cell."""
    kinds: dict[int, str] = {}
    for comment in comments(source):
        if comment.column == 0 and (head := CELL.fullmatch(comment.text)):
            if comment.in_statement:
                raise UserError(f"{filename}:{comment.line}: a cell begins inside a statement; end the statement first")
            kinds[comment.line] = head[1]
    prose: set[int] = set()
    kind = ""
    for number in range(1, source.count("\n") + 2):
        kind = kinds.get(number, kind)
        if re.search(r"\[(markdown|md|raw)\]", kind):
            prose.add(number)
    return frozenset(prose), frozenset(kinds)


def _read_percent(script: str) -> NotebookNode:
    try:
        import jupytext
    except ImportError as error:
        raise UserError("building labs needs jupytext; install the extra: pip install -e '.[labs]'") from error
    return jupytext.reads(script, fmt="py:percent")


def _student_cells(notebook: NotebookNode) -> Iterator[dict[str, object]]:
    """Cells reduced to what the script says, each with an id derived from its place and its content."""
    for number, cell in enumerate(notebook.cells):
        metadata = {key: value for key, value in cell.metadata.items() if key not in JUPYTEXT_NOTES}
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        plain: dict[str, object] = {
            "cell_type": cell.cell_type,
            "id": f"{number:03d}-{digest}",
            "metadata": metadata,
            "source": cell.source,
        }
        yield {**plain, "execution_count": None, "outputs": []} if cell.cell_type == "code" else plain
