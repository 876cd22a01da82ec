"""Finding the solution markers of a Python file and refusing every one that is not beyond doubt.

A marker is a comment token, so the same words in a string are text. A comment that merely resembles a marker is an
error: the alternative is a solution in the students' hands. What happens to the marked lines is markers.py's
business.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from difflib import get_close_matches

from autograder.build.text import Comment, comments
from autograder.errors import UserError

BEGIN, BEGIN_SILENT, END = "# BEGIN SOLUTION", "# BEGIN SOLUTION NO PROMPT", "# END SOLUTION"
TAG, TAG_SILENT = "# SOLUTION", "# SOLUTION NO PROMPT"
BEGIN_PROMPT, END_PROMPT = "# BEGIN PROMPT", "# END PROMPT"
MARKERS = (BEGIN, BEGIN_SILENT, END, TAG, TAG_SILENT, BEGIN_PROMPT, END_PROMPT)
CLOSES = {BEGIN: END, BEGIN_SILENT: END, BEGIN_PROMPT: END_PROMPT}


@dataclass(frozen=True)
class Block:
    """The lines of two markers of one kind, and the white space both stand behind."""

    begin: int
    end: int
    indent: str
    silent: bool

    @property
    def inside(self) -> range:
        return range(self.begin + 1, self.end)


@dataclass(frozen=True)
class Tag:
    """A marker at the end of a line of code."""

    line: int
    silent: bool


@dataclass(frozen=True)
class Marks:
    """Every marker of a file, paired."""

    solutions: tuple[Block, ...]
    prompts: tuple[Block, ...]
    tags: tuple[Tag, ...]


def scan(source: str, filename: str, prose: Set[int] = frozenset()) -> Marks:
    """Find and pair the markers of normalised source. Comments on the lines of `prose` are not looked at."""
    solutions: list[Block] = []
    prompts: list[Block] = []
    tags: list[Tag] = []
    lines = source.split("\n")
    opened: Comment | None = None
    for comment in comments(source):
        if comment.line in prose or not _is_marker(comment, filename):
            continue
        _check_place(comment, opened, filename)
        if comment.text in (TAG, TAG_SILENT):
            tags.append(Tag(comment.line, comment.text == TAG_SILENT))
        elif comment.text in CLOSES:
            opened = comment
        else:
            block = _close(opened, comment, lines, filename)
            (prompts if comment.text == END_PROMPT else solutions).append(block)
            opened = None
    if opened:
        raise _error(filename, opened, f"is never closed; add '{CLOSES[opened.text]}' below it")
    return Marks(tuple(solutions), tuple(prompts), tuple(tags))


def _error(filename: str, comment: Comment, message: str) -> UserError:
    return UserError(f"{filename}:{comment.line}: '{comment.text}' {message}")


def _is_marker(comment: Comment, filename: str) -> bool:
    """True for a marker, False for an ordinary comment; UserError for what could be meant as a marker."""
    if comment.text in MARKERS:
        return True
    words = re.findall(r"\w+", comment.text.replace("_", " "))
    spoken = " ".join(words)
    bare = {marker.removeprefix("# "): marker for marker in MARKERS}
    opens_like_one = words[:1] in (["BEGIN"], ["END"]) and all(word.isupper() for word in words[1:2])
    nearest = get_close_matches(spoken.upper(), bare, n=1, cutoff=0.85)
    if nearest or opens_like_one or "SOLUTION" in words:
        wanted = f"'{bare[nearest[0]]}'" if nearest else "one of " + ", ".join(f"'{marker}'" for marker in MARKERS)
        remedy = f"write {wanted} and nothing else in the comment, or reword it if it is no marker"
        raise _error(filename, comment, f"looks like a marker but is none; {remedy}")
    return False


def _check_place(comment: Comment, opened: Comment | None, filename: str) -> None:
    tag = comment.text in (TAG, TAG_SILENT)
    if tag and comment.alone:
        raise _error(filename, comment, f"marks no line; put it at the end of one, or use '{BEGIN}' and '{END}'")
    if not tag and not comment.alone:
        raise _error(filename, comment, "stands behind code; give it a line of its own")
    if not tag and comment.in_statement:
        raise _error(filename, comment, "stands inside a statement; put the markers around the whole statement")
    if opened and (tag or comment.text in CLOSES):
        raise _error(filename, comment, f"stands inside the block that line {opened.line} opens; blocks do not nest")


def _close(opened: Comment | None, comment: Comment, lines: list[str], filename: str) -> Block:
    if opened is None:
        raise _error(filename, comment, "closes nothing; remove it or add the marker that opens the block")
    if CLOSES[opened.text] != comment.text:
        wanted = f"'{opened.text}' of line {opened.line}"
        raise _error(filename, comment, f"cannot close {wanted}; write '{CLOSES[opened.text]}'")
    indents = [lines[c.line - 1][: c.column] for c in (opened, comment)]
    if indents[0] != indents[1]:
        raise _error(filename, comment, f"is not indented like '{opened.text}' of line {opened.line}; align the two")
    return Block(opened.line, comment.line, indents[0], opened.text == BEGIN_SILENT)
