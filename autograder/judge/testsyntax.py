"""What the syntax of a test file says: its cases, the names it binds, and which of its statements can run at all.

Plain questions about `ast` trees, without opinions; what is a problem is decided in `testlint`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_MUTATING = frozenset(
    """
    append extend insert remove pop popitem clear update setdefault add discard sort reverse appendleft
    """.split()  # noqa: SIM905
)
_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_MUTABLE_CALLS = frozenset({"list", "dict", "set", "defaultdict", "deque", "Counter", "bytearray"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_test_case(node: ast.expr) -> bool:
    return dotted(node).split(".")[-1] == "test_case"


def is_case_decorator(node: ast.expr) -> bool:
    return is_test_case(node.func if isinstance(node, ast.Call) else node)


def keyword(case: Function, name: str) -> ast.expr | None:
    for decorator in case.decorator_list:
        if isinstance(decorator, ast.Call) and is_test_case(decorator.func):
            return next((k.value for k in decorator.keywords if k.arg == name), None)
    return None


def literal_title(case: Function) -> str:
    value = constant(keyword(case, "name"))
    return value if isinstance(value, str) else ""


def is_hidden(case: Function) -> bool:
    return constant(keyword(case, "hidden")) is True


def constant(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def module_literals(tree: ast.Module) -> dict[str, object]:
    """Plain `name = literal` assignments at the top; the last one counts, and what is not a literal is `...`."""
    found: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = node.value.value if isinstance(node.value, ast.Constant) else ...
    return found


def module_mutables(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None and is_mutable(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def is_mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        name = dotted(value.func)
        return name.split(".")[-1] in _MUTABLE_CALLS or name.split(".")[0] in ("np", "numpy")
    return isinstance(value, _MUTABLE)


def mutated(node: ast.AST) -> str:
    """The name whose object this node changes in place: X.append(...), X[...] = ..., X += ..., del X[...]."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATING:
        return dotted(node.func.value)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)):
        return dotted(node.value)
    return ""


def bound_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
        else:
            yield from (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def local_names(function: Function) -> set[str]:
    """Parameters and names assigned anywhere inside, nested functions' and lambdas' included."""
    names: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def outside_functions(tree: ast.Module) -> Iterator[ast.AST]:
    """Nodes that run while the file is loaded: all but the bodies of functions and lambdas (their defaults do run)."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            pending += [*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)]
        elif isinstance(node, ast.Lambda):
            pending += node.args.defaults
        else:
            pending += ast.iter_child_nodes(node)


def own_nodes(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function's body without those of functions inside it."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            pending += ast.iter_child_nodes(node)


def without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    return body[1:] if isinstance(first, ast.Expr) and isinstance(constant(first.value), str) else body


def is_constant_statement(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def reachable(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements up to and including the first that always leaves the block."""
    for statement in body:
        yield statement
        if isinstance(statement, _ENDS):
            return


def reached_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement that can run: not after a return, not under `if False`, not in a loop over nothing."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        yield node
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.AST):
                pending.append(value)
            elif isinstance(value, list):
                if field == "body" and never_entered(node):
                    continue
                statements = bool(value) and isinstance(value[0], ast.stmt)
                pending += reachable(value) if statements else [v for v in value if isinstance(v, ast.AST)]


def never_entered(node: ast.AST) -> bool:
    if isinstance(node, (ast.If, ast.While)) and isinstance(node.test, ast.Constant):
        return not node.test.value
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return isinstance(node.iter, (ast.List, ast.Tuple, ast.Set)) and not node.iter.elts
    return False


def dotted(node: ast.AST) -> str:
    """`a.b.c` for names and attributes of names, an empty string for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
