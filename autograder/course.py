"""The course as `course.yaml` declares it: assignments, the files each may write, prerequisites, points, dates, limits.

This module reads and validates the declaration and answers questions about it ("who owns this file?"). It does not look
inside an assignment's folder beyond asking whether the folder is there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from autograder.errors import CourseFileError, UserError
from autograder.messages import message

FILE = "course.yaml"


class Misplaced(ValueError):
    """A fault that shows only in the whole declaration; `where` leads to the key that has to change."""

    def __init__(self, message: str, *where: str | int):
        super().__init__(message)
        self.where = where


class Model(BaseModel):
    """Declared data: immutable, and an unknown key is an error rather than a silent no-op."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(Model):
    """What one submission may use. Times are wall-clock seconds, sizes MiB unless the name says otherwise.

    `threads` is how many a program may keep busy at once: its CPU time may be so many times the wall-clock time.
    """

    case_seconds: float = Field(gt=0, le=600)
    import_seconds: float = Field(gt=0, le=120)
    submission_seconds: float = Field(gt=0, le=2300)
    memory_mb: int = Field(ge=128, le=65536)
    scratch_mb: int = Field(ge=1, le=4096)
    output_kb: int = Field(ge=1, le=1024)
    reply_mb: int = Field(ge=1, le=1024)
    upload_mb: int = Field(ge=1, le=1024)
    upload_files: int = Field(ge=1, le=10000)
    processes: int = Field(ge=0, le=64, default=0)
    threads: int = Field(ge=1, le=64, default=1)


class MilestoneLimits(Limits):
    """The same for a milestone: it is not bound to what a grading platform allows, for it may train for hours."""

    case_seconds: float = Field(gt=0, le=86400)
    submission_seconds: float = Field(gt=0, le=172800)


class LatePolicy(Model):
    """How much a late submission loses: `percent_per_day` of the points earned for each day or part of a day."""

    grace_minutes: int = Field(ge=0)
    percent_per_day: float = Field(ge=0, le=100)
    max_days: int = Field(ge=0)


class Policies(Model):
    """Which attempts count, when a score is seen, and what is marked by hand. How late costs is `late`."""

    attempts_per_day: int = Field(ge=0, default=0, description="graded uploads in one day of the course; 0: any number")
    score_shown: Literal["at once", "after due date"] = "at once"
    attempt_counted: Literal["last", "best"] = "last"
    reflection_points: float = Field(ge=0, le=1000, default=10, description="for the reflection, beside the tests' own")


def _distinct(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the leaderboard has two columns '{name}'; a name stands for one number")
    return columns


class ImportPolicy(Model):
    """What a submission may import besides the standard library and tinytorch itself."""

    allowed: tuple[str, ...]
    forbidden_standard: tuple[str, ...] = ()


class Column(Model):
    """A number on the leaderboard, recorded under this name by one case of the tests; `desc`: the largest leads."""

    name: str = Field(min_length=1, max_length=40)
    order: Literal["asc", "desc"] = "desc"


Leaderboard = Annotated[tuple[Column, ...], AfterValidator(_distinct)]


class Assignment(Model):
    """One assignment: a layer of the framework and what is asked of it."""

    key: str = Field(pattern=r"^a\d\d_[a-z0-9_]+$")
    title: str = Field(min_length=1)
    question: str = Field(min_length=1, description="the capability the student gains, as a question")
    part: str = Field(min_length=1)
    writes: tuple[str, ...] = Field(min_length=1)
    requires: tuple[str, ...] = ()
    points: int = Field(gt=0)
    due: datetime
    limits: dict[str, float] = Field(default_factory=dict)
    imports: tuple[str, ...] = Field(default=(), description="modules allowed in this assignment only")
    data: tuple[str, ...] = Field(
        default=(), description="embedded data sets that lie beside the framework when it is graded"
    )
    leaderboard: Leaderboard = Field(default=(), description="what is compared; the first column weighs most")

    @property
    def short(self) -> str:
        """The short name a person types: `a01`."""
        return self.key.split("_", 1)[0]

    @property
    def number(self) -> int:
        return int(self.short[1:])

    @field_validator("writes")
    @classmethod
    def _plain_paths(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            pure = PurePosixPath(path)
            plain = str(pure) == path and ".." not in pure.parts and "\\" not in path
            if not plain or len(pure.parts) < 2 or pure.parts[0] != "tinytorch":
                raise ValueError(f"'{path}' must be a relative path below tinytorch/, with forward slashes")
        return paths

    @field_validator("due")
    @classmethod
    def _with_zone(cls, due: datetime) -> datetime:
        if due.tzinfo is not None:
            raise ValueError("write the local time without an offset; the zone is the course's `timezone`")
        return due


class Milestone(Model):
    """A historical program that runs on a composition of all of a student's layers."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    year: int
    title: str
    question: str
    requires: tuple[str, ...] = Field(min_length=1)
    must_reach: str
    limits: dict[str, float] = Field(default_factory=dict)
    data: tuple[str, ...] = ()
    datasets: tuple[str, ...] = Field(default=(), description="what the judge reads; it has to be on the machine")
    leaderboard: Leaderboard = Field(default=(), description="as for an assignment; in the result of a run")
    extra: tuple[str, ...] = Field(default=(), description="cases that run only when asked for; it is reached without")


class Course(Model):
    """The whole declaration, with the folder it was found in."""

    name: str
    term: str
    version: str
    timezone: str
    late: LatePolicy
    policies: Policies = Policies()
    limits: Limits
    imports: ImportPolicy
    assignments: tuple[Assignment, ...] = Field(min_length=1)
    milestones: tuple[Milestone, ...] = ()
    strict: bool = Field(
        default=True, description="whether validate asks for a full course's number of cases and misconceptions"
    )
    root: Path = Field(exclude=True)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"'{zone}' is not an IANA time zone such as America/New_York") from error
        return zone

    @model_validator(mode="after")
    def _consistent(self) -> Course:
        known: dict[str, str] = {}  # short name -> key
        owners: dict[str, str] = {}
        for number, a in enumerate(self.assignments):
            here = ("assignments", number)
            if a.short in known:
                raise Misplaced(
                    f"{a.short} is declared twice (also as {known[a.short]}); keep one or renumber it", *here, "key"
                )
            for needed in a.requires:
                if needed not in known.values():
                    advice = f"declare {needed} first or fix the name"
                    raise Misplaced(
                        f"{a.key} requires {needed}, which is not declared above it; {advice}", *here, "requires"
                    )
            for path in a.writes:
                if path in owners:
                    both = f"{owners[path]} and {a.key}"
                    raise Misplaced(
                        f"{path} is written by both {both}; a file has one owner, remove it from one", *here, "writes"
                    )
                owners[path] = a.key
            known[a.short] = a.key
            self._check_limits(a, *here, "limits")
        self._check_milestones(known.values())
        return self

    def _check_milestones(self, known: Collection[str]) -> None:
        seen: set[str] = set()
        for number, m in enumerate(self.milestones):
            here = ("milestones", number)
            if m.key in seen:
                raise Misplaced(f"milestone {m.key} is declared twice; keep one", *here, "key")
            seen.add(m.key)
            for needed in m.requires:
                if needed not in known:
                    advice = "which is not an assignment; fix the name"
                    raise Misplaced(f"milestone {m.key} requires {needed}, {advice}", *here, "requires")
            self._check_limits(m, *here, "limits")

    def _check_limits(self, a: Assignment | Milestone, *here: str | int) -> None:
        for name in a.limits:
            if name not in Limits.model_fields:
                raise Misplaced(
                    f"{a.key}: limits has no '{name}'; known are {', '.join(Limits.model_fields)}", *here, name
                )
        try:
            self.limits_of(a)
        except ValidationError as error:
            problem = error.errors()[0]
            raise Misplaced(_remedy(problem, problem["loc"]), *here, *problem["loc"]) from error

    # Where things are.

    @property
    def frame(self) -> Path:
        return self.root / "tinytorch_ref" / "tinytorch"

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    def solution(self, key: str) -> Path:
        return self.root / "solutions" / key

    def home(self, subject: Assignment | Milestone) -> Path:
        """The folder that holds the tests of an assignment or a milestone."""
        return self.solution(subject.key) if isinstance(subject, Assignment) else self.root / "milestones" / subject.key

    def stub(self, key: str) -> Path:
        return self.root / "assignments" / key

    # Questions about the declaration.

    @cached_property
    def by_key(self) -> dict[str, Assignment]:
        return {a.key: a for a in self.assignments}

    @cached_property
    def owners(self) -> dict[str, str]:
        """Path of every file that some assignment writes, and that assignment's key."""
        return {path: a.key for a in self.assignments for path in a.writes}

    def owner(self, path: str) -> str | None:
        return self.owners.get(path)

    def assignment(self, name: str | int) -> Assignment:
        """Find an assignment by key (`a01_tensor`), short name (`a01`) or number (`1`)."""
        wanted = str(name).strip().strip("/")
        for a in self.assignments:
            if wanted in (a.key, a.short, str(a.number), f"{a.number:02d}"):
                return a
        known = ", ".join(a.key for a in self.assignments)
        raise UserError(message("course.no_assignment", name=name, known=known))

    def milestone(self, name: str) -> Milestone:
        """Find a milestone by its key."""
        for m in self.milestones:
            if name == m.key:
                return m
        known = ", ".join(m.key for m in self.milestones)
        raise UserError(message("course.no_milestone", name=name, known=known))

    def closure(self, key: str) -> tuple[str, ...]:
        """All transitive prerequisites of an assignment, in course order, without itself."""
        wanted: set[str] = set()
        pending = list(self.by_key[key].requires)
        while pending:
            current = pending.pop()
            if current not in wanted:
                wanted.add(current)
                pending.extend(self.by_key[current].requires)
        return tuple(a.key for a in self.assignments if a.key in wanted)

    def written(self) -> tuple[Assignment, ...]:
        """The assignments whose solution exists; the others are declared but not written yet."""
        return tuple(a for a in self.assignments if self.solution(a.key).is_dir())

    def limits_of(self, assignment: Assignment | Milestone) -> Limits:
        """The course's limits with the assignment's (or milestone's) own changes."""
        kind = MilestoneLimits if isinstance(assignment, Milestone) else Limits
        return kind.model_validate({**self.limits.model_dump(), **assignment.limits})

    def needed(self, milestone: Milestone) -> frozenset[str]:
        """All assignments that a milestone runs on."""
        return frozenset(milestone.requires).union(*(self.closure(key) for key in milestone.requires))

    def due(self, assignment: Assignment) -> datetime:
        return assignment.due.replace(tzinfo=ZoneInfo(self.timezone))


def find_course_file(start: Path | None = None) -> Path:
    """Look for course.yaml: $TITO_COURSE, upwards from `start` (default: here), beside the package."""
    places: list[Path] = []
    if named := os.environ.get("TITO_COURSE"):
        places.append(Path(named))
    here = (start or Path.cwd()).resolve()
    places += [here, *here.parents, Path(__file__).resolve().parent.parent]
    for place in places:
        file = place if place.name == FILE else place / FILE
        if file.is_file():
            return file
    raise UserError(message("course.none", file=FILE))


def load_course(path: Path | str | None = None) -> Course:
    """Read and validate course.yaml; CourseFileError names the line of a wrong one, the key and what to change."""
    file = Path(path) if path else find_course_file()
    if file.is_dir():
        file = file / FILE
    tree, data = _parse(file)
    if not isinstance(data, dict):
        held = "nothing" if data is None else f"a {type(data).__name__}"
        raise CourseFileError(
            f"{file.name}:1: expected keys such as name, limits, assignments at the top; the file holds {held}"
        )
    _refuse_repeated_keys(tree, file)
    if "root" in data:
        raise CourseFileError(
            f"{file.name}:{_line_of(tree, ('root',))}: unknown key 'root'; remove it: the folder of the file counts"
        )
    try:
        return Course.model_validate({**data, "root": file.resolve().parent})
    except ValidationError as error:
        raise CourseFileError(_explain(error, tree, file)) from error


def _parse(file: Path) -> tuple[yaml.Node | None, Any]:
    """The file as YAML nodes, which know their lines, and as plain data."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CourseFileError(f"cannot read {file}: {error.strerror}; check the path") from error
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CourseFileError(f"{file.name}:{line}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        for scalar in _scalars(tree):
            _refuse_impossible(scalar, file)
        return tree, yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f"{file.name}:{where.line + 1}" if where else file.name
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise CourseFileError(f"{line}: not valid YAML: {problem}; fix the indentation or quote the value") from error


def _scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            for part in pair:
                yield from _scalars(part)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item)


def _refuse_impossible(scalar: yaml.ScalarNode, file: Path) -> None:
    """YAML takes anything of the form of a date for one, the 31st of February too."""
    try:
        yaml.SafeLoader("").construct_object(scalar)
    except ValueError as error:
        raise CourseFileError(
            f"{file.name}:{scalar.start_mark.line + 1}: '{scalar.value}' cannot be: {error}; correct it"
        ) from error


def _refuse_repeated_keys(node: yaml.Node, file: Path) -> None:
    """YAML lets a later key silently replace an earlier one; a course must not lose a due date that way."""
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise CourseFileError(
                    f"{file.name}:{line}: key '{key.value}' stands twice (first in line {seen[key.value]}); keep one"
                )
            seen[key.value] = line
            _refuse_repeated_keys(value, file)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(item, file)


def _explain(error: ValidationError, tree: yaml.Node, file: Path) -> str:
    """One line for each problem: file:line, the key's path, what is wrong and what would be right."""
    lines = []
    for problem in error.errors():
        location = (*problem["loc"], *getattr(problem.get("ctx", {}).get("error"), "where", ()))
        line = _line_of(tree, location)
        path = _readable(location) or "the file"
        lines.append(f"{file.name}:{line}: {path}: {_remedy(problem, location)}")
    return "\n".join(lines)


def _remedy(problem: Any, location: tuple[Any, ...]) -> str:
    kind, message = problem["type"], problem["msg"].removeprefix("Value error, ")
    if kind == "missing":
        return f"required key '{location[-1]}' is missing; add it"
    if kind == "extra_forbidden":
        return f"unknown key '{location[-1]}'; remove it or correct its spelling{_nearest(location)}"
    if kind == "string_pattern_mismatch":
        return f"{problem['input']!r} does not have the form {problem['ctx']['pattern']}"
    if kind == "value_error":
        return message
    return f"{message[0].lower() + message[1:]}; got {problem['input']!r}"


def _nearest(location: tuple[Any, ...]) -> str:
    from difflib import get_close_matches

    names: set[str] = set()
    for model in (Course, Assignment, Milestone, Limits, LatePolicy, Policies, ImportPolicy):
        names |= set(model.model_fields)
    match = get_close_matches(str(location[-1]), sorted(names), n=1)
    return f" (did you mean '{match[0]}'?)" if match else ""


def _readable(location: tuple[Any, ...]) -> str:
    return re.sub(r"\.\[", "[", ".".join(f"[{part}]" if isinstance(part, int) else str(part) for part in location))


def _line_of(tree: yaml.Node, location: tuple[Any, ...]) -> int:
    """The line of the deepest part of `location` that the file really contains."""
    node, line = tree, 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == str(part)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line
