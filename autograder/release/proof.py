"""Does a release give away what it must not? Asked of the finished files, whoever made them.

Searched for, token by token: solution lines of the assignment itself and of every later one, hidden cases of any
assignment, and what misconceptions.yaml and the kill matrices hold. No file may hold three lines of a solution in a
row. No file of the workspace may hold a single telling line of the assignment's own solution, and no file that was made
for the release one of any later solution either; files that somebody wrote (frame, prerequisites, this package, labs)
share an idiom with a later solution here and there. What was written for students (handout, lab, docstrings) may name
a misconception in its own words; what is made for them (hints, tests) must not.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from tokenize import TokenError

from autograder import explain
from autograder.build.markers import solution_lines
from autograder.build.testparts import parts_of
from autograder.build.text import logical_lines, read_text
from autograder.course import Course
from autograder.release.contents import Contents

Line = tuple[str, ...]

BARRED = ("misconceptions.yaml", "kills.json", "mixtures.json", "rubric.md", "lab.py")
ROW, ROW_TOKENS = 3, 20  # so many lines in a row, of so many tokens together, are no coincidence
TELLING = 10  # a single line of so many tokens is none either
WORDS = 4  # nor a title of so many words


@dataclass(frozen=True)
class Secrets:
    """What no release of an assignment may hold.

    Attributes:
        solutions: assignment -> the lines of its marked blocks.
        shown: lines that the solution files hold outside their markers, and all of that text without white space.
        bodies: hidden case -> its lines. titles: words of hidden cases and misconceptions, with whose they are.
        wrong: lines that only misconceptions hold.
    """

    solutions: Mapping[str, tuple[tuple[Line, ...], ...]]
    shown: frozenset[Line]
    shown_text: str
    bodies: Mapping[str, tuple[Line, ...]]
    titles: Mapping[str, str]
    names: Mapping[str, str]
    wrong: Mapping[Line, str]


@dataclass(frozen=True)
class Document:
    """One file of a release: its code as logical lines, and its text with and without white space."""

    path: str
    given: bool
    authored: bool
    text: str

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        return tuple(line for source in self._sources() for line in _lines(source))

    @cached_property
    def flat(self) -> str:
        return " ".join(self.text.split())

    @cached_property
    def squeezed(self) -> str:
        return _squeezed(self.text)

    def _sources(self) -> Iterator[str]:
        if self.path.endswith(".py"):
            yield self.text
        elif self.path.endswith(".ipynb"):
            yield from ("".join(c["source"]) for c in json.loads(self.text)["cells"] if c["cell_type"] == "code")


def traces(course: Course, made: Contents) -> list[str]:
    """One line for each thing that is in the release and must not be; empty if it is clean."""
    secrets = _secrets(course, made.assignment)
    documents = list(_documents(made))
    known = frozenset(line for d in documents if d.given for line in d.lines) | secrets.shown
    # A public case may bear the same name as what it finds.
    public = "\n".join(d.text for d in documents if d.path.startswith(f"{made.assignment}/"))
    secrets = replace(secrets, names={n: whose for n, whose in secrets.names.items() if n not in public})
    found = [f"{path}: a file of this name is not for students" for path in made.files if path.endswith(BARRED)]
    for document in documents:
        found += _row_traces(document, secrets)
        if not document.given:
            keys = [made.assignment] if document.authored else list(secrets.solutions)
            found += _line_traces(document, secrets, keys, known)
        found += _other_traces(document, secrets)
    return list(dict.fromkeys(found))


# ---- what is secret


def _secrets(course: Course, key: str) -> Secrets:
    order = [a.key for a in course.assignments]
    before = set(course.closure(key))
    later = [a for a in course.written() if order.index(a.key) >= order.index(key) and a.key not in before]
    solutions: dict[str, tuple[tuple[Line, ...], ...]] = {}
    shown: set[Line] = set()
    unmarked: list[str] = []
    for assignment in later:
        sources = [course.solution(assignment.key) / path for path in assignment.writes]
        texts = [(read_text(file), str(file)) for file in sources if file.is_file()]
        solutions[assignment.key] = tuple(block for text in texts for block in _blocks(*text))
        shown.update(line for text, name in texts for line in _outside(text, name))
        unmarked += [line for text, name in texts for line in _unmarked(text, name)]
    bodies, titles, names, wrong = {}, {}, {}, {}
    for assignment in course.written():
        folder = course.solution(assignment.key)
        for file in sorted((folder / "tests").glob("test_*.py")):
            _hidden(read_text(file), f"{assignment.key}/{file.name}", bodies, titles)
        if (folder / explain.MISCONCEPTIONS).is_file():
            _misconceptions(course, assignment.key, titles, names, wrong)
    return Secrets(solutions, frozenset(shown), _squeezed("".join(unmarked)), bodies, titles, names, wrong)


@lru_cache(maxsize=512)
def _lines(source: str) -> tuple[Line, ...]:
    try:
        return tuple(tuple(map(sys.intern, line.tokens)) for line in logical_lines(source))
    except (TokenError, SyntaxError):  # a line of a notebook that is for its kernel, or half of an edit
        return tuple(tuple(re.findall(r"\w+|[^\w\s]", text)) for text in source.splitlines() if text.strip())


@lru_cache(maxsize=64)
def _blocks(source: str, name: str) -> tuple[tuple[Line, ...], ...]:
    """The solution's lines, block by block."""
    marked = solution_lines(source, name)
    blocks: list[list[Line]] = [[]]
    for line in logical_lines(source):
        if line.first in marked:
            blocks[-1].append(line.tokens)
        elif blocks[-1]:
            blocks.append([])
    return tuple(tuple(block) for block in blocks if block)


@lru_cache(maxsize=64)
def _outside(source: str, name: str) -> tuple[Line, ...]:
    marked = solution_lines(source, name)
    return tuple(line.tokens for line in logical_lines(source) if line.first not in marked)


def _unmarked(source: str, name: str) -> list[str]:
    """The text outside the markers, comments and docstrings too."""
    marked = solution_lines(source, name)
    return [text for number, text in enumerate(source.split("\n"), 1) if number not in marked]


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _hidden(source: str, name: str, bodies: dict[str, tuple[Line, ...]], titles: dict[str, str]) -> None:
    parts = parts_of(source, name)
    public = " ".join(text for p in parts if p.case and not p.case.hidden for text in p.case.texts)
    for part in parts:
        if part.case is None or not part.case.hidden:
            continue
        node = part.nodes[0]
        assert isinstance(node, ast.FunctionDef)
        body = [line for line in logical_lines(source) if node.body[0].lineno <= line.first <= part.last]
        bodies[f"{name} {part.case.function}"] = tuple(line.tokens for line in body)
        for text in part.case.texts:
            if len(text.split()) >= WORDS and text not in public:
                titles[" ".join(text.split())] = f"the hidden case {part.case.function} of {name}"


def _misconceptions(
    course: Course, key: str, titles: dict[str, str], names: dict[str, str], wrong: dict[Line, str]
) -> None:
    folder = course.solution(key)
    right = {line for path in course.by_key[key].writes for line in _lines(read_text(folder / path))}
    for misconception in explain.load_misconceptions(folder):
        told = f"the misconception {misconception.id} of {key}"
        titles[" ".join(misconception.title.split())] = told
        if "_" in misconception.id:
            names[misconception.id] = told
        for edit in misconception.edits:
            for line in _lines(edit.put):
                if line not in right and len(line) >= TELLING:
                    wrong[line] = told


# ---- looking for it


def _documents(made: Contents) -> Iterator[Document]:
    for path, data in {**made.files, **made.modules}.items():
        if not path.endswith((".gz", ".whl")):
            given = path in made.given or path in made.modules
            place, _, name = path.partition("/")
            authored = place == made.assignment and not name.startswith("tests/test_")
            yield Document(path, given, authored, data.decode("utf-8"))


def _row_traces(document: Document, secrets: Secrets) -> Iterator[str]:
    """Several lines of a solution in a row."""
    rows = set(_rows(document.lines, ROW))
    for key, blocks in secrets.solutions.items():
        for block in blocks:
            for row in _rows(block, ROW):
                if row in rows and sum(map(len, row)) >= ROW_TOKENS:
                    yield f"{document.path}: the solution of {key} shows: {_shown(row[0])} ..."


def _line_traces(
    document: Document, secrets: Secrets, keys: Iterable[str], known: frozenset[Line]
) -> Iterator[str]:
    """Any telling line of these solutions that is not given anyway, in code or in running text."""
    lines = set(document.lines)
    for key in keys:
        telling = {line for block in secrets.solutions[key] for line in block if len(line) >= TELLING}
        for line in sorted(telling - known):
            text = "".join(line)
            if line in lines or (text in document.squeezed and text not in secrets.shown_text):
                yield f"{document.path}: the solution of {key} shows: {_shown(line)}"


def _other_traces(document: Document, secrets: Secrets) -> Iterator[str]:
    """Hidden cases and misconceptions."""
    for case, body in secrets.bodies.items():
        if sum(map(len, body)) >= ROW_TOKENS and body[0] in document.lines and _holds(document.lines, body):
            yield f"{document.path}: it holds the body of the hidden case {case}"
    if document.given or document.authored:
        return
    for title, whose in secrets.titles.items():
        if title in document.flat:
            yield f"{document.path}: it holds the words '{title}' of {whose}"
    if document.path.endswith(".py"):  # a test computes what is right in its own way, with names of its own
        return
    for name, whose in secrets.names.items():
        if name in document.text and re.search(rf"\b{re.escape(name)}\b", document.text):
            yield f"{document.path}: it holds the name of {whose}"
    for line, whose in secrets.wrong.items():
        if "".join(line) in document.squeezed:
            yield f"{document.path}: it holds the line '{_shown(line)}' of {whose}"


def _holds(lines: tuple[Line, ...], body: tuple[Line, ...]) -> bool:
    return any(row == body for row in _rows(lines, len(body)))


def _rows(lines: Iterable[Line], size: int) -> Iterator[tuple[Line, ...]]:
    lines = tuple(lines)
    return (lines[i : i + size] for i in range(len(lines) - size + 1))


def _shown(line: Line) -> str:
    return " ".join(line)[:80]
