"""What a student has done so far: a log of checks, the state of every assignment and milestone, and a timeline.

`tito check` and `tito checkpoint test` append one line each to `.tito/progress.jsonl` beside course.yaml: what passed,
and the digest of the very files that passed. A line that was edited no longer fits its seal and does not count; nor
does a pass count as current when the file has changed since. This keeps honest people from fooling themselves; marks
come from grading alone. Every version that a check has seen is kept in `.tito/history`, so that no work is lost.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Any

from autograder.course import Assignment, Course, Milestone
from autograder.judge.cases import CaseResult, Status
from autograder.messages import message

STATE = ".tito"
LOG = "progress.jsonl"
VERSIONS = 200  # kept of each assignment
_SEAL = b"tinytorch progress 1\0"


@dataclass(frozen=True)
class Entry:
    """One check or one milestone run.

    `work` is the digest of the student's files, `question` the only test file that ran (empty: all), `failing` the
    cases that did not pass, of which `unwritten` stopped at a blank; `layers` holds the origin of each layer that a
    milestone ran on.
    """

    kind: str
    subject: str
    at: str
    work: str
    folder: str
    cases: int
    passed: int
    failing: tuple[str, ...] = ()
    unwritten: tuple[str, ...] = ()
    question: str = ""
    layers: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether everything that there is was run and passed."""
        return not self.question and self.cases > 0 and self.passed == self.cases

    @property
    def day(self) -> str:
        return datetime.fromisoformat(self.at).astimezone().strftime("%Y-%m-%d %H:%M")


class State(str, Enum):
    """Where somebody stands with an assignment or a milestone."""

    PASSED = "passed"
    CHANGED = "changed"  # passed once; the file is another one now
    BEGUN = "begun"
    OPEN = "open"
    LATER = "later"


@dataclass(frozen=True)
class Standing:
    """One line of `tito status`. `waits_for` are the keys that come first, `own` how many layers of a milestone's were
    the student's."""

    subject: Assignment | Milestone
    state: State
    last: Entry | None = None
    passed_at: str = ""
    waits_for: tuple[str, ...] = ()
    own: str = ""


@dataclass(frozen=True)
class Log:
    """The entries that count, oldest first, and how many lines do not."""

    entries: tuple[Entry, ...]
    damaged: int = 0

    def of(self, kind: str, subject: str) -> tuple[Entry, ...]:
        return tuple(e for e in self.entries if e.kind == kind and e.subject == subject)

    def has_passed(self, key: str, work: str) -> bool:
        """Whether exactly these files of an assignment have passed all of its public cases."""
        return any(e.complete and e.work == work for e in self.of("check", key))


def log_file(root: Path) -> Path:
    return root / STATE / LOG


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def digest(assignment: Assignment, folder: Path) -> str:
    """Of the assignment's files in a folder; line ends do not count, for a copy on another system is the same work."""
    made = hashlib.sha256()
    for path in assignment.writes:
        content = (folder / path).read_bytes() if (folder / path).is_file() else b""
        made.update(f"{path}\0".encode() + content.replace(b"\r\n", b"\n") + b"\0")
    return made.hexdigest()


def read(root: Path) -> Log:
    """The log of a home; an empty one where nothing has been recorded."""
    file = log_file(root)
    if not file.is_file():
        return Log(())
    lines = dict.fromkeys(file.read_text(encoding="utf-8", errors="replace").splitlines())
    opened = [_opened(line) for line in lines if line.strip()]
    entries = sorted((entry for entry in opened if entry), key=lambda e: e.at)
    return Log(tuple(entries), opened.count(None))


def append(root: Path, entries: Iterable[Entry]) -> None:
    """Add entries to the log of a home; one write, so that two checks at once do not mix their lines."""
    file = log_file(root)
    file.parent.mkdir(exist_ok=True)
    text = "".join(_sealed(entry) + "\n" for entry in entries)
    with file.open("a", encoding="utf-8", newline="\n") as stream:
        stream.write(text)


def record_check(
    course: Course, assignment: Assignment, folder: Path, cases: Iterable[CaseResult], question: str | None = None
) -> str:
    """Record a check and keep the version it saw.

    Returns what is wrong when that was not possible, for a check is not to fail for want of a diary.
    """
    cases = tuple(cases)
    failing = tuple(case.key for case in cases if case.status is not Status.PASSED)
    entry = Entry(
        "check",
        assignment.key,
        now(),
        digest(assignment, folder),
        str(folder.resolve()),
        len(cases),
        len(cases) - len(failing),
        failing,
        tuple(case.key for case in cases if case.unwritten),
        question or "",
    )
    try:
        append(course.root, [entry])
        _keep(course.root, assignment, folder, entry)
    except OSError as error:
        return message("progress.unwritable", file=log_file(course.root), reason=error.strerror)
    return ""


def adopt(root: Path, other: Path) -> int:
    """Take over what another home has recorded; returns how much was new."""
    ours, theirs = read(root).entries, read(other).entries
    known = {_sealed(entry) for entry in ours}
    new = [entry for entry in theirs if _sealed(entry) not in known]
    if new:
        append(root, new)
    return len(new)


def _sealed(entry: Entry) -> str:
    data = asdict(replace(entry, layers=dict(entry.layers)))
    return json.dumps({**data, "seal": _seal(data)}, sort_keys=True)


def _seal(data: dict[str, Any]) -> str:
    plain = json.loads(json.dumps(data))  # as it is read back: lists, not tuples
    return hashlib.sha256(_SEAL + json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def _opened(line: str) -> Entry | None:
    """The entry of a line; None when the line is not as it was written."""
    try:
        data = json.loads(line)
        seal = data.pop("seal")
        if seal != _seal(data):
            return None
        lists = {name: tuple(data[name]) for name in ("failing", "unwritten")}
        return Entry(**{**data, **lists})
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _keep(root: Path, assignment: Assignment, folder: Path, entry: Entry) -> None:
    shelf = root / STATE / "history" / assignment.key
    shelf.mkdir(parents=True, exist_ok=True)
    versions = sorted(shelf.iterdir())
    if any(version.name.endswith(entry.work[:8]) for version in versions):
        return
    place = shelf / f"{entry.at[:19].replace(':', '').replace('-', '')}-{entry.work[:8]}"
    place.mkdir()
    for path in assignment.writes:
        if (folder / path).is_file():
            shutil.copyfile(folder / path, place / Path(path).name)
    for old in versions[: len(versions) + 1 - VERSIONS]:
        shutil.rmtree(old)


# ---- where somebody stands


def standings(course: Course, log: Log) -> tuple[tuple[Standing, ...], tuple[Standing, ...]]:
    """The assignments' and the milestones', in the order of the course."""
    assignments: dict[str, Standing] = {}
    for assignment in course.assignments:
        assignments[assignment.key] = _assignment(course, assignment, log, assignments)
    done = {key for key, s in assignments.items() if s.state in (State.PASSED, State.CHANGED)}
    return tuple(assignments.values()), tuple(_milestone(course, m, log, done) for m in course.milestones)


def _assignment(course: Course, assignment: Assignment, log: Log, before: Mapping[str, Standing]) -> Standing:
    entries = log.of("check", assignment.key)
    complete = [entry for entry in entries if entry.complete]
    waits = tuple(k for k in assignment.requires if before[k].state not in (State.PASSED, State.CHANGED))
    if not entries:
        there = (course.root / assignment.key).is_dir()
        return Standing(assignment, State.OPEN if there or not waits else State.LATER, waits_for=waits)
    last = next((e for e in reversed(entries) if not e.question), entries[-1])
    if not complete:
        return Standing(assignment, State.BEGUN, last, waits_for=waits)
    folder = Path(complete[-1].folder)
    same = not folder.is_dir() or digest(assignment, folder) in {entry.work for entry in complete}
    return Standing(assignment, State.PASSED if same else State.CHANGED, last, complete[0].day)


def _milestone(course: Course, milestone: Milestone, log: Log, done: set[str]) -> Standing:
    entries = log.of("checkpoint", milestone.key)
    reached = [entry for entry in entries if entry.complete and "student" in entry.layers.values()]
    waits = tuple(a.key for a in course.assignments if a.key in course.needed(milestone) - done)
    if reached:
        own = sum(origin == "student" for origin in reached[-1].layers.values())
        told = f"{own} of {len(reached[-1].layers)} layers your own"
        return Standing(milestone, State.PASSED, reached[-1], reached[0].day, waits, told)
    state = State.LATER if waits else State.OPEN
    return Standing(milestone, State.BEGUN if entries else state, entries[-1] if entries else None, waits_for=waits)


def timeline(course: Course, log: Log) -> tuple[tuple[str, str, str], ...]:
    """When each thing was passed for the first time: (day, key, question), oldest first."""
    questions = {subject.key: subject.question for subject in (*course.assignments, *course.milestones)}
    first: dict[str, Entry] = {}
    for entry in log.entries:
        proved = entry.kind == "check" or "student" in entry.layers.values()
        if entry.complete and proved and entry.subject in questions:
            first.setdefault(entry.subject, entry)
    return tuple((entry.day, key, questions[key]) for key, entry in first.items())
