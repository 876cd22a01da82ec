"""The wheel that makes `tito` a student's command: the modules that a student's commands import, and nothing else.

Which those are is found by following imports from the commands, lazy ones too. Grading in batches, building, validating
and publishing are not reached from there. The same sources give the same bytes; the version holds their digest, so that
installing a newer release replaces an older tool.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.release.lock import DISTRIBUTION, EXTRA, normal
from autograder.release.zips import zip_bytes

PACKAGE = Path(__file__).resolve().parent.parent
COMMANDS = ("check", "submit", "status", "start", "hint", "lab", "doctor", "checkpoint", "map", "draw", "data")
ENTRY = "autograder.__main__"
_REGISTERED = re.compile(r'^    "(?P<name>[a-z-]+)": "autograder\.cli\.[a-z_]+",\n', re.MULTILINE)


@dataclass(frozen=True)
class Wheel:
    """A wheel's file name, content and version, and the modules in it by their paths."""

    name: str
    content: bytes
    version: str
    modules: Mapping[str, bytes]


def student_wheel(base_version: str, requires: Iterable[str]) -> Wheel:
    """The wheel for students."""
    modules = student_modules()
    digest = hashlib.sha256()
    for path, content in sorted(modules.items()):
        digest.update(path.encode() + b"\0" + content + b"\0")
    version = f"{base_version}+r{digest.hexdigest()[:8]}"
    stem = f"{normal(DISTRIBUTION).replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    files = {
        **modules,
        f"{info}/METADATA": _metadata(version, requires).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tito\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": b"[console_scripts]\ntito = autograder.cli:main\n",
    }
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    return Wheel(f"{stem}-py3-none-any.whl", zip_bytes(files), version, modules)


def student_modules() -> dict[str, bytes]:
    """Path below site-packages and content of every module that students get."""
    found: dict[str, bytes] = {}
    pending = [ENTRY, *(f"autograder.cli.{name}" for name in COMMANDS)]
    while pending:
        module = pending.pop()
        file = _file_of(module)
        if file is None or _path(file) in found:
            continue
        content = file.read_bytes().replace(b"\r\n", b"\n")
        found[_path(file)] = _fewer_commands(content) if module == "autograder.cli" else content
        pending += [module.rpartition(".")[0], *_imports(content, module)]
    return dict(sorted(found.items()))


def _fewer_commands(content: bytes) -> bytes:
    """The table of commands without those that are not in the wheel."""

    def kept(match: re.Match[str]) -> str:
        return match[0] if match["name"] in COMMANDS else ""

    return _REGISTERED.sub(kept, content.decode()).encode()


def _imports(content: bytes, module: str) -> Iterable[str]:
    """Every module of this package that a module may import, at its top or inside a function."""
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{module} imports relatively"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _file_of(module: str) -> Path | None:
    first, *rest = module.split(".")
    if first != PACKAGE.name:
        return None
    place = PACKAGE.joinpath(*rest)
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return file if file.is_file() else None


def _path(file: Path) -> str:
    return file.relative_to(PACKAGE.parent).as_posix()


def _metadata(version: str, requires: Iterable[str]) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {DISTRIBUTION}", f"Version: {version}", "Requires-Python: >=3.10"]
    lines += ["Summary: TinyTorch, the students' tools", "License: MIT", f"Provides-Extra: {EXTRA}"]
    lines += [f"Requires-Dist: {text}" for text in requires if "extra ==" not in text or f'"{EXTRA}"' in _quoted(text)]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return text.replace("'", '"')


def _record(files: Mapping[str, bytes], own: str) -> bytes:
    lines = []
    for path, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}")
    return "\n".join([*lines, f"{own},,"]).encode() + b"\n"
