"""Does a public test file say anything about the hidden cases? Asked of the finished text, whoever made it.

Searched for: a hidden case's function name, title, messages, docstring, comments and body. Words are compared as
words and code as tokens, so another layout of the same code is found too.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.build.stubs import TELLING
from autograder.build.testparts import Part, parts_of
from autograder.build.text import comments, logical_lines, normalise, parse, tokens_of


@dataclass(frozen=True)
class Public:
    """What a reader of the public file sees: identifiers, texts (strings and comments) and lines of code."""

    identifiers: frozenset[str]
    texts: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def leaks(source: str, public: str, filename: str) -> tuple[str, ...]:
    """One line for each trace of a hidden case of `source` in `public`; empty if there is none."""
    source, public = normalise(source), normalise(public)
    parts = parts_of(source, filename)
    titles = {text for part in parts if part.case and not part.case.hidden for text in part.case.texts}
    seen = _seen(public, filename, titles)
    found: list[str] = []
    for part in parts:
        if part.case and part.case.hidden:
            remedy = f"is public too; change the hidden case {part.case.function} or the public text"
            found += [f"{filename}:{part.first}: {what} {remedy}" for what in _traces(part, source, seen)]
    for line, text in _comment_leaks(source, public, parts):
        found.append(f"{filename}:{line}: the comment '{text}' of a hidden case is public too; reword it")
    return tuple(found)


def _seen(public: str, filename: str, titles: set[str]) -> Public:
    """Titles and messages of public cases are public by intent, even where they contain a hidden title's words."""
    identifiers: set[str] = set()
    before = ""
    for token in tokens_of(public):
        if token.type == tokenize.NAME and before != ".":
            identifiers.add(token.string)
        before = token.string
    tree = parse(public, f"public version of {filename}")
    strings = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    texts = [_flat(s) for s in strings if s not in titles] + [_flat(" ".join(c.text for c in comments(public)))]
    return Public(frozenset(identifiers), tuple(texts), tuple(line.tokens for line in logical_lines(public)))


def _traces(part: Part, source: str, seen: Public) -> Iterator[str]:
    node = part.nodes[0]
    assert part.case is not None and isinstance(node, ast.FunctionDef)
    name = part.case.function
    if name in seen.identifiers or ("_" in name and _spoken(name, seen)):
        yield f"the name '{name}'"
    for text in (*part.case.texts, ast.get_docstring(node) or ""):
        if text and _spoken(_flat(text), seen):
            yield f"the text '{text}'"
    body = tuple(line.tokens for line in logical_lines(source) if node.body[0].lineno <= line.first <= part.last)
    if sum(map(len, body)) >= TELLING and _runs(body, seen.lines):
        yield "the body"


def _spoken(text: str, seen: Public) -> bool:
    """Does a text hold these words? A single common word counts only where it is all there is."""
    if not re.search(r"\W|_", text):
        return text in seen.texts
    pattern = re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")
    return any(pattern.search(other) for other in seen.texts)


def _runs(body: tuple[tuple[str, ...], ...], lines: tuple[tuple[str, ...], ...]) -> bool:
    return any(lines[i : i + len(body)] == body for i in range(len(lines) - len(body) + 1))


def _comment_leaks(source: str, public: str, parts: tuple[Part, ...]) -> Iterator[tuple[int, str]]:
    """Comments in or directly above hidden cases that the public version holds more often than the rest of the file."""
    lines = source.split("\n")
    inside: set[int] = set()
    for part in parts:
        if part.case and part.case.hidden:
            first = part.first
            while first > 1 and lines[first - 2].lstrip().startswith("#"):
                first -= 1
            inside.update(range(first, part.last + part.trail + 1))
    everywhere = comments(source)
    spare = Counter(c.text for c in comments(public)) - Counter(c.text for c in everywhere if c.line not in inside)
    for comment in everywhere:
        if comment.line in inside and spare[comment.text] > 0:
            yield comment.line, comment.text


def _flat(text: str) -> str:
    return " ".join(text.split())
