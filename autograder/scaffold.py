"""A new assignment: one folder in solutions/ and one entry in course.yaml, both ready to be built and validated.

The skeleton is small but whole: two functions, four cases, two misconceptions, a lab with a figure, and a handout with
every heading. What remains is to put the real thing in its place. course.yaml keeps its comments and its order: the
entry is inserted as text, after the last one.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from string import Template

import yaml

from autograder.course import FILE, Course, load_course
from autograder.errors import UserError
from autograder.messages import message

_KEY = re.compile(r"a\d\d_[a-z0-9_]+")
TEMPLATES = Path(__file__).resolve().parent / "skeleton"
CASES = 4


@dataclass(frozen=True)
class Plan:
    """What the new assignment is to be. Empty values are filled in after the course's last assignment."""

    key: str
    title: str
    requires: tuple[str, ...] = ()
    question: str = ""
    part: str = ""
    writes: str = ""
    points: int = 100
    due: datetime | None = None

    @property
    def name(self) -> str:
        return self.key.split("_", 1)[1]


@dataclass(frozen=True)
class Made:
    """What was written, as paths below the course's folder."""

    key: str
    files: tuple[str, ...]


def new(course: Course, plan: Plan) -> Made:
    """Write the folder and the entry.

    Raises:
        UserError: the key is none or taken, a prerequisite is unknown, or the entry would make the course invalid. Then
            nothing is written.
    """
    plan = _completed(course, plan)
    _check(course, plan)
    file = course.root / FILE
    text = with_entry(file.read_text(encoding="utf-8"), _entry(plan))
    with tempfile.TemporaryDirectory(prefix="tito-new-") as folder:
        (Path(folder) / FILE).write_text(text, encoding="utf-8")
        load_course(Path(folder) / FILE)
    folder = course.solution(plan.key)
    written = skeleton(plan)
    for path, content in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8", newline="\n")
    file.write_text(text, encoding="utf-8", newline="\n")
    return Made(plan.key, (FILE, *(f"solutions/{plan.key}/{path}" for path in written)))


def _completed(course: Course, plan: Plan) -> Plan:
    last = course.assignments[-1]
    known = [_key_of(course, plan, name) for name in plan.requires]
    return Plan(
        plan.key,
        plan.title,
        tuple(known),
        plan.question or f"Can I build {plan.title[:1].lower()}{plan.title[1:]}?",
        plan.part or last.part,
        plan.writes or f"tinytorch/core/{plan.name if _KEY.fullmatch(plan.key) else 'new'}.py",
        plan.points,
        plan.due or last.due + timedelta(days=7),
    )


def _key_of(course: Course, plan: Plan, name: str) -> str:
    for a in course.assignments:
        if name in (a.key, a.short):
            return a.key
    known = ", ".join(a.key for a in course.assignments)
    raise UserError(message("new.unknown", key=plan.key, needed=name, known=known))


def _check(course: Course, plan: Plan) -> None:
    if not _KEY.fullmatch(plan.key):
        example = f"a{course.assignments[-1].number + 1:02d}_something"
        raise UserError(message("new.bad_key", key=plan.key, example=example))
    if taken := [a.key for a in course.assignments if a.short == plan.key.split("_")[0]]:
        raise UserError(message("new.taken", what=taken[0]))
    if course.solution(plan.key).exists():
        raise UserError(message("new.taken", what=f"solutions/{plan.key}"))


# ---- course.yaml


def _entry(plan: Plan) -> tuple[str, ...]:
    assert plan.due is not None
    return (
        f"key: {plan.key}",
        f"title: {_scalar(plan.title)}",
        f"question: {_scalar(plan.question)}",
        f"part: {_scalar(plan.part)}",
        f"writes: [{plan.writes}]",
        f"requires: [{', '.join(plan.requires)}]",
        f"points: {plan.points}",
        f"due: {plan.due.isoformat()}",
    )


def _scalar(text: str) -> str:
    """A text as YAML writes it on one line, quoted where it has to be."""
    return yaml.safe_dump(text, allow_unicode=True, width=10_000).split("\n...")[0].strip()


def with_entry(text: str, entry: Iterable[str]) -> str:
    """course.yaml with one more item at the end of `assignments`; every other line stays as it is."""
    items = next((v for k, v in yaml.compose(text).value if k.value == "assignments"), None)
    if not isinstance(items, yaml.SequenceNode) or items.flow_style or not items.value:
        raise UserError(message("new.no_place"))
    lines = text.split("\n")
    last = items.value[-1]
    end = _last_line(last)
    dash = lines[last.start_mark.line].index("-")
    above = last.start_mark.line - 1
    while lines[above].lstrip().startswith("#"):
        above -= 1
    spaced = not lines[above].strip()
    first, *rest = entry
    block = [*([""] if spaced else []), f"{' ' * dash}- {first}", *(f"{' ' * dash}  {line}" for line in rest)]
    return "\n".join([*lines[: end + 1], *block, *lines[end + 1 :]])


def _last_line(node: yaml.Node) -> int:
    """The last line that holds something of a node: the end mark of a block stands behind the blank lines after it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style:
        return node.end_mark.line
    parts = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
    return max((_last_line(part) for part in parts), default=node.start_mark.line)


# ---- the folder


def skeleton(plan: Plan) -> Mapping[str, str]:
    """The files of the new assignment's folder."""
    share = plan.points / CASES
    module = plan.writes.removesuffix(".py").replace("/", ".")
    values = {
        "key": plan.key, "short": plan.key.split("_")[0], "name": plan.name, "title": plan.title,
        "question": plan.question, "file": plan.writes, "module": module, "share": f"{share:g}",
        "half": f"{2 * share:g}",
    }  # fmt: skip
    places = {
        "README.md": "README.md", "reflection.md": "reflection.md", "rubric.md": "rubric.md", "lab.txt": "lab.py",
        "misconceptions.yaml": "misconceptions.yaml", "module.txt": plan.writes, "probes.txt": "tests/probes.py",
        "test_scaling.txt": "tests/test_scaling.py", "test_centring.txt": "tests/test_centring.py",
    }  # fmt: skip
    return {
        place: Template((TEMPLATES / name).read_text(encoding="utf-8")).substitute(values)
        for name, place in places.items()
    }
