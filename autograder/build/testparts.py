"""The parts of an Otter test file: its top-level statements, the comments that belong to them, and what each one uses.

This module only reads. What it cannot see through (a decorator whose `hidden` is computed, a case inside a condition)
is an error, because the next step decides on these facts what students may read.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.build.text import end_line, own_start, parse
from autograder.errors import UserError

DECORATOR = "test_case"
FIELDS = ("name", "points", "hidden", "success_message", "failure_message")  # the order of test_case's parameters


@dataclass(frozen=True)
class Case:
    """What a decorator says about a case, as far as it concerns secrecy."""

    function: str
    hidden: bool
    texts: tuple[str, ...]  # title and messages


@dataclass(frozen=True)
class Part:
    """The statements that share lines `first` to `last`, what they bind and use of the module, and the lines before.

    `lead` counts the blank and comment lines above that belong to this part, `trail` those below.
    """

    nodes: tuple[ast.stmt, ...]
    first: int
    last: int
    lead: int
    trail: int
    binds: frozenset[str]
    uses: frozenset[str]
    case: Case | None

    @property
    def imports(self) -> bool:
        return all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in self.nodes)


def parts_of(source: str, filename: str) -> tuple[Part, ...]:
    """Cut normalised source into its parts; every line but blank ones belongs to exactly one of them."""
    tree = parse(source, filename)
    lines = source.split("\n")
    groups = _groups(tree.body)
    spans = [(min(own_start(n) for n in group), max(end_line(n) for n in group)) for group in groups]
    parts: list[Part] = []
    for index, (group, (first, last)) in enumerate(zip(groups, spans, strict=True)):
        after = spans[index + 1][0] if index + 1 < len(spans) else None
        trail = _trail(lines, last, after)
        above = parts[-1].last + parts[-1].trail if parts else 0
        text = "\n".join(lines[first - 1 : last])
        binds, uses = _symbols(text)
        case = _case_of(group, filename)
        parts.append(Part(tuple(group), first, last, first - 1 - above, trail, binds, uses, case))
    return tuple(parts)


def _groups(body: list[ast.stmt]) -> list[list[ast.stmt]]:
    """Statements on one line (`a = 1; b = 2`) cannot be taken apart by lines: keep them together."""
    groups: list[list[ast.stmt]] = []
    for node in body:
        if groups and own_start(node) <= end_line(groups[-1][-1]):
            groups[-1].append(node)
        else:
            groups.append([node])
    return groups


def _trail(lines: list[str], last: int, after: int | None) -> int:
    """How many lines below a part still belong to it.

    Indented comments do (the syntax tree ends a function at its last statement), and so does a comment that touches
    the part but not the next one. Other comments introduce what follows; at the end of the file nothing follows.
    """
    gap = lines[last : (after or len(lines) + 1) - 1]
    indented = [i for i, line in enumerate(gap) if line.strip() and line[0].isspace()]
    size = indented[-1] + 1 if indented else 0
    touching = size
    while touching < len(gap) and gap[touching].strip():
        touching += 1
    if after is None:
        return len(gap)
    return size if touching == len(gap) else touching


def _symbols(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The module-level names that a top-level statement binds, and those that it or any function inside it reads."""
    top = symtable.symtable(text, "<part>", "exec")
    binds = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    uses = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    for table in _below(top):
        for symbol in table.get_symbols():
            if symbol.is_global():
                uses.add(symbol.get_name())
                if symbol.is_declared_global() and symbol.is_assigned():
                    binds.add(symbol.get_name())
    return frozenset(binds), frozenset(uses)


def _below(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _below(child)


# Cases.


def _case_of(group: list[ast.stmt], filename: str) -> Case | None:
    """The case that a part declares; UserError where `test_case` does not decorate a top-level function."""
    node = group[0]
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) and len(group) == 1 else []
    ours = [d for d in decorators if isinstance(d, ast.Call) and _names_decorator(d.func)]
    allowed = {id(inner) for d in ours for inner in ast.walk(d.func)}
    for statement in group:
        for inner in ast.walk(statement):
            if id(inner) not in allowed:
                _refuse_other_use(inner, filename)
    if not ours:
        return None
    if len(decorators) > 1:
        raise UserError(f"{filename}:{node.lineno}: a case has one decorator, @test_case(...); remove the others")
    assert isinstance(node, ast.FunctionDef)
    return _read_case(node, ours[0], filename)


def _names_decorator(node: ast.expr) -> bool:
    return DECORATOR in (getattr(node, "id", None), getattr(node, "attr", None))


def _refuse_other_use(node: ast.AST, filename: str) -> None:
    renamed = isinstance(node, ast.alias) and node.name == DECORATOR and node.asname not in (None, DECORATOR)
    used = isinstance(node, (ast.Name, ast.Attribute)) and _names_decorator(node)
    if renamed or used:
        line = node.lineno  # type: ignore[attr-defined]
        remedy = "import it by this name and write @test_case(...) above a top-level function, nothing else"
        raise UserError(f"{filename}:{line}: {DECORATOR} is used in a way that hides which cases are hidden; {remedy}")


def _read_case(node: ast.FunctionDef, call: ast.Call, filename: str) -> Case:
    given: dict[str, ast.expr] = dict(zip(FIELDS, call.args, strict=False))
    for keyword in call.keywords:
        if keyword.arg is None:
            raise UserError(f"{filename}:{call.lineno}: @test_case(**...) conceals `hidden`; write the arguments out")
        given[keyword.arg] = keyword.value
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        raise UserError(f"{filename}:{call.lineno}: @test_case(*...) conceals `hidden`; write the arguments out")
    hidden = given.get("hidden", ast.Constant(False))
    if not isinstance(hidden, ast.Constant) or not isinstance(hidden.value, bool):
        raise UserError(f"{filename}:{hidden.lineno}: hidden={ast.unparse(hidden)} is no literal; write True or False")
    texts = []
    for field in ("name", "success_message", "failure_message"):
        text = given.get(field, ast.Constant(None))
        if not isinstance(text, ast.Constant) or not isinstance(text.value, (str, type(None))):
            raise UserError(
                f"{filename}:{text.lineno}: {field}={ast.unparse(text)} is no literal; write the string out"
            )
        if text.value:
            texts.append(text.value)
    return Case(node.name, hidden.value, tuple(texts))
