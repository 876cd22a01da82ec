"""A student's folder as a place to work: the framework around their own files, for labs and for `tito check`.

`open_workspace()` is the first line of every lab. It composes the frame, the reference of the prerequisites and links
to the files in this folder, and puts the result on the path, so that `import tinytorch` is the framework with this
layer.
"""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from autograder import compose, start
from autograder.course import Assignment, Course, load_course
from autograder.errors import UserError
from autograder.messages import message
from autograder.observe.handles import Handle


@dataclass(frozen=True)
class Workspace:
    """An opened workspace.

    `folder` is the student's, `composition` the framework with its files, `tests` a folder in which every test file
    bears
    the name of its question: `otter.Notebook(tests_dir=workspace.tests).check("softmax")`.
    """

    folder: Path
    assignment: str
    composition: Path
    tests: str

    def student(self) -> Handle:
        """What test files call `student`: the probes on this workspace, in this process."""
        from autograder.observe.local import LocalObservation

        folders = [str(self.folder / "tests"), str(self.composition)]
        return Handle("student", lambda: LocalObservation(folders), 1e6, 1e6)


_opened: list[str] = []


def open_workspace(folder: Path | str | None = None) -> Workspace:
    """Compose the workspace around `folder` (default: here) and put it on sys.path.

    Call it again after editing: modules of `tinytorch` that were imported are forgotten, so the next import is fresh.

    Raises:
        UserError: the folder is not an assignment's.
    """
    course = load_course()
    workspace, assignment = find_workspace(course, Path(folder) if folder is not None else Path.cwd())
    place = Path(tempfile.mkdtemp(prefix=f"tito-{assignment.short}-"))
    atexit.register(compose.discard, place)
    layer = compose.student_layer(course, assignment.key, workspace)
    layers = start.layers_at_home(course, layer, workspace)
    composition = compose.compose(course, layers, place / "composition", linked=True)
    tests = place / "tests"
    tests.mkdir()
    for file in sorted((workspace / "tests").glob("test_*.py")):
        shutil.copyfile(file, tests / file.name.removeprefix("test_"))
    forget_framework()
    sys.path[:] = [str(composition.path), *(p for p in sys.path if p not in _opened)]
    _opened.append(str(composition.path))
    return Workspace(workspace, assignment.key, composition.path, str(tests))


def find_workspace(course: Course, start: Path) -> tuple[Path, Assignment]:
    """The nearest folder from `start` upwards that holds files of exactly one assignment, and that assignment."""
    here = start.resolve()
    for folder in (here, *here.parents):
        held = [a for a in course.assignments if any((folder / path).is_file() for path in a.writes)]
        if len(held) == 1:
            return folder, held[0]
    raise UserError(message("workspace.none", folder=here))


def forget_framework() -> None:
    """Drop every imported module of `tinytorch` and the probes that use it."""
    for name in list(sys.modules):
        if name.split(".")[0] in ("tinytorch", "probes"):
            del sys.modules[name]
