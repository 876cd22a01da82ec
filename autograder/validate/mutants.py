"""Automatic mutants: small edits of a reference on the lines between solution markers, one edit a mutant.

An edit changes one operator, comparison, constant, condition, keyword or statement. Text in messages and annotations is
left alone: a test is not expected to read it. Some mutants compute the same thing as the reference; nobody can catch
those, which is why the share caught is reported and the survivors are listed rather than all required to fall.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from autograder.build import solution_lines

ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
COMPARISON: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


@dataclass(frozen=True)
class Mutant:
    """One wrong version: the file it changes, where, how in words, and the whole source."""

    file: str
    line: int
    edit: str
    source: str

    @property
    def name(self) -> str:
        return f"{self.file}:{self.line}: {self.edit}"


def mutants(file: str, source: str) -> tuple[Mutant, ...]:
    """All mutants of a reference file, by line. Two edits that give the same program are one mutant."""
    lines = solution_lines(source, file)
    body = ast.parse(source).body
    texts = [ast.unparse(statement) for statement in body]
    made = []
    for number, statement in enumerate(body):
        # Only the function or class that is edited is copied and written anew; a whole file a mutant takes minutes.
        before, after = "\n".join(texts[:number]), "\n".join(texts[number + 1 :])
        seen = {texts[number]}
        for position, edit in _sites(statement, lines):
            changed = copy.deepcopy(statement)
            words = edit(_node_at(changed, position))
            if words is None:
                continue
            text = ast.unparse(changed)
            if text not in seen and _is_python(text):
                seen.add(text)
                line = _node_at(statement, position).lineno
                made.append(Mutant(file, line, words, f"{before}\n{text}\n{after}\n"))
    return tuple(sorted(made, key=lambda m: (m.line, m.edit)))


def _is_python(text: str) -> bool:
    """An edit may leave none: without its only assignment a name that is declared nonlocal is an error."""
    try:
        compile(text, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def sample(found: tuple[Mutant, ...], count: int) -> tuple[Mutant, ...]:
    """`count` of the mutants, spread by a hash of their names: the same choice every time, and little moved by an
    edit."""
    ranked = sorted(found, key=lambda m: hashlib.sha256(m.name.encode()).digest())
    return tuple(sorted(ranked[:count], key=lambda m: (m.file, m.line, m.edit)))


# A position is the number of a node in the order of ast.walk: it names the same node in a copy of the tree.
Edit = Callable[[ast.AST], "str | None"]


def _node_at(tree: ast.AST, position: int) -> ast.AST:
    for number, node in enumerate(ast.walk(tree)):
        if number == position:
            return node
    raise IndexError(position)


def _sites(tree: ast.AST, lines: frozenset[int]) -> Iterator[tuple[int, Edit]]:
    """Every place that can be edited, and the edit."""
    left_alone = _left_alone(tree)
    for position, node in enumerate(ast.walk(tree)):
        if getattr(node, "lineno", None) not in lines or id(node) in left_alone:
            continue
        if isinstance(node, (ast.BinOp, ast.AugAssign)):
            yield position, _swap_operator
        elif isinstance(node, ast.Compare):
            yield position, _swap_comparison
        elif isinstance(node, ast.BoolOp):
            yield position, _swap_boolean
        elif isinstance(node, ast.UnaryOp):
            yield position, _drop_unary
        elif isinstance(node, ast.Constant):
            yield position, _change_constant
        elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
            yield position, _negate_condition
        elif isinstance(node, ast.Call) and node.keywords:
            yield position, _drop_keyword
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr, ast.Raise)):
            yield position, _delete_statement
        elif isinstance(node, ast.Return) and node.value is not None:
            yield position, _return_nothing


def _left_alone(tree: ast.AST) -> set[int]:
    """Annotations, docstrings and the texts of errors."""
    found: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            parts = [node.returns, *(arg.annotation for arg in ast.walk(node.args) if isinstance(arg, ast.arg))]
        elif isinstance(node, ast.AnnAssign):
            parts = [node.annotation]
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            parts = [*node.exc.args]
        elif isinstance(node, ast.JoinedStr):
            parts = [node]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts = [node, node.value]
        for part in parts:
            if part is not None:
                found.update(id(inner) for inner in ast.walk(part))
    return found


def _swap_operator(node: ast.AST) -> str | None:
    replacement = ARITHMETIC.get(type(node.op))  # type: ignore[attr-defined]
    if replacement is None:
        return None
    before = type(node.op).__name__  # type: ignore[attr-defined]
    node.op = replacement()  # type: ignore[attr-defined]
    return f"{before} -> {replacement.__name__}"


def _swap_comparison(node: ast.AST) -> str | None:
    assert isinstance(node, ast.Compare)
    before = type(node.ops[0])
    if before not in COMPARISON:
        return None
    node.ops[0] = COMPARISON[before]()
    return f"{before.__name__} -> {COMPARISON[before].__name__}"


def _swap_boolean(node: ast.AST) -> str:
    assert isinstance(node, ast.BoolOp)
    before = type(node.op).__name__
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return f"{before} -> {type(node.op).__name__}"


def _drop_unary(node: ast.AST) -> str | None:
    """`-x` becomes `+x`; `not x` becomes `not not x`, which is the other answer."""
    assert isinstance(node, ast.UnaryOp)
    if isinstance(node.op, ast.USub):
        node.op = ast.UAdd()
        return "drop minus"
    if isinstance(node.op, ast.Not):
        node.operand = ast.UnaryOp(ast.Not(), node.operand)
        return "drop not"
    return None


def _change_constant(node: ast.AST) -> str | None:
    assert isinstance(node, ast.Constant)
    before = node.value
    if isinstance(before, bool):
        node.value = not before
    elif isinstance(before, int):
        node.value = before + 1
    elif isinstance(before, float):
        node.value = before * 1.5 + 0.25
    else:
        return None
    return f"{before!r} -> {node.value!r}"


def _negate_condition(node: ast.AST) -> str:
    node.test = ast.UnaryOp(ast.Not(), node.test)  # type: ignore[attr-defined]
    return "negate condition"


def _drop_keyword(node: ast.AST) -> str | None:
    assert isinstance(node, ast.Call)
    dropped = node.keywords.pop()
    return f"drop {dropped.arg}=" if dropped.arg else None


def _delete_statement(node: ast.AST) -> str:
    """Turn the statement into `pass` in place: its parent need not be known."""
    kind = type(node).__name__
    _become(node, ast.Pass())
    return f"delete {kind}"


def _return_nothing(node: ast.AST) -> str:
    assert isinstance(node, ast.Return)
    node.value = ast.Constant(None)
    return "return None"


def _become(node: ast.AST, other: ast.AST) -> None:
    where = {name: getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")}
    node.__class__ = other.__class__
    node.__dict__.clear()
    node.__dict__.update(where)
