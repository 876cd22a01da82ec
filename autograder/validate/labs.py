"""Executing a lab from top to bottom on the reference, as a student would in Jupyter."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from autograder.build import make_lab
from autograder.course import Assignment, Course

LAB_SECONDS = 180
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # Jupyter paints its tracebacks


def run_lab(course: Course, assignment: Assignment, keep: Path | None = None, seconds: float = LAB_SECONDS) -> str:
    """Execute the assignment's lab on the reference; returns what went wrong, or nothing.

    Args:
        keep: where to write the executed notebook.
        seconds: wall-clock time that a single cell may take.
    """
    import nbformat
    from jupyter_client import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    solution = course.solution(assignment.key)
    with tempfile.TemporaryDirectory(prefix="tito-lab-") as scratch:
        folder = Path(scratch) / assignment.key
        folder.mkdir()
        for name in ("tinytorch", "tests"):
            shutil.copytree(solution / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        source = (solution / "lab.py").read_text(encoding="utf-8")
        notebook = nbformat.reads(make_lab(source, assignment.key, "lab.py"), as_version=4)
        client = NotebookClient(
            notebook,
            timeout=seconds,
            startup_timeout=seconds,
            extra_arguments=["--log-level=40"],  # or the kernel comments on our ending it
            km=AsyncKernelManager(
                kernel_name="python3", transport="ipc", connection_file=str(Path(scratch) / "kernel.json")
            ),
            resources={"metadata": {"path": str(folder)}},
        )
        environment = {**os.environ, "TITO_COURSE": str(course.root), "OPENBLAS_NUM_THREADS": "1"}
        try:
            client.execute(env=environment)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            return f"lab.py: {_COLOUR.sub('', str(error)).strip()[-1500:]}"
        finally:
            if keep is not None:
                keep.parent.mkdir(parents=True, exist_ok=True)
                nbformat.write(notebook, keep)
    if not any("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])):
        return "lab.py: no figure was drawn; every lab ends in a figure worth looking at"
    return ""
