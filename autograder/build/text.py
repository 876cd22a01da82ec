"""Reading Python text the way the builders need it: normalised, parsed, and cut into logical lines.

A logical line is what Python takes for one line however many physical lines it spans. Everything here is about text
and tokens; what a marker or a test case means is decided in the modules beside this one.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import UserError

INSIGNIFICANT = frozenset(
    {tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)


@dataclass(frozen=True)
class LogicalLine:
    """First and last physical line (from 1), the column it starts at, and its tokens without comments and layout."""

    first: int
    last: int
    column: int
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class Comment:
    """A comment token: where it stands, and whether it has the line to itself."""

    line: int
    column: int
    text: str
    alone: bool
    in_statement: bool


def read_text(path: Path) -> str:
    """Read a UTF-8 file; the result has no byte order mark and only `\\n` as line ends, wherever it was checked out."""
    try:
        return normalise(path.read_bytes().decode("utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; write it") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error


def normalise(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def parse(source: str, filename: str) -> ast.Module:
    """The syntax tree of normalised source; UserError naming the line if it does not compile."""
    if message := syntax_problem(source, filename):
        raise UserError(f"{filename}:{message[0]}: {message[1]}; correct the syntax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, filename)


def syntax_problem(source: str, filename: str) -> tuple[int, str] | None:
    """Line and message of what keeps `source` from compiling. Goes further than parsing: scopes are checked too."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        if hole := re.search(r" on line (\d+)$", error.msg):  # an empty body: the line of its head says more
            return int(hole[1]), error.msg[: hole.start()]
        return error.lineno or 1, error.msg
    except ValueError as error:  # a null byte, before Python 3.12
        return 1, str(error)
    return None


def tokens_of(source: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(source).readline)


def logical_lines(source: str) -> list[LogicalLine]:
    lines: list[LogicalLine] = []
    current: list[tokenize.TokenInfo] = []
    for token in tokens_of(source):
        if token.type not in INSIGNIFICANT:
            current.append(token)
        elif token.type in (tokenize.NEWLINE, tokenize.ENDMARKER) and current:
            text = tuple(t.string for t in current)
            lines.append(LogicalLine(current[0].start[0], current[-1].end[0], current[0].start[1], text))
            current = []
    return lines


def comments(source: str) -> list[Comment]:
    found: list[Comment] = []
    lines = source.split("\n")
    in_statement = False
    for token in tokens_of(source):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            alone = not lines[line - 1][:column].strip()
            found.append(Comment(line, column, token.string.rstrip(), alone, in_statement))
        elif token.type == tokenize.NEWLINE:
            in_statement = False
        elif token.type not in INSIGNIFICANT:
            in_statement = True
    return found


def own_start(node: ast.stmt) -> int:
    """The line a statement starts at, counting its decorators."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def end_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def character_column(line: str, byte_column: int) -> int:
    """Syntax trees count columns in UTF-8 bytes, tokens in characters."""
    return len(line.encode("utf-8")[:byte_column].decode("utf-8"))
