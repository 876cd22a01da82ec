"""The stripper: reference code with solution markers in, what students get out.

A solution block inside a function becomes one `raise NotImplementedError` that names the assignment and the function;
at module or class level it disappears. `# SOLUTION` does the same to one statement, of which an assignment keeps the
target. `# BEGIN PROMPT` uncovers text that only students see. The result always compiles, or the author hears which
line is why. Finding the markers is scan.py's part, comparing a stub with its solution is stubs.py's.
"""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator, Set
from dataclasses import dataclass

from autograder.build.scan import BEGIN, BEGIN_PROMPT, TAG, Block, Marks, Tag, scan
from autograder.build.text import (
    LogicalLine,
    character_column,
    comments,
    end_line,
    logical_lines,
    normalise,
    own_start,
    parse,
    syntax_problem,
    tokens_of,
)
from autograder.errors import UserError

ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)


@dataclass(frozen=True)
class Placed:
    """A statement and the outermost function around it, as `f` or `Class.method`; None at module and class level."""

    node: ast.stmt
    function: str | None


@dataclass(frozen=True)
class Edit:
    """Physical lines `first` to `last` become `text`; no text removes them."""

    first: int
    last: int
    text: tuple[str, ...]


def strip(source: str, assignment_key: str, filename: str, prose: Set[int] = frozenset()) -> str:
    """What students get for `source`. `prose` are lines whose comments are text (a lab's markdown cells)."""
    return _Stripper(source, assignment_key, filename, prose).strip()


def solution_lines(source: str, filename: str = "<source>", prose: Set[int] = frozenset()) -> frozenset[int]:
    """The numbers of the lines between solution markers, and of the statements that end in `# SOLUTION`."""
    return _Stripper(source, "", filename, prose).solution_lines()


class _Stripper:
    def __init__(self, source: str, key: str, filename: str, prose: Set[int]) -> None:
        self.source = normalise(source)
        self.lines = self.source.split("\n")
        self.key = key
        self.filename = filename
        self.tree = parse(self.source, filename)
        self.placed = tuple(_placed(self.tree, (), None))
        self.logical = logical_lines(self.source)
        self.marks: Marks = scan(self.source, filename, prose)

    def strip(self) -> str:
        edits = [self._block(block) for block in self.marks.solutions]
        edits += [self._prompt(block) for block in self.marks.prompts]
        edits += [self._tag(tag) for tag in self.marks.tags]
        kept = _apply(self.lines, sorted(edits, key=lambda edit: edit.first))
        stub = "\n".join(text for _, text in kept)
        if problem := syntax_problem(stub, self.filename):
            line = kept[min(problem[0], len(kept)) - 1][0]
            raise self._error(
                line,
                f"the file does not compile once its solutions are taken out ({problem[1]})",
                "mark whole statements and leave one in every body",
            )
        return stub

    def solution_lines(self) -> frozenset[int]:
        found: set[int] = set()
        for block in self.marks.solutions:
            self._function_at(block)
            found.update(block.inside)
        for tag in self.marks.tags:
            node = self._statement_at(tag).node
            found.update(range(node.lineno, end_line(node) + 1))
        return frozenset(found)

    # One marker, one edit.

    def _block(self, block: Block) -> Edit:
        function = self._function_at(block)
        raised = () if block.silent or function is None else (block.indent + self._raise(function),)
        return Edit(block.begin, block.end, raised)

    def _prompt(self, block: Block) -> Edit:
        alone = {c.line: c for c in comments(self.source) if c.alone and not c.in_statement}
        shown: list[str] = []
        for number in block.inside:
            line = self.lines[number - 1]
            if line.strip() and number not in alone:
                raise self._error(number, f"'{line.strip()}' is code inside a prompt", "write prompt lines as comments")
            indent, _, text = line.partition("#")
            shown.append(indent + text.removeprefix(" ") if text.strip() else "")
        if not any(shown):
            raise self._error(block.begin, f"'{BEGIN_PROMPT}' opens an empty block", "write the prompt")
        return Edit(block.begin, block.end, tuple(shown))

    def _tag(self, tag: Tag) -> Edit:
        placed = self._statement_at(tag)
        node, last = placed.node, self._logical_at(tag.line).last
        before = self._text_between((node.lineno, 0), (node.lineno, self._column(node.lineno, node.col_offset)))
        if tag.silent:
            text = before.rstrip()
        elif isinstance(node, ASSIGNMENTS):
            text = f"{before}{self._target(node)} = {_unknown(node)}  # {self.key}: yours to write"
        elif placed.function:
            text = before + self._raise(placed.function)
        else:
            text = before.rstrip()
        return Edit(node.lineno, last, tuple(text.split("\n")) if text else ())

    def _raise(self, function: str) -> str:
        return f'raise NotImplementedError("{self.key}: {function} is yours to write")'

    # Which statements a marker means.

    def _function_at(self, block: Block) -> str | None:
        """Check that a block encloses whole statements; the function it stands in, or None."""
        inside = [line for line in self.logical if line.first in block.inside]
        if not inside:
            raise self._error(block.begin, f"'{BEGIN}' opens a block without code", "remove the markers")
        first = next((p for p in self.placed if inside[0].first <= own_start(p.node) <= inside[0].last), None)
        if first is None:
            raise self._error(inside[0].first, "a solution begins in the middle of a statement", "enclose all of it")
        if self._indent(inside[0]) != block.indent:
            raise self._error(block.begin, f"'{BEGIN}' is not indented like the line below it", "align the two")
        for line in inside:
            if not self._indent(line).startswith(block.indent):
                raise self._error(
                    line.first, f"the solution begun in line {block.begin} leaves its body", "end it above"
                )
        for p in self.placed:
            if own_start(p.node) in block.inside and end_line(p.node) > block.end:
                raise self._error(block.end, "a solution ends in the middle of a statement", "enclose all of it")
        return first.function

    def _statement_at(self, tag: Tag) -> Placed:
        line = self._logical_at(tag.line)
        simple = (p for p in self.placed if not hasattr(p.node, "body") and not hasattr(p.node, "cases"))
        nodes = [p for p in simple if line.first <= p.node.lineno and end_line(p.node) <= line.last]
        if not nodes:
            raise self._error(tag.line, f"'{TAG}' stands on a line that opens a block", "mark the lines of its body")
        if len(nodes) > 1:
            raise self._error(tag.line, f"'{TAG}' marks {len(nodes)} statements", "write one statement a line")
        node = nodes[0].node
        if tag.line not in (node.lineno, line.last):
            raise self._error(tag.line, f"'{TAG}' stands inside a statement", "move it to the statement's last line")
        if isinstance(node, ast.AnnAssign) and node.value is None:
            raise self._error(tag.line, f"'{TAG}' marks a declaration without a value", "remove the marker")
        return nodes[0]

    def _logical_at(self, number: int) -> LogicalLine:
        return next(line for line in self.logical if line.first <= number <= line.last)

    # Pieces of source.

    def _indent(self, line: LogicalLine) -> str:
        return self.lines[line.first - 1][: line.column]

    def _column(self, line: int, byte_column: int | None) -> int:
        return character_column(self.lines[line - 1], byte_column or 0)

    def _text_between(self, start: tuple[int, int], end: tuple[int, int]) -> str:
        if start[0] == end[0]:
            return self.lines[start[0] - 1][start[1] : end[1]]
        middle = self.lines[start[0] : end[0] - 1]
        return "\n".join([self.lines[start[0] - 1][start[1] :], *middle, self.lines[end[0] - 1][: end[1]]])

    def _target(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> str:
        """The source of everything left of the last assignment sign: targets, annotation, brackets."""
        if isinstance(node, ast.Assign):
            last: ast.expr = node.targets[-1]
        else:
            last = node.annotation if isinstance(node, ast.AnnAssign) else node.target
        after = (last.end_lineno or last.lineno, self._column(last.end_lineno or last.lineno, last.end_col_offset))
        sign = next(
            token
            for token in tokens_of(self.source)
            if token.type == tokenize.OP and token.string.endswith("=") and token.start >= after
        )
        return self._text_between((node.lineno, self._column(node.lineno, node.col_offset)), sign.start).rstrip()

    def _error(self, line: int, problem: str, remedy: str) -> UserError:
        return UserError(f"{self.filename}:{line}: {problem}; {remedy}")


def _placed(node: ast.AST, classes: tuple[str, ...], function: str | None) -> Iterator[Placed]:
    """All statements below `node`, outer before inner."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield Placed(child, function)
        inner_classes, inner_function = classes, function
        if isinstance(child, ast.ClassDef):
            inner_classes = (*classes, child.name)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner_function = function or ".".join((*classes, child.name))
        yield from _placed(child, inner_classes, inner_function)


def _unknown(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> str:
    """`...`, or as many as the target unpacks: a stub has to import cleanly."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    shaped = next((target for target in targets if isinstance(target, (ast.Tuple, ast.List))), None)
    return _like(shaped, outer=True) if shaped else "..."


def _like(target: ast.expr, outer: bool = False) -> str:
    if not isinstance(target, (ast.Tuple, ast.List)):
        return "..."
    parts = ", ".join(_like(item) for item in target.elts) + ("," if len(target.elts) == 1 else "")
    return parts if outer and parts else f"({parts})"


def _apply(lines: list[str], edits: list[Edit]) -> list[tuple[int, str]]:
    """The lines of the stub, each with the number of the line it comes from."""
    kept: list[tuple[int, str]] = []
    position = 1
    for edit in edits:
        kept += [(number, lines[number - 1]) for number in range(position, edit.first)]
        kept += [(edit.first, text) for text in edit.text]
        position = edit.last + 1
        if not edit.text:
            position += _spare_blanks(kept, lines, position)
    kept += [(number, lines[number - 1]) for number in range(position, len(lines) + 1)]
    return kept or [(1, "")]


def _spare_blanks(kept: list[tuple[int, str]], lines: list[str], position: int) -> int:
    """How many blank lines to drop from `position` on, so that a removed block leaves no hole."""
    before = 0
    while before < len(kept) and not kept[-1 - before][1].strip():
        before += 1
    after = 0
    while position + after < len(lines) and not lines[position + after - 1].strip():
        after += 1
    return after if before == len(kept) else min(before, after)
