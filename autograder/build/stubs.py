"""A stub and the proof that it is one: it promises what the solution promises, and gives away none of its lines.

Stripping is markers.py's part. Here the two syntax trees are compared (names, signatures, docstrings), and then the
tokens of every solution line are looked for in the stub, independently of how the stub was made.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.build.markers import solution_lines, strip
from autograder.build.text import logical_lines, normalise, parse
from autograder.errors import UserError

TELLING = 4  # a logical line with fewer tokens ("return x", "else:") says nothing about the solution


@dataclass(frozen=True)
class Promise:
    """What one class, function or field says to its users, without what it does."""

    name: str
    line: int
    signature: str
    docstring: str | None

    @property
    def public(self) -> bool:
        return all(not part.startswith("_") or part.endswith("__") for part in self.name.split("."))


def make_stub(source: str, assignment_key: str, filename: str) -> str:
    """Strip a solution file and check the result; UserError names everything that a student would miss or be given."""
    if not solution_lines(source, filename):
        raise UserError(f"{filename}:1: no solution marker, so students would get the whole file; mark what they write")
    stub = strip(source, assignment_key, filename)
    if problems := stub_problems(source, stub, filename):
        raise UserError("\n".join(problems))
    return stub


def stub_problems(source: str, stub: str, filename: str) -> tuple[str, ...]:
    """One line for each way in which `stub` is not a fair stub of `source`; empty if it is one."""
    source, stub = normalise(source), normalise(stub)
    expected, actual = parse(source, filename), parse(stub, f"stub of {filename}")
    return (
        *_names(source, stub, filename),
        *_promises(expected, actual, filename),
        *(
            f"{filename}:{line}: the solution's '{text}' also stands in the stub; reword the prompt"
            for line, text in leaked_lines(source, stub, filename)
        ),
    )


def leaked_lines(source: str, other: str, filename: str = "<source>") -> tuple[tuple[int, str], ...]:
    """The solution lines of `source` whose tokens `other` holds too, unless they also stand outside the markers."""
    source, other = normalise(source), normalise(other)
    marked = solution_lines(source, filename)
    lines = logical_lines(source)
    outside = {line.tokens for line in lines if line.first not in marked}
    shown = {line.tokens for line in logical_lines(other)} - outside
    telling = {line.tokens for line in lines if line.first in marked and len(line.tokens) >= TELLING} - outside
    leaked = {tokens for tokens in telling if any(_holds(line, tokens) for line in shown)}
    text = source.split("\n")
    return tuple(
        (line.first, text[line.first - 1].strip()) for line in lines if line.first in marked and line.tokens in leaked
    )


def _holds(line: tuple[str, ...], part: tuple[str, ...]) -> bool:
    """Is `part` a run of tokens of `line`, as in `if a: <part>`?"""
    return any(line[i : i + len(part)] == part for i in range(len(line) - len(part) + 1))


def _names(source: str, stub: str, filename: str) -> Iterator[str]:
    expected, actual = (_bound(text, filename) for text in (source, stub))
    for name in sorted(expected - actual):
        if not name.startswith("_"):
            yield f"{filename}: '{name}' is defined only between solution markers; move the markers into its body"
    for name in sorted(actual - expected):
        yield f"{filename}: '{name}' exists only in the stub; let the prompt use the solution's names"


def _bound(source: str, filename: str) -> set[str]:
    """Names that a module defines itself; what it imports is its own business."""
    symbols = symtable.symtable(source, filename, "exec").get_symbols()
    return {s.get_name() for s in symbols if (s.is_assigned() and not s.is_imported()) or s.is_namespace()}


def _promises(expected: ast.Module, actual: ast.Module, filename: str) -> Iterator[str]:
    if ast.get_docstring(expected, clean=False) != ast.get_docstring(actual, clean=False):
        yield f"{filename}:1: the stub loses the module's docstring; move it out of the markers"
    kept: dict[str, list[Promise]] = {}
    for promise in promises(actual):
        kept.setdefault(promise.name, []).append(promise)
    for promise in promises(expected):
        remaining = kept.get(promise.name)
        if not remaining:
            if promise.public:
                yield f"{filename}:{promise.line}: the stub loses {promise.name}; mark its body, not its head"
            continue
        stub = remaining.pop(0)
        for what in ("signature", "docstring"):
            if getattr(stub, what) != getattr(promise, what):
                yield f"{filename}:{promise.line}: the stub changes the {what} of {promise.name}; leave it unmarked"


def promises(node: ast.AST, path: tuple[str, ...] = ()) -> Iterator[Promise]:
    """Every class, function and annotated field at module and class level, in order; nothing inside functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            parts = (child.bases, child.keywords, child.decorator_list, getattr(child, "type_params", []))
            yield _promise(child, child.name, parts, path)
            yield from promises(child, (*path, child.name))
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            parts = (child.args, child.returns, child.decorator_list, getattr(child, "type_params", []))
            yield _promise(child, child.name, parts, path)
        elif isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name) and path:
            yield _promise(child, child.target.id, (child.annotation,), path)
        elif isinstance(child, (ast.stmt, ast.ExceptHandler)):
            yield from promises(child, path)


def _promise(node: ast.stmt, name: str, parts: tuple[object, ...], path: tuple[str, ...]) -> Promise:
    documented = isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    docstring = ast.get_docstring(node, clean=False) if documented else None
    signature = " ".join([type(node).__name__, *(_dump(part) for part in parts)])
    return Promise(".".join((*path, name)), node.lineno, signature, docstring)


def _dump(part: object) -> str:
    if isinstance(part, list):
        return " ".join(_dump(item) for item in part)
    return ast.dump(part) if isinstance(part, ast.AST) else repr(part)
