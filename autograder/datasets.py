"""Where the data sets of this machine lie, for tests and pictures that read them on the judge's side.

Those that come with the course lie in `datasets/`. Others are looked for by the framework's own `tinytorch.data`, which
alone knows where fetched ones are kept; it runs on the bare frame, in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from autograder import compose
from autograder.course import Course
from autograder.errors import UserError
from autograder.messages import message


def run_data(course: Course, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """`python -m tinytorch.data ARGUMENTS` on the bare frame."""
    with tempfile.TemporaryDirectory(prefix="tito-data-") as folder:
        made = compose.compose(course, [], Path(folder) / "frame", linked=True)
        environment = {**os.environ, "PYTHONPATH": str(made.path)}
        order = [sys.executable, "-m", "tinytorch.data", *arguments]
        return subprocess.run(order, env=environment, capture_output=capture, text=True, encoding="utf-8")


class Datasets:
    """The data sets of a course on this machine: `datasets.folder("mnist")`."""

    def __init__(self, course: Course):
        self.course = course
        self._found: dict[str, Path] = {}

    def folder(self, name: str) -> Path:
        """The folder of a data set whose files are all there. UserError says which is missing and how to get it."""
        embedded = self.course.datasets / name
        if embedded.is_dir():
            return embedded
        if name not in self._found:
            done = run_data(self.course, "where", name, capture=True)
            if done.returncode != 0:
                raise UserError(done.stderr.strip().removeprefix("error: ") or message("data.none", name=name))
            self._found[name] = Path(done.stdout.strip())
        return self._found[name]
