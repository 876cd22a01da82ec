"""Hints on demand: what a public case looks at, where the handout speaks of it, and the idea that is missing.

A release brings `hints/<key>.json`: for every public case the section to read, and ideas, each with the public cases
that fail where it is missing. It is made from misconceptions.yaml and the kill matrix, but holds neither edits, names
nor titles, and nothing about hidden cases. An idea is told only when the failing cases speak for it; never the answer.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from autograder import explain
from autograder.course import Assignment, Course
from autograder.errors import UserError
from autograder.judge.cases import CaseResult, Status
from autograder.messages import message

FOLDER = "hints"
LEVELS = 3
ANYWHERE = "README.md#what-the-tests-look-for"  # every handout has this section


@dataclass(frozen=True)
class Idea:
    """What to think about when just these public cases fail, and where to read."""

    fails: tuple[str, ...]
    hint: str
    read: str


@dataclass(frozen=True)
class Hints:
    """An assignment's hints: the section for each public case (empty if there is none), and the ideas."""

    sections: Mapping[str, str]
    ideas: tuple[Idea, ...]


@dataclass(frozen=True)
class PublicCase:
    """What the public test file itself says about a case."""

    key: str
    title: str
    file_title: str
    about: str
    points: float
    asks: tuple[str, ...]


@dataclass(frozen=True)
class Hint:
    """One hint, ready to be read."""

    case: PublicCase
    level: int
    lines: tuple[str, ...]


# ---- asking


def hint(course: Course, assignment: Assignment, tests: Path, case: str, level: int, failing: Iterable[str]) -> Hint:
    """The hint of a level for the case that `case` names by key, title, or its file's name.

    Args:
        tests: the folder of public tests.
        failing: keys of the public cases that fail and are written, for level 3.

    Raises:
        UserError: no such case, or no hints here.
    """
    chosen = find_case(assignment, public_cases(tests), case, tuple(failing))
    if level == 1:
        lines = _first(chosen)
    else:
        known = load(course, assignment)
        lines = _second(known, chosen) if level == 2 else _third(known, chosen, frozenset(failing))
    if level < LEVELS:
        more = message("hint.more", short=assignment.short, case=chosen.key, level=level + 1)
        lines = (*lines, more)
    return Hint(chosen, level, lines)


def find_case(
    assignment: Assignment, cases: tuple[PublicCase, ...], wanted: str, failing: tuple[str, ...] = ()
) -> PublicCase:
    """A case by its key, its title, or the name of its file: of a file's cases the first that fails, else the first."""
    exact = [case for case in cases if wanted in (case.key, case.key.partition(".")[2], case.title)]
    of_file = [case for case in cases if case.key.partition(".")[0] == wanted]
    of_file.sort(key=lambda case: case.key not in failing)
    if not (exact or of_file):
        known = ", ".join(case.key for case in cases)
        raise UserError(message("hint.no_case", key=assignment.key, case=wanted, known=known))
    return (exact or of_file)[0]


def _first(case: PublicCase) -> tuple[str, ...]:
    asks = f"It asks for {', '.join(case.asks)} (see tests/probes.py)." if case.asks else ""
    return tuple(text for text in (f"{case.file_title}: {case.title}.", case.about, asks) if text)


def _second(known: Hints, case: PublicCase) -> tuple[str, ...]:
    section = known.sections.get(case.key, "")
    return (f"Read: {section}",) if section else (message("hint.no_section"),)


def _third(known: Hints, case: PublicCase, failing: frozenset[str]) -> tuple[str, ...]:
    """The ideas that the failing cases speak for, those about this case."""
    vectors = {str(number): frozenset(idea.fails) for number, idea in enumerate(known.ideas)}
    said = explain.weigh(failing, frozenset(known.sections), vectors)
    fitting = [known.ideas[int(name)] for match in said for name in match.names]
    fitting = [idea for idea in fitting if case.key in idea.fails]
    if not fitting:
        return (message("hint.no_idea"),)
    return tuple(f"{idea.hint} Read: {idea.read}" for idea in fitting)


def load(course: Course, assignment: Assignment) -> Hints:
    """The hints that came with the release, or in the course's own repository those that would."""
    file = course.root / FOLDER / f"{assignment.key}.json"
    if file.is_file():
        data = json.loads(file.read_text(encoding="utf-8"))
    elif (course.solution(assignment.key) / explain.MISCONCEPTIONS).is_file():
        data = json.loads(shipped(course, assignment))
    else:
        raise UserError(message("hint.no_hints", key=assignment.key))
    ideas = tuple(Idea(tuple(i["fails"]), i["hint"], i["read"]) for i in data["ideas"])
    return Hints(data["sections"], ideas)


def sections(course: Course, assignment: Assignment) -> Mapping[str, str]:
    """Public case -> where in the handout to read about it; empty where no hints are to be had."""
    try:
        return load(course, assignment).sections
    except UserError:
        return {}


def with_reading(case: CaseResult, sections: Mapping[str, str]) -> CaseResult:
    """A public case that did not pass, with where in the handout to read about it. Any other case as it is."""
    if case.hidden or case.status in (Status.PASSED, Status.SKIPPED, Status.GRADER_ERROR):
        return case
    return replace(case, read=sections.get(case.key) or ANYWHERE)


# ---- reading public test files


def public_cases(tests: Path) -> tuple[PublicCase, ...]:
    """The public cases of a folder of tests, read without running them."""
    found: list[PublicCase] = []
    for file in sorted(tests.glob("test_*.py")):
        found += _cases(ast.parse(file.read_text(encoding="utf-8")))
    return tuple(found)


def _cases(tree: ast.Module) -> Iterable[PublicCase]:
    names: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            names |= {target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)}
    about = " ".join((ast.get_docstring(tree) or "").split())
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or not node.decorator_list:
            continue
        call = node.decorator_list[0]
        assert isinstance(call, ast.Call)
        told: dict[str, Any] = {k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg}
        if not told.get("hidden"):
            key = f"{names['name']}.{node.name}"
            title = told.get("name", node.name.replace("_", " "))
            own = " ".join((ast.get_docstring(node) or about).split())
            yield PublicCase(key, title, str(names.get("title") or names["name"]), own, told["points"], _asks(node))


def _asks(node: ast.FunctionDef) -> tuple[str, ...]:
    """The probes that a case calls."""
    asked = [
        inner.attr
        for inner in ast.walk(node)
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id == "student"
    ]
    return tuple(dict.fromkeys(asked))


# ---- what ships


def shipped(course: Course, assignment: Assignment) -> str:
    """The hints file of a release."""
    solution = course.solution(assignment.key)
    cases = public_cases(solution / "tests")
    public = frozenset(case.key for case in cases)
    vectors = explain.load_vectors(solution)
    ideas = []
    for misconception in explain.load_misconceptions(solution):
        fails = vectors.get(misconception.id, frozenset()) & public
        if fails:
            ideas.append(Idea(tuple(sorted(fails)), " ".join(misconception.hint.split()), misconception.read))
    ideas.sort(key=lambda idea: (idea.fails, idea.hint))
    handout = (solution / "README.md").read_text(encoding="utf-8")
    sections = {case.key: _section(case, ideas, handout) for case in cases}
    data = {"sections": sections, "ideas": [asdict(idea) for idea in ideas]}
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _section(case: PublicCase, ideas: list[Idea], handout: str) -> str:
    """Where to read: where most ideas about the case send, else the task that speaks most of what the case asks for,
    else the one that shares most of its rarer words."""
    votes = Counter(idea.read for idea in ideas if case.key in idea.fails)
    if votes:
        return min(votes, key=lambda read: (-votes[read], read))
    tasks = re.split(r"^### ", handout.partition("## Step by step")[2].partition("\n## ")[0], flags=re.MULTILINE)[1:]
    words = [*case.asks, case.key.partition(".")[0]]
    counts = [sum(len(re.findall(rf"\b{re.escape(word)}\b", task)) for word in words) for task in tasks]
    if not any(counts):
        told = set(re.findall(r"[a-z]{4,}", f"{case.file_title} {case.title} {case.about} {case.key}".lower()))
        spoken = [set(re.findall(r"[a-z]{4,}", task.lower())) for task in tasks]
        common = Counter(word for text in spoken for word in text)
        counts = [sum(1 / common[word] for word in sorted(told & text)) for text in spoken]
    if not any(counts):
        return ""
    heading = tasks[counts.index(max(counts))].splitlines()[0]
    return f"README.md#{anchor(heading)}"


def anchor(heading: str) -> str:
    """The anchor that a Markdown heading gets: lower case, spaces to dashes, punctuation dropped."""
    text = heading.lstrip("#").strip().lower().replace(" ", "-")
    return "".join(c for c in text if c.isalnum() or c in "-_")
