"""Programs with two misconceptions at once, with an unknown mistake, or with none: what they fail, judged and kept.

`explain` is measured on these (`autograder.validate.explaining`). A mixture is the reference with the edits of two
misconceptions, where they do not get in each other's way; which cases it fails is found by judging it, not by uniting
what the two fail. Judging takes seconds a program, so the verdicts are kept in the solution's mixtures.json.
"""

from __future__ import annotations

import ast
import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder import explain, record
from autograder.course import Assignment, Course
from autograder.errors import GraderError, UserError
from autograder.explain import Misconception
from autograder.grade import Grader
from autograder.judge.cases import Status, Verdict
from autograder.validate.mutants import mutants, sample
from autograder.validate.trials import Trials

MIXTURES = "mixtures.json"
MIXED, UNKNOWN, CORRECT = "mixed", "unknown", "correct"
SILENT = (Status.SKIPPED, Status.GRADER_ERROR)


@dataclass(frozen=True)
class Program:
    """A version of the reference that was judged.

    Attributes:
        kind: `mixed`, `unknown` (an automatic mutant) or `correct` (the reference, written differently).
        holds: ids of the misconceptions that were put into it.
        fails: keys of the cases that it does not pass.
        judged: keys of the cases that say anything (neither skipped nor a blank).
    """

    kind: str
    name: str
    holds: tuple[str, ...]
    fails: frozenset[str]
    judged: frozenset[str]


@dataclass(frozen=True)
class Recording:
    """The programs of one assignment, and what each misconception alone failed when they were judged.

    `of` is the digest that the kill matrix bore then: while it is the same, the recording is in step.
    """

    of: str
    vectors: Mapping[str, frozenset[str]]
    programs: tuple[Program, ...]


@dataclass(frozen=True)
class Plan:
    """How many programs of each kind to judge. Which ones is decided by the assignment's name alone."""

    mixed: int = 20
    unknown: int = 8


def make(course: Course, assignment: Assignment, plan: Plan, say: Callable[[str], None] = lambda text: None) -> Path:
    """Judge programs and write them beside the kill matrix. UserError when there is no kill matrix yet."""
    folder = course.solution(assignment.key)
    if not (folder / explain.KILLS).is_file():
        raise UserError(f"{assignment.key} has no {explain.KILLS}; run: tito validate {assignment.short} --write")
    kills = json.loads((folder / explain.KILLS).read_text(encoding="utf-8"))
    chance = random.Random(assignment.key)
    with Grader(course, assignment) as grader:
        trials = Trials(course, grader)
        programs = []
        for kind, name, holds, changed in _versions(trials, grader.misconceptions, plan, chance):
            say(f"{assignment.short} {kind}: {name}")
            programs.append(_program(kind, name, holds, trials.judge(changed)))
    write(folder / MIXTURES, kills, programs)
    return folder / MIXTURES


def read(folder: Path) -> Recording | None:
    """What was kept of an assignment; None when nothing was."""
    file = folder / MIXTURES
    if not file.is_file():
        return None
    try:
        return _read(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise GraderError(f"{file} cannot be read ({error}); run: tito explain {folder.name} --record") from error


def in_step(folder: Path, recording: Recording) -> bool:
    """Whether tests and misconceptions are still those on which the programs were judged."""
    kills = json.loads((folder / explain.KILLS).read_text(encoding="utf-8"))
    return kills.get("of", "") == recording.of


def mixed(sources: Mapping[str, str], members: tuple[Misconception, ...]) -> dict[str, str] | None:
    """The changed files with all edits of all members; None where one edit leaves no place for another."""
    texts = dict(sources)
    for member in members:
        for edit in member.edits:
            if texts[member.file].count(edit.find) != 1:
                return None
            texts[member.file] = texts[member.file].replace(edit.find, edit.put)
    changed = {path: text for path, text in texts.items() if text != sources[path]}
    return changed if all(_compiles(text) for text in changed.values()) else None


def _versions(
    trials: Trials, misconceptions: tuple[Misconception, ...], plan: Plan, chance: random.Random
) -> Iterator[tuple[str, str, tuple[str, ...], dict[str, str]]]:
    pairs = list(itertools.combinations(misconceptions, 2))
    chance.shuffle(pairs)
    found = 0
    for pair in pairs:
        changed, other_way = mixed(trials.sources, pair), mixed(trials.sources, pair[::-1])
        if found < plan.mixed and changed is not None and changed == other_way:
            found += 1
            yield MIXED, " + ".join(m.id for m in pair), tuple(m.id for m in pair), changed
    automatic = tuple(itertools.chain.from_iterable(mutants(path, text) for path, text in trials.sources.items()))
    for mutant in sample(automatic, plan.unknown):
        yield UNKNOWN, mutant.name, (), {mutant.file: mutant.source}
    yield CORRECT, "written differently", (), {path: rewritten(text) for path, text in trials.sources.items()}


def rewritten(source: str) -> str:
    """The same program as another hand would write it: no comments, other local names, comparisons turned round."""
    tree = _Rewriter().visit(ast.parse(source))
    return ast.unparse(ast.fix_missing_locations(tree))


class _Rewriter(ast.NodeTransformer):
    """Renames what a function assigns, turns `a < b` into `b > a`, and `if c: x else: y` into `if not c: y else: x`."""

    TURNED = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE, ast.Eq: ast.Eq, ast.NotEq: ast.NotEq}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        # Names that an inner function shares, or that are declared elsewhere, keep their spelling.
        inner = [n for n in ast.walk(node) if n is not node and isinstance(n, _SCOPES)]
        if inner or any(isinstance(n, (ast.Global, ast.Nonlocal)) for n in ast.walk(node)):
            return node
        own = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        parameters = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        for name in ast.walk(node):
            if isinstance(name, ast.Name) and name.id in own - parameters:
                name.id = f"{name.id}_here"
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        turned = self.TURNED.get(type(node.ops[0]))
        # Each side is asked once still, but in the other order: only where asking does nothing else.
        plain = all(
            isinstance(side, (ast.Name, ast.Constant, ast.Attribute)) for side in (node.left, *node.comparators)
        )
        if len(node.ops) == 1 and turned and plain:
            return ast.Compare(node.comparators[0], [turned()], [node.left])
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        if not node.orelse:
            return node
        return ast.If(ast.UnaryOp(ast.Not(), node.test), node.orelse, node.body)


_SCOPES = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.GeneratorExp,
)  # fmt: skip


def _compiles(text: str) -> bool:
    try:
        compile(text, "mixture", "exec")
    except SyntaxError:
        return False
    return True


def _program(kind: str, name: str, holds: tuple[str, ...], verdict: Verdict) -> Program:
    judged = frozenset(c.key for c in verdict.cases if c.status not in SILENT and not c.unwritten)
    return Program(kind, name, holds, verdict.failing & judged, judged)


# The file: cases as columns, so that a program is two short lines.


def write(file: Path, kills: dict[str, Any], programs: list[Program]) -> None:
    """Keep programs beside the kill matrix under which they were judged."""
    keys = kills["cases"]

    def bits(cases: frozenset[str]) -> str:
        return "".join("1" if key in cases else "0" for key in keys)

    record.write_json(
        file,
        {
            "of": kills.get("of", ""),
            "cases": keys,
            "misconceptions": kills["misconceptions"],
            "programs": [
                {
                    "kind": p.kind,
                    "name": p.name,
                    "holds": list(p.holds),
                    "fails": bits(p.fails),
                    "judged": bits(p.judged),
                }
                for p in programs
            ],
        },
    )


def _read(data: dict[str, Any]) -> Recording:
    def cases(bits: str) -> frozenset[str]:
        return frozenset(key for key, bit in zip(data["cases"], bits, strict=True) if bit == "1")

    programs = tuple(
        Program(p["kind"], p["name"], tuple(p["holds"]), cases(p["fails"]), cases(p["judged"]))
        for p in data["programs"]
    )
    return Recording(data["of"], {k: frozenset(v) for k, v in data["misconceptions"].items()}, programs)
