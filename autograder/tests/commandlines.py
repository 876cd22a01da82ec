"""The commands that the course's texts name: found in blocks and between backticks, wherever somebody could copy them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from autograder import cli

PROGRAMS = re.compile(r"(\.venv[/\\](bin|Scripts)[/\\])?(tito|python[\d.]*|py|pip|uv|docker|source|export|cd|pytest|jupyter|otter|activate)")
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass(frozen=True)
class Command:
    """A command, the document it stands in (from the course's root), and whether it has a block's line to itself."""

    document: str
    text: str
    block: bool

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, posix=True)

    @property
    def plain(self) -> str:
        """As a person types it once the environment is active."""
        return self.text.removeprefix(".venv/bin/")

    def __str__(self) -> str:
        return f"{self.document}: {self.text}"


def commands_of(text: str, document: str) -> list[Command]:
    """All commands of a Markdown text, in its order, each once."""
    found: dict[Command, None] = {}
    running: list[str] = []
    for line, block in _lines(text):
        if not block:
            running.append(line)
            continue
        found.update(dict.fromkeys(_spans("\n".join(running), document)))
        running = []
        # What follows two blanks explains the command.
        command = re.split(r"\s{2,}|\s#\s", line.strip().removeprefix("$ "))[0]
        if _is_command(command):
            found[Command(document, command, True)] = None
    found.update(dict.fromkeys(_spans("\n".join(running), document)))
    return list(found)


def prose_of_lab(source: str) -> str:
    """The Markdown cells of a lab in percent format."""
    cells = re.split(r"^# %%", source, flags=re.MULTILINE)
    texts = [cell for cell in cells if cell.lstrip().startswith("[markdown]")]
    return "\n\n".join(re.sub(r"^# ?", "", text, flags=re.MULTILINE) for text in texts)


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """The lines, and whether each stands in a block of code (fenced, or indented below a blank line)."""
    fenced = indented = False
    blank = True
    for line in text.split("\n"):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        indented = line.startswith("    ") and (blank or indented)
        blank = not line.strip()
        yield line, fenced or indented


def _spans(text: str, document: str) -> Iterator[Command]:
    for span in SPAN.findall(text):
        command = " ".join(span.split())
        if _is_command(command) and " " in command:
            yield from (Command(document, one, False) for one in _alternatives(command))


def _is_command(text: str) -> bool:
    return bool(PROGRAMS.fullmatch(text.split(" ")[0])) if text else False


def _alternatives(text: str) -> list[str]:
    """`tito gradebook show|mark` is two commands."""
    before, _, rest = text.partition("|")
    if not rest or " " in rest or "'" in text or '"' in text:
        return [text]
    head, _, first = before.rpartition(" ")
    return [f"{head} {word}" for word in (first, *rest.split("|"))]


def resolve(words: list[str]) -> tuple[click.Command, list[str], list[str]]:
    """The click command that these words (after `tito`) call, its path and the words that are left for it."""
    command: click.Command = cli.tito
    path: list[str] = []
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(click.Context(command), words[0])
        if inner is None:
            raise click.UsageError(f"there is no command 'tito {' '.join([*path, words[0]])}'")
        path.append(words[0])
        command, words = inner, words[1:]
    return command, path, words


def parses(words: list[str]) -> None:
    """Whether the command line is one: its options exist and have values of their kind. Raises a click error if not."""
    command, path, rest = resolve(words)
    command.make_context(" ".join(path), list(rest))


def documents(root: Path) -> dict[str, str]:
    """Every text of the course that names commands: its path and its Markdown."""
    places = [root / "README.md", *sorted((root / "docs").glob("*.md")), root / "milestones" / "README.md"]
    places += [root / "datasets" / "README.md", root / "tinytorch_ref" / "benchmarks" / "README.md"]
    places += [root / "tinytorch_ref" / "tinytorch" / "serving" / "README.md"]
    places += [root / "autograder" / "release" / "files" / "README.md", root / "autograder" / "skeleton" / "README.md"]
    for solution in sorted((root / "solutions").iterdir()):
        places += [solution / "README.md", solution / "reflection.md", solution / "lab.py"]
    texts = {}
    for place in places:
        if place.is_file():
            text = place.read_text(encoding="utf-8")
            texts[place.relative_to(root).as_posix()] = prose_of_lab(text) if place.suffix == ".py" else text
    return texts
