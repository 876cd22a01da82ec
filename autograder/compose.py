"""Composing: overlay the frame with one layer per assignment and write a plain directory with one package `tinytorch`.

Every `tinytorch` that anything imports (tests, grading, labs, milestones, an editor) comes from here. A layer may
provide only the files that course.yaml assigns to its assignment. A file of an assignment without a layer becomes a
placeholder whose import names that assignment. `tinytorch/composition.json` says which file came from whom.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import marshal
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from autograder.course import Course
from autograder.errors import GraderError, UserError
from autograder.messages import message

Origin = Literal["reference", "student", "stub"]
MANIFEST = "tinytorch/composition.json"

PLACEHOLDER = '''\
"""This file belongs to assignment {key}, which is not part of this composition."""

from tinytorch._names import absent

raise absent(__name__)
'''


@dataclass(frozen=True)
class Layer:
    """The files of one assignment, all of one origin. `files` maps their paths in the composition to their sources."""

    assignment: str
    origin: Origin
    files: Mapping[str, Path]


@dataclass(frozen=True)
class Composition:
    """A directory holding the package `tinytorch`. `origins` maps each layer's assignment to its origin."""

    path: Path
    origins: Mapping[str, Origin]
    digest: str

    @property
    def package(self) -> Path:
        return self.path / "tinytorch"


def reference_layer(course: Course, key: str) -> Layer:
    """The layer that the solution of an assignment provides; every declared file has to be there."""
    return _complete(course, key, "reference", course.solution(key), GraderError)


def stub_layer(course: Course, key: str) -> Layer:
    """The layer of the untouched stub."""
    return _complete(course, key, "stub", course.stub(key), UserError)


def student_layer(course: Course, key: str, folder: Path) -> Layer:
    """The layer a student's folder provides. A declared file that is absent is filled in from the stub."""
    files = {path: folder / path for path in course.by_key[key].writes if (folder / path).is_file()}
    if not files:
        wanted = ", ".join(course.by_key[key].writes)
        raise UserError(message("compose.no_files", folder=folder, key=key, wanted=wanted))
    for path in course.by_key[key].writes:
        files.setdefault(path, course.stub(key) / path)
    return Layer(key, "student", files)


def _complete(course: Course, key: str, origin: Origin, folder: Path, error: type[Exception]) -> Layer:
    files = {path: folder / path for path in course.by_key[key].writes}
    for path, source in files.items():
        if not source.is_file():
            remedy = "write it" if origin == "reference" else f"run: tito build {key}"
            raise error(f"{key} has no {origin} file {path} in {folder}; {remedy}")
    return Layer(key, origin, files)


def for_grading(course: Course, layer: Layer) -> tuple[Layer, ...]:
    """The reference of the prerequisites, and the layer to be graded. Nothing else: no later answer, no answer to
    itself."""
    return (*(reference_layer(course, key) for key in course.closure(layer.assignment)), layer)


def reference_layers(course: Course) -> tuple[Layer, ...]:
    """Every layer that is written, as reference: the reference framework."""
    return tuple(reference_layer(course, a.key) for a in course.written())


def with_students(course: Course, students: Iterable[Layer]) -> tuple[Layer, ...]:
    """The reference framework with the given layers in place of the reference's."""
    own = {layer.assignment: layer for layer in students}
    return tuple(own.get(a.key) or reference_layer(course, a.key) for a in course.written())


def compose(
    course: Course,
    layers: Iterable[Layer],
    into: Path,
    *,
    linked: bool = False,
    bytecode: Mapping[str, bytes] | None = None,
    data: Iterable[str] = (),
    shelf: Shelf | None = None,
) -> Composition:
    """Write the composition of the frame and `layers` into the new folder `into`.

    Args:
        layers: at most one an assignment.
        into: a folder that does not exist yet or is empty.
        linked: link the files instead of copying them, so that editing a source is live (development only). Otherwise
            the copy is sealed: no file in it can be written, and byte code lies beside the sources.
        bytecode: marshalled code of student files (path -> bytes), compiled in a sandbox. Code of the course's own
            files is compiled here; a student's source never is.
        data: names of embedded data sets to lay beside the package; a linked composition has them all.
        shelf: where files of the course lie that earlier compositions had too; they are not written again.

    Raises:
        UserError: a folder that is not empty. GraderError: layers that break the rules of composition.
    """
    layers = tuple(layers)
    _check(course, layers)
    if into.exists() and any(into.iterdir()):
        raise UserError(message("compose.not_empty", folder=into))
    files: dict[str, tuple[Path, Layer | None]] = {}
    for path in _frame_files(course.frame):
        files[f"tinytorch/{path}"] = (course.frame / path, None)
    for layer in layers:
        for path, source in layer.files.items():
            if path in files:
                raise GraderError(
                    f"{layer.assignment} may not write {path}: the frame owns it; correct `writes` in course.yaml"
                )
            files[path] = (source, layer)
    copier = _Copier(bytecode or {}, shelf)
    digest = hashlib.sha256()
    digests: dict[str, str] = {}
    for folder in {(into / path).parent for path in (*files, *course.owners)}:
        folder.mkdir(parents=True, exist_ok=True)
    for path, (source, layer) in sorted(files.items()):
        content = source.read_bytes()
        digests[path] = hashlib.sha256(content).hexdigest()
        digest.update(f"{path}\0{layer.origin if layer else 'frame'}\0{digests[path]}".encode())
        if linked:
            _link(source, into / path)
        else:
            copier.copy(path, content, digests[path], into / path, layer)
    for path, key in course.owners.items():
        if path not in files:
            copier.place(path, PLACEHOLDER.format(key=key).encode(), key, into / path)
    _lay_out_data(course, into, tuple(data), linked)
    (into / MANIFEST).write_text(_manifest(course, layers, files, digests), encoding="utf-8")
    if not linked:
        _seal(into)
    return Composition(into, {layer.assignment: layer.origin for layer in layers}, digest.hexdigest())


def refresh_linked(course: Course, into: Path) -> Composition:
    """The linked composition of the reference for development, made anew at `into` (links of older layouts go)."""
    staging = into.with_name(into.name + f".new{os.getpid()}")
    discard(staging)
    composition = compose(course, reference_layers(course), staging, linked=True)
    discard(into)
    staging.rename(into)
    return Composition(into, composition.origins, composition.digest)


def discard(path: Path) -> None:
    """Remove a composition, sealed or not."""
    if not path.exists():
        return
    for folder, _, _ in os.walk(path):
        os.chmod(folder, 0o755)
    shutil.rmtree(path)


def _check(course: Course, layers: tuple[Layer, ...]) -> None:
    seen: set[str] = set()
    for layer in layers:
        if layer.assignment in seen:
            raise GraderError(f"two layers for {layer.assignment} in one composition; a file has one origin")
        seen.add(layer.assignment)
        foreign = [path for path in layer.files if course.owner(path) != layer.assignment]
        if foreign:
            raise GraderError(f"the layer of {layer.assignment} provides {', '.join(foreign)}, which it does not own")


def _frame_files(frame: Path) -> list[str]:
    """The frame's files, as posix paths relative to its package root."""
    if not (frame / "__init__.py").is_file():
        raise GraderError(f"the frame is missing: {frame}/__init__.py")
    paths = (p for p in frame.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return [p.relative_to(frame).as_posix() for p in paths]


def _lay_out_data(course: Course, into: Path, names: tuple[str, ...], linked: bool) -> None:
    """The registry of data sets, and those that are asked for, at `datasets/` beside the package."""
    registry = course.datasets / "registry.json"
    if not registry.is_file():
        if names:
            raise GraderError(f"{registry} is missing, but {', '.join(names)} should lie beside the framework")
        return
    place = into / "datasets"
    place.mkdir()
    wanted = [p.name for p in sorted(course.datasets.iterdir()) if p.is_dir()] if linked else names
    _copy_or_link(registry, place / registry.name, linked)
    for name in wanted:
        folder = course.datasets / name
        if not folder.is_dir():
            raise GraderError(f"no data set is embedded at {folder}; correct `data` in course.yaml")
        for file in sorted(p for p in folder.iterdir() if p.is_file() and p.suffix == ".gz"):
            (place / name).mkdir(exist_ok=True)
            _copy_or_link(file, place / name / file.name, linked)


def _copy_or_link(source: Path, target: Path, linked: bool) -> None:
    if linked:
        _link(source, target)
    else:
        shutil.copyfile(source, target)


def _manifest(
    course: Course,
    layers: tuple[Layer, ...],
    files: Mapping[str, tuple[Path, Layer | None]],
    digests: Mapping[str, str],
) -> str:
    entries = {
        path: {"assignment": layer.assignment, "origin": layer.origin, "sha256": digests[path]}
        for path, (_, layer) in sorted(files.items())
        if layer is not None
    }
    manifest = {
        "course": {"name": course.name, "version": course.version},
        "layers": {layer.assignment: layer.origin for layer in layers},
        "owners": course.owners,
        "files": entries,
    }
    return json.dumps(manifest, indent=1) + "\n"


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source.resolve())
    except OSError:
        # Windows gives links to administrators and developer mode only; a copy still imports, it is just not live.
        shutil.copyfile(source, target)


class Shelf:
    """Sealed files of the course that the compositions of one judge share: written once, hard-linked from then on.

    A link is the same file as the one on the shelf, so whoever could write to one would write to all of them. A judge
    keeps a shelf only if what it observes runs as another user, who owns none of them.
    """

    def __init__(self, folder: Path):
        folder.mkdir(mode=0o700)
        self._folder = folder
        self._kept: dict[tuple[str, str], Path] = {}

    def take(self, path: str, digest: str, target: Path) -> bool:
        """Make `target` the file that was kept under this path and digest; False if there is none."""
        kept = self._kept.get((path, digest))
        if kept is None:
            return False
        try:
            os.link(kept, target)
        except OSError:  # a file system without links, or too many of one file
            return False
        return True

    def keep(self, path: str, digest: str, file: Path) -> None:
        place = self._folder / str(len(self._kept))
        os.chmod(file, 0o444)
        try:
            os.link(file, place)
        except OSError:
            return
        self._kept[path, digest] = place


class _Copier:
    """Writes files into a composition and puts byte code beside the sources."""

    def __init__(self, bytecode: Mapping[str, bytes], shelf: Shelf | None):
        self.bytecode, self.shelf = bytecode, shelf

    def copy(self, path: str, content: bytes, digest: str, target: Path, layer: Layer | None) -> None:
        students = layer is not None and layer.origin == "student"
        cached = Path(importlib.util.cache_from_source(str(target)))
        if students:
            target.write_bytes(content)
            if path in self.bytecode:
                cached.parent.mkdir(exist_ok=True)
                cached.write_bytes(pyc(self.bytecode[path], content))
            return
        self.place(path, content, digest, target)
        if path.endswith(".py"):
            cached.parent.mkdir(exist_ok=True)
            self.place(f"{path}c", lambda: pyc(_compiled(path, content), content), digest, cached)

    def place(self, path: str, content: bytes | Callable[[], bytes], digest: str, target: Path) -> None:
        """Write a file of the course, or take it from the shelf."""
        if self.shelf is not None and self.shelf.take(path, digest, target):
            return
        target.write_bytes(content() if callable(content) else content)
        if self.shelf is not None:
            self.shelf.keep(path, digest, target)


@lru_cache(maxsize=256)
def _compiled(path: str, content: bytes) -> bytes:
    """Marshalled code of a file of the course. The file name in it is relative, so tracebacks are the same
    everywhere."""
    return marshal.dumps(compile(content, path, "exec", dont_inherit=True, optimize=0))


def pyc(code: bytes, source: bytes) -> bytes:
    """A .pyc of the "unchecked hash" kind (PEP 552): Python loads it without comparing it with the source."""
    flags = (0b01).to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source) + code


def _seal(into: Path) -> None:
    """Take away every right to write; the observer reads as another user."""
    for folder, _, names in os.walk(into):
        for name in names:
            os.chmod(os.path.join(folder, name), 0o444)
        os.chmod(folder, 0o555)
