"""Names of files as an upload gives them: which are usable, which are clutter, and how to print any of them.

Nothing here touches a disk. An upload's name is only ever compared with the names that `course.yaml` declares; no
file is written under a name that came from an upload.
"""

from __future__ import annotations

import re
import sys
import unicodedata

from autograder.messages import message

SHOWN = 120  # characters of a name that a message may hold
LONGEST = 1024  # characters of a path that are worth reading
DEEPEST = 32  # folders

# Names that Python or the grader would import in place of the real thing, were they ever put on the path.
_IMPORTED_BY_NAME = frozenset({"numpy", "otter", "autograder", "pytest", "conftest", "sitecustomize", "usercustomize"})

_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # bidirectional overrides

_CLUTTER = {
    "__MACOSX": "made by macOS",
    ".DS_Store": "made by macOS",
    ".AppleDouble": "made by macOS",
    "Thumbs.db": "made by Windows",
    "desktop.ini": "made by Windows",
    "__pycache__": "made by Python",
    ".ipynb_checkpoints": "made by Jupyter",
    ".git": "version control",
    ".svn": "version control",
    ".venv": "a virtual environment",
    "venv": "a virtual environment",
    ".tox": "a virtual environment",
    "node_modules": "installed packages",
    "site-packages": "installed packages",
    ".idea": "made by the editor",
    ".vscode": "made by the editor",
    ".pytest_cache": "made by a tool",
    ".mypy_cache": "made by a tool",
    ".ruff_cache": "made by a tool",
    ".hypothesis": "made by a tool",
}


class UnusablePath(ValueError):
    """A name that no honest upload needs; the message says why, in a few words."""


def safe(text: str, limit: int = SHOWN) -> str:
    """Printable on one line in any terminal, log or page: control characters escaped, at most `limit` characters.

    A long name keeps its end, where the file's own name stands.
    """
    out = "".join(c if c.isprintable() else _escape(c) for c in text[: 4 * LONGEST])
    if len(out) <= limit:
        return out
    head = limit // 3
    return out[:head] + "..." + out[len(out) - (limit - head - 3) :]


def _is_control(c: str) -> bool:
    """Characters that no file name needs: controls, surrogates, line separators, and those that turn text around."""
    return unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in _TURNING


def _escape(c: str) -> str:
    code = ord(c)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def clean(raw: str) -> str:
    """A relative path with forward slashes, without empty parts; UnusablePath when the name is not one.

    Backslashes are folders: some Windows programs write them into zips against the format's rules.
    """
    if len(raw) > LONGEST:
        raise UnusablePath(message("intake.long"))
    if any(_is_control(c) for c in raw):
        raise UnusablePath(message("intake.controls"))
    path = raw.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or (parts and re.match(r"[A-Za-z]:", parts[0])):
        raise UnusablePath(message("intake.absolute"))
    if ".." in parts:
        raise UnusablePath(message("intake.leaves"))
    if not parts:
        raise UnusablePath(message("intake.nameless"))
    if len(parts) > DEEPEST:
        raise UnusablePath(message("intake.deep"))
    return "/".join(parts)


def clutter(path: str) -> tuple[str, str] | None:
    """The part of the path that a program left behind, and which: ("a01/__MACOSX/", "made by macOS")."""
    parts = path.split("/")
    for depth, part in enumerate(parts):
        reason = _CLUTTER.get(part)
        if reason is None and part.startswith("._"):
            reason = "made by macOS"
        if reason is None and part.endswith((".pyc", ".pyo")):
            reason = "made by Python"
        if reason is not None:
            prefix = "/".join(parts[: depth + 1])
            return (prefix + "/" if depth + 1 < len(parts) else prefix), reason
    return None


def shadowed(path: str) -> str | None:
    """The module that this file would stand in for, were its folder on Python's path: numpy.py, otter/__init__.py."""
    parts = path.split("/")
    name = parts[-2] if parts[-1] == "__init__.py" and len(parts) > 1 else parts[-1].removesuffix(".py")
    known = name in sys.stdlib_module_names or name in _IMPORTED_BY_NAME
    return name if parts[-1].endswith(".py") and known else None
