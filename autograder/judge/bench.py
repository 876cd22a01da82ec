"""The workbench of one judge: its zygote, and the folders in which compositions, probes and scratch lie.

A bench belongs to one process and serves one submission at a time. Folders are laid out so that an observer can reach
its own composition by name and list nothing else; the reference composition belongs to another uid.
"""

from __future__ import annotations

import marshal
import os
import secrets
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from autograder import compose, lint, sandbox
from autograder.course import Assignment, Course, Limits, Milestone
from autograder.datasets import Datasets
from autograder.errors import GraderError
from autograder.expect import StudentError
from autograder.observe.client import Observation, ObserverLost, ObserverTimeout, Zygote

PREFIX = "tito-judge-"
LINT_SECONDS = 20.0


class Workbench(Protocol):
    """What judging needs of a bench: observers on compositions, and the limits they work under."""

    assignment: Assignment | Milestone
    limits: Limits
    datasets: Datasets
    student_files: frozenset[str]
    has_reference: bool

    @property
    def reference(self) -> compose.Composition: ...

    @property
    def alive(self) -> bool: ...

    def observe(self, composition: compose.Composition | None, role: str = "student") -> Any: ...

    def restart(self) -> None: ...


class Bench:
    """Where the observers of one judge work, each confined by the sandbox.

    Args:
        course, assignment: what is graded.
        slot: number of this judge among those running at once; it decides the private uids.
        allow_weak_sandbox: go on although a load-bearing protection has no provider.
        without: layers of the sandbox to leave out (tests only).
    """

    def __init__(
        self,
        course: Course,
        assignment: Assignment | Milestone,
        slot: int = 0,
        allow_weak_sandbox: bool = False,
        without: frozenset[str] = frozenset(),
    ):
        self.course, self.assignment = course, assignment
        self.limits: Limits = course.limits_of(assignment)
        self.datasets = Datasets(course)
        # The files whose lines a message may quote: a student's own, never one of ours.
        self.student_files = frozenset(assignment.writes if isinstance(assignment, Assignment) else course.owners)
        # Whether a case is tried on the reference to find whose fault an odd answer is; a milestone's would take long.
        self.has_reference = isinstance(assignment, Assignment)
        # Who follows what a program prints while it runs; nobody in grading.
        self.listener: Callable[[bytes], None] | None = None
        sandbox.guard_judge()
        sweep_leftovers()
        self.root, self._alive_lock = _make_root()
        # Others may pass through to a folder whose name they were told, and list nothing.
        self.root.chmod(0o711)
        self.zygote = Zygote()
        try:
            self.layers = self.zygote.layers - without
            self.notes = sandbox.require(self.layers, allow_weak_sandbox, self.limits.processes)
            root_user = "uid" in self.layers
            self.student_uid = sandbox.private_uid(2 * slot) if root_user else None
            self.reference_uid = sandbox.private_uid(2 * slot + 1) if root_user else None
            self.shelf = compose.Shelf(self.root / f"shelf-{secrets.token_hex(8)}") if root_user else None
            self._scratch = {role: self._make_scratch(role) for role in ("student", "reference")}
            self.probes = self._lay_out_probes()
        except BaseException:
            self.close()
            raise

    @cached_property
    def reference(self) -> compose.Composition:
        """The reference composition for the handle `reference`, made when first asked for."""
        if isinstance(self.assignment, Milestone):
            needed = self.course.needed(self.assignment)
            layers = [layer for layer in compose.with_students(self.course, []) if layer.assignment in needed]
        else:
            layers = compose.for_grading(self.course, compose.reference_layer(self.course, self.assignment.key))
        place = self.root / f"reference-{secrets.token_hex(8)}"
        made = compose.compose(self.course, layers, place, data=self.assignment.data, shelf=self.shelf)
        if self.reference_uid is not None:
            os.chown(made.path, self.reference_uid, -1)
            os.chmod(made.path, 0o500)
        return made

    def compose_student(self, files: Mapping[str, Path], bytecode: Mapping[str, bytes]) -> compose.Composition:
        """The composition that holds a submission; `discard` it when the submission is done."""
        layer = compose.Layer(self.assignment.key, "student", files)
        return self.compose_layers(compose.for_grading(self.course, layer), bytecode)

    def compose_layers(self, layers: Iterable[compose.Layer], bytecode: Mapping[str, bytes]) -> compose.Composition:
        """A composition of these layers, some of them a student's; `discard` it when they are judged."""
        place = self.root / f"student-{secrets.token_hex(8)}"
        data = self.assignment.data
        return compose.compose(self.course, layers, place, bytecode=bytecode, data=data, shelf=self.shelf)

    def observe(self, composition: compose.Composition | None, role: str = "student") -> Observation:
        """A fresh observer on a composition (or on none, for work on plain text)."""
        folders = [] if composition is None else [str(self.probes), str(composition.path)]
        if not self.alive:
            self.restart()
        uid = self.student_uid if role == "student" else self.reference_uid
        cpu = int(self.limits.threads * self.limits.case_seconds + self.limits.import_seconds) + 2
        confinement = sandbox.Confinement(
            read=(*folders, *python_paths()),
            scratch=str(self._scratch[role]),
            uid=uid,
            memory_mb=self.limits.memory_mb,
            cpu_seconds=cpu,
            file_mb=self.limits.scratch_mb,
            open_files=64,
            processes=self.limits.processes,
            layers=self.layers,
        )
        caps = (self.limits.reply_mb << 20, self.limits.output_kb << 10)
        observation = Observation(self.zygote, confinement, folders, *caps)
        observation.listener = self.listener
        return observation

    def ask_apart(self, request: dict[str, Any], seconds: float, composition: compose.Composition | None = None) -> Any:
        """The answer of an observer that is asked nothing else.

        Asked again, of another one, if it was lost: it may be somebody else who killed it.
        """
        try:
            return self._ask_once(request, seconds, composition)
        except (ObserverLost, GraderError):
            return self._ask_once(request, seconds, composition)

    def _ask_once(self, request: dict[str, Any], seconds: float, composition: compose.Composition | None) -> Any:
        observation = self.observe(composition)
        try:
            return observation.ask(request, seconds)
        finally:
            observation.close()

    def lint(self, assignment: Assignment, files: Mapping[str, Path]) -> lint.Linted:
        """Check every file of a layer in a confined child of its own: the text may be made to crash the parser."""
        policy = lint.policy_for(self.course, assignment).to_plain()
        findings: list[lint.Finding] = []
        bytecode: dict[str, bytes] = {}
        for path, file in files.items():
            request = {"do": "lint", "path": path, "source": file.read_bytes(), "policy": policy}
            try:
                answer = self.ask_apart(request, LINT_SECONDS)
            except (ObserverLost, ObserverTimeout, StudentError):
                message = "Python's parser gave up on this file; simplify what is nested very deeply or very long"
                findings.append(lint.Finding(path, 0, 0, "parser", message, True))
                continue
            findings += [lint.Finding.from_plain(f) for f in answer["findings"]]
            if answer["bytecode"] is not None:
                bytecode[path] = answer["bytecode"]
        return lint.Linted(tuple(findings), bytecode)

    @property
    def alive(self) -> bool:
        """Whether the zygote still runs."""
        return self.zygote.process.poll() is None

    def restart(self) -> None:
        """A new zygote in place of one that died."""
        self.zygote.restart()

    def close(self) -> None:
        self.zygote.close()
        _remove(self.root)
        os.close(self._alive_lock)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _make_scratch(self, role: str) -> Path:
        folder = self.root / f"scratch-{secrets.token_hex(8)}"
        folder.mkdir(mode=0o700)
        uid = self.student_uid if role == "student" else self.reference_uid
        if uid is not None:
            os.chown(folder, uid, -1)
        return folder

    def _lay_out_probes(self) -> Path:
        """The probes alone, in a folder of their own: the tests beside them must not be reachable."""
        source = self.course.home(self.assignment) / "tests" / "probes.py"
        if not source.is_file():
            raise GraderError(f"{self.assignment.key} has no tests/probes.py; the tests cannot ask anything")
        folder = self.root / f"probes-{secrets.token_hex(8)}"
        folder.mkdir()
        target = folder / "probes.py"
        content = source.read_bytes()
        target.write_bytes(content)
        cached = Path(cache_from_source(str(target)))
        cached.parent.mkdir()
        code = compile(content, "probes.py", "exec", dont_inherit=True)
        cached.write_bytes(compose.pyc(marshal.dumps(code), content))
        for path, mode in ((target, 0o444), (cached, 0o444), (cached.parent, 0o555), (folder, 0o555)):
            path.chmod(mode)
        return folder


def sweep_leftovers() -> None:
    """Remove the folders of benches whose process was killed: their lock is free."""
    for root in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if root.is_symlink() or root.stat().st_uid != os.getuid():
                continue
            descriptor = _lock(root)
        except OSError:
            # Held by a living bench or by another sweep, or gone already.
            continue
        try:
            _remove(root)
        except FileNotFoundError:
            pass  # its owner finished after it was listed here
        finally:
            os.close(descriptor)


def _make_root() -> tuple[Path, int]:
    """A new bench's folder and its lock. Locked before it bears the name that a sweep looks for."""
    made = Path(tempfile.mkdtemp(prefix="tito-new-"))
    descriptor = _lock(made)
    root = made.with_name(PREFIX + made.name.removeprefix("tito-new-"))
    return made.rename(root), descriptor


def _lock(root: Path) -> int:
    """Hold the lock of a bench's folder; OSError while its owner lives. The lock ends with the process."""
    import fcntl  # not on Windows, where nothing is graded but this module is imported

    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove(root: Path) -> None:
    for folder in root.iterdir():
        compose.discard(folder)
    shutil.rmtree(root, ignore_errors=True)


def python_paths() -> tuple[str, ...]:
    """What an observer reads of Python: the standard library and NumPy, not the rest of site-packages."""
    numpy_home = Path(np.__file__).resolve().parent
    bundled = [p for p in numpy_home.parent.glob("numpy.libs")]
    # Not "platstdlib": inside a virtual environment that is the folder in which all of its site-packages lie.
    library = [str(sysconfig.get_path("stdlib")), str(Path(sys.base_prefix) / "lib")]
    return tuple(dict.fromkeys([*library, str(numpy_home), *map(str, bundled)]))
