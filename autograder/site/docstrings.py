"""Docstrings as Markdown: the course's own manner of writing them (Google's sections, code in single backticks).

Only the text is turned; where it stands on a page is api.py's part. What Markdown would take for its own signs is
escaped, so that `x * 2 * y` outside of backticks stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SECTIONS = ("Args", "Attributes", "Returns", "Raises", "Yields", "Example", "Examples", "Shapes")
_SECTION = re.compile(rf"({'|'.join(SECTIONS)}):\s*$")
_CODE = re.compile(r"(`+[^`]+`+)")
_SIGNS = re.compile(r"([\\*_<>\[\]|$~])")
_START = re.compile(r"^(\s*)([%#+=>])")
_NEXT = re.compile(r"(?<=\.) (?=[A-Za-z_][\w.]*: )")  # "size: of the image. stride: of the window." are two entries
_NAMES = re.compile(r"^(\*{0,2}[A-Za-z_][\w.]*(?:, \*{0,2}[A-Za-z_][\w.]*)*): ")


def markdown(docstring: str) -> str:
    """The Markdown of a docstring that was dedented (`ast.get_docstring` does it)."""
    return "\n".join(_lines(docstring)).strip() + "\n"


def _lines(docstring: str) -> Iterator[str]:
    for name, lines in _sections(docstring):
        if not name:
            yield from _prose(lines)
        elif name.startswith("Example"):
            yield from ("", "**Example**", "", *_block(lines))
        else:
            yield from ("", f"**{name}**", "", *_items(lines))
        yield ""


def _sections(docstring: str) -> Iterator[tuple[str, list[str]]]:
    """Runs of lines: ("", text) and ("Args", the lines indented below it)."""
    name, lines = "", []
    for line in docstring.split("\n"):
        if found := _SECTION.fullmatch(line):
            yield name, lines
            name, lines = found[1], []
        elif name and line.strip() and not line.startswith(" "):
            yield name, lines
            name, lines = "", [line]
        else:
            lines.append(line)
    yield name, lines


def _prose(lines: list[str]) -> Iterator[str]:
    """Text; what is indented by four spaces after a blank line is code and stays as it is."""
    code, blank = False, True
    for line in lines:
        indented = line.startswith("    ")
        code = (indented and (code or blank)) or (code and not line.strip())
        blank = not line.strip()
        yield line if code else escaped(line)


def _items(lines: list[str]) -> Iterator[str]:
    """An entry of a list for each `name: what it is`; a line indented further goes on with the entry before."""
    entries: list[str] = []
    text = [line for line in lines if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in text), default=0)
    for line in text:
        deeper = len(line) - len(line.lstrip()) > margin
        if entries and deeper:
            entries[-1] += " " + line.strip()
        else:
            entries.append(line.strip())
    for entry in (part for whole in entries for part in _NEXT.split(whole)):
        named = _NAMES.match(entry)
        head = f"`{named[1]}`: " if named else ""
        yield f"- {head}{escaped(entry[named.end() :] if named else entry)}"


def _block(lines: list[str]) -> Iterator[str]:
    text = [line for line in lines if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in text), default=0)
    yield from ("    " + line[margin:] for line in lines)


def escaped(text: str) -> str:
    """Running text whose signs are not Markdown's, code in backticks apart."""
    parts = _CODE.split(text)
    parts[::2] = [_SIGNS.sub(r"\\\1", part) for part in parts[::2]]
    return _START.sub(r"\1\\\2", "".join(parts))
