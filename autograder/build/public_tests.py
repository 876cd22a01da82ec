"""The public version of a test file: hidden cases, and whatever only they need, are cut out of the source text.

What stays keeps its text, comments and formatting. leaks.py then searches the result for anything that belongs to a
hidden case. Reading the file into parts is testparts.py's business; whether the cases are good tests is the judge's.
"""

from __future__ import annotations

import ast
from itertools import takewhile

from autograder.build.leaks import leaks
from autograder.build.testparts import Part, parts_of
from autograder.build.text import normalise, parse
from autograder.errors import UserError

SETTINGS = frozenset({"OK_FORMAT", "name", "title", "points", "all_or_nothing"})


def public_version(source: str, filename: str) -> str | None:
    """The file without its hidden cases; None if no case is public."""
    source = normalise(source)
    parts = parts_of(source, filename)
    _refuse_listed_points(parts, filename)
    if not any(part.case and not part.case.hidden for part in parts):
        return None
    needed = _needed(parts, filename)
    bound = frozenset().union(*(part.binds for part in parts))
    kept = {p for i, p in enumerate(parts) if _stays(p, needed, bound, filename) or (i == 0 and _is_text(p))}
    result = _assemble(source, parts, kept, needed)
    parse(result, f"public version of {filename}")
    if problems := leaks(source, result, filename):
        raise UserError("\n".join(problems))
    return result


def _refuse_listed_points(parts: tuple[Part, ...], filename: str) -> None:
    for part in parts:
        if "points" in part.binds and any(isinstance(n, ast.List) for node in part.nodes for n in ast.walk(node)):
            raise UserError(f"{filename}:{part.first}: points is a list over all cases; state each case's own points")


# What stays.


def _needed(parts: tuple[Part, ...], filename: str) -> frozenset[str]:
    """Every module-level name that the public cases and the file's settings use, directly or through others."""
    binders: dict[str, list[Part]] = {}
    for part in parts:
        for name in part.binds:
            binders.setdefault(name, []).append(part)
    pending = [p for p in parts if (p.case and not p.case.hidden) or p.binds & SETTINGS]
    needed: set[str] = set()
    while pending:
        part = pending.pop()
        reached = part.uses if part.imports else part.uses | part.binds
        for name in sorted(reached & binders.keys() - needed):
            if any(binder.case and binder.case.hidden for binder in binders[name]):
                remedy = "move what both need into a helper"
                raise UserError(f"{filename}:{part.first}: a public case needs the hidden case '{name}'; {remedy}")
            needed.add(name)
            pending.extend(binders[name])
    return frozenset(needed)


def _stays(part: Part, needed: frozenset[str], bound: frozenset[str], filename: str) -> bool:
    if part.case:
        return not part.case.hidden
    if part.binds & needed or _is_future(part):
        return True
    if part.binds or _is_text(part):
        return False
    return _effect_stays(part, needed, bound, filename)


def _effect_stays(part: Part, needed: frozenset[str], bound: frozenset[str], filename: str) -> bool:
    """A statement that binds nothing acts on what it names: it stays with it, goes with it, or nobody can say."""
    named = part.uses & bound
    if named <= needed:
        return True
    if named & needed:
        shared, other = (", ".join(sorted(names)) for names in (named & needed, named - needed))
        problem = f"this statement uses both what public cases need ({shared}) and what they do not ({other})"
        raise UserError(f"{filename}:{part.first}: {problem}; move it into the cases")
    return False


def _is_text(part: Part) -> bool:
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in part.nodes)


def _is_future(part: Part) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in part.nodes)


# The new text.


def _assemble(source: str, parts: tuple[Part, ...], kept: set[Part], needed: frozenset[str]) -> str:
    """The kept parts, as far apart as the parts between them (paragraphs of imports stay paragraphs)."""
    lines = source.split("\n")
    result: list[str] = []
    gap = 0
    for part in parts:
        lead = lines[part.first - 1 - part.lead : part.first - 1]
        blanks = sum(1 for _ in takewhile(lambda line: not line.strip(), lead))
        gap = max(gap, blanks)
        if part not in kept:
            continue
        result += [""] * (gap - blanks) + lead
        gap = 0
        result += _narrowed(part, needed) or lines[part.first - 1 : part.last]
        result += lines[part.last : part.last + part.trail]
    return "\n".join(result).strip("\n") + "\n"


def _narrowed(part: Part, needed: frozenset[str]) -> list[str]:
    """An import of names of which only some are needed, written anew; empty if the text can stay as it is."""
    if not part.imports or part.binds <= needed or _is_future(part):
        return []
    written = []
    for node in part.nodes:
        assert isinstance(node, (ast.Import, ast.ImportFrom))
        node.names = [a for a in node.names if (a.asname or a.name).split(".")[0] in needed or a.name == "*"]
        if node.names:
            written.append(ast.unparse(node))
    return written
