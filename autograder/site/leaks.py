"""Does the built site show anything that students must find out themselves? Asked of the finished HTML.

Every page is read as a document: what stands in its code blocks as code, and all its words. It is then searched as a
release is (release/proof.py): three lines of any solution in a row, the text of hidden cases, of misconceptions; and on
an assignment's own pages every single telling line of its solution (build/stubs.py), in code and in running text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from tokenize import TokenError

from autograder.build import files_of, leaked_lines
from autograder.build.text import read_text
from autograder.course import Assignment, Course
from autograder.errors import UserError
from autograder.release.contents import Contents
from autograder.release.proof import traces

QUIET = ("script", "style")
_NAMED = re.compile(r"^[a-z0-9_]+/(\S+\.html)\.(txt|ipynb)")


class _Words(HTMLParser):
    """The visible text of a page, and each of its code blocks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.blocks: list[str] = []
        self.depth = self.quiet = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.quiet += tag in QUIET
        if tag == "pre":
            self.blocks.append("")
            self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        self.quiet -= tag in QUIET
        self.depth -= tag == "pre"

    def handle_data(self, data: str) -> None:
        if self.quiet:
            return
        self.text.append(data)
        if self.depth:
            self.blocks[-1] += data


def shown_secrets(course: Course, site: Path) -> list[str]:
    """One line for each solution line, hidden case or misconception that a page of the site shows."""
    pages = {page.relative_to(site).as_posix(): _words(page) for page in sorted(site.rglob("*.html"))}
    found: list[str] = []
    for assignment in course.written():
        own = {name: words for name, words in pages.items() if _belongs(name, assignment.key)}
        found += _own_lines(course, assignment.key, own)
    first = course.assignments[0].key
    keys = {a.key for a in course.assignments}
    # To this search the pages are a release of the first assignment, so that every solution is still to come.
    made = Contents(first, dict(_documents(pages, first, keys)), frozenset(), {})
    found += [_NAMED.sub(r"\1", line) for line in traces(course, made)]
    return list(dict.fromkeys(found))


def _words(page: Path) -> _Words:
    words = _Words()
    words.feed(page.read_text(encoding="utf-8"))
    words.close()
    return words


def _belongs(page: str, key: str) -> bool:
    return page.startswith(f"{key}/") or page == f"api/{key}.html"


def _own_lines(course: Course, key: str, pages: Mapping[str, _Words]) -> Iterator[str]:
    """Lines of an assignment's solution on its own pages. What students get anyway may share an idiom with it (that it
    does no more is for `tito build` and `tito release` to prove); nothing else on the page may."""
    given = _squeezed(_students_text(course, course.by_key[key]))
    for path in course.by_key[key].writes:
        source = read_text(course.solution(key) / path)
        for name, words in pages.items():
            for block in words.blocks:
                for line, text in _leaked(source, block, path):
                    if _squeezed(text) not in given:
                        yield f"{name}: it shows line {line} of the solution of {key}: {text}"


def _students_text(course: Course, assignment: Assignment) -> str:
    texts = []
    for path, data in files_of(course, assignment).items():
        text = data.decode("utf-8")
        cells = json.loads(text)["cells"] if path.endswith(".ipynb") else [{"source": text}]
        texts += ["".join(cell["source"]) for cell in cells]
    return "\n".join(texts)


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _leaked(source: str, block: str, path: str) -> tuple[tuple[int, str], ...]:
    """A block that is no Python (a shell's lines, a printed table) is searched line by line."""
    try:
        return leaked_lines(source, block, path)
    except (TokenError, SyntaxError, UserError):
        found = []
        for line in block.split("\n"):
            try:
                found += leaked_lines(source, line.strip(), path)
            except (TokenError, SyntaxError, UserError):
                continue
        return tuple(found)


def _documents(pages: Mapping[str, _Words], first: str, keys: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Each page twice: its words, and its code as a notebook. Handouts and labs go where that search expects what was
    written for students: it may name a mistake in its own words, and share an idiom with a later solution. So do the
    pages of the API, whose every word stands in the stubs."""
    for name, words in pages.items():
        place = first if name.partition("/")[0] in {*keys, "api"} else "site"
        yield f"{place}/{name}.txt", "".join(words.text).encode()
        cells = [{"cell_type": "code", "source": block} for block in words.blocks]
        yield f"{place}/{name}.ipynb", json.dumps({"cells": cells}).encode()
