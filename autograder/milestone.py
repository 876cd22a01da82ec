"""Milestones: a given program on all of a student's layers over the reference, judged like an assignment.

A layer that intake or lint refuses, that is not finished or does not import is replaced by the reference and named. So
is a layer whose code raises while the milestone runs: the milestone runs again without it. A wrong layer that runs to
the end stays, and so does one that never ends or ends the process: then the milestone's own result says so. Labels of
test data never leave the judge. Pictures are drawn in `autograder.picture`.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from autograder import compose, lint, picture, record
from autograder.course import Assignment, Course, Milestone
from autograder.datasets import Datasets
from autograder.errors import UserError
from autograder.expect import StudentError
from autograder.intake import IntakeError, Submission, receive, safe
from autograder.judge.bench import Bench
from autograder.judge.cases import Status, Verdict
from autograder.judge.run import Watcher, judge
from autograder.judge.testfiles import TestFile, check_leaderboard, load_test_files
from autograder.observe.client import ObserverLost, ObserverTimeout

REASON = 300
_WHERE = re.compile(r"^at:\s+(tinytorch/\S+?\.py):\d+", re.MULTILINE)


@dataclass(frozen=True)
class Choice:
    """Whose layer stands for an assignment in a run.

    Attributes:
        source: the submission that a student's layer came from.
        reason: why no layer of the student's, or no newer one, was taken.
    """

    assignment: str
    origin: compose.Origin
    source: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """A milestone run: the layers it ran on, the verdict, and the last answer of each probe (for pictures).

    `notes` name what was submitted and plays no part in this milestone; `extra` are cases that it is reached without.
    """

    milestone: str
    choices: tuple[Choice, ...]
    verdict: Verdict
    answers: Mapping[str, Any]
    seed: int = 0
    notes: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def reached(self) -> bool:
        needed = [c for c in self.verdict.cases if c.id not in self.extra]
        return bool(needed) and all(c.status is Status.PASSED for c in needed)

    @property
    def passed_what_ran(self) -> bool:
        """Whether the cases that were asked for passed, where that is not all of them."""
        ran = [c for c in self.verdict.cases if c.status is not Status.SKIPPED]
        return not self.reached and bool(ran) and all(c.status is Status.PASSED for c in ran)

    @property
    def needs_a_person(self) -> bool:
        """Whether the grader itself failed, so that the result says nothing about the student's layers."""
        return bool(self.verdict.grader_errors)


@dataclass(frozen=True)
class _Offer:
    """What one submission holds for an assignment: a layer with its byte code, or the problem that bars it."""

    source: str
    files: Mapping[str, Path]
    bytecode: Mapping[str, bytes]
    problem: str = ""


@dataclass(frozen=True)
class Follower:
    """Who is told while a milestone runs: what its program prints, and each layer that is exchanged meanwhile."""

    printed: Callable[[bytes], None] | None = None
    exchanged: Callable[[Choice], None] = lambda choice: None


def obstacle(course: Course, milestone: Milestone) -> str:
    """What keeps a milestone from running today, in words; empty when it can run."""
    written = {a.key for a in course.written()}
    lacking = [a.key for a in course.assignments if a.key in course.needed(milestone) - written]
    if not lacking and not course.home(milestone).is_dir():
        lacking = [f"milestones/{milestone.key}"]
    return f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not written" if lacking else ""


def ready(course: Course) -> tuple[Milestone, ...]:
    """The milestones that can run today: judged here, and every assignment they need is written."""
    return tuple(m for m in course.milestones if not obstacle(course, m))


def run(
    course: Course,
    milestone: Milestone,
    submissions: Iterable[Path] = (),
    seed: int = 0,
    allow_weak_sandbox: bool = False,
    follower: Follower | None = None,
    only: Collection[str] = (),
) -> Outcome:
    """Run a milestone once; see `Runner.run`."""
    with Runner(course, milestone, allow_weak_sandbox=allow_weak_sandbox, only=only) as runner:
        return runner.run(submissions, seed, follower)


class Runner:
    """Runs one milestone, for one student after another. Use as a context manager.

    Args:
        slot: number of this runner among the judges that run at once on this machine.
        only: names of the cases to run; none means all that the milestone is reached by, so not the extra ones.

    Raises:
        UserError: an assignment that the milestone needs is not written, a data set is not on this machine, or there is
            no such case.
    """

    def __init__(
        self,
        course: Course,
        milestone: Milestone,
        slot: int = 0,
        allow_weak_sandbox: bool = False,
        only: Collection[str] = (),
    ):
        if problem := obstacle(course, milestone):
            raise UserError(f"milestone {milestone.key} cannot run yet: {problem}")
        for name in milestone.datasets:
            Datasets(course).folder(name)
        self.course, self.milestone = course, milestone
        wanted = course.needed(milestone)
        self.assignments = tuple(a for a in course.assignments if a.key in wanted)
        self.files: tuple[TestFile, ...] = load_test_files(course.home(milestone) / "tests")
        check_leaderboard(self.files, milestone)
        known = [case.id for file in self.files for case in file.cases]
        if unknown := sorted(set(only) - set(known)):
            raise UserError(f"{milestone.key} has no case {unknown[0]}; choose of {', '.join(known)}")
        if unknown := sorted(set(milestone.extra) - set(known)):
            raise UserError(f"course.yaml calls {unknown[0]} an extra case of {milestone.key}, which has no such case")
        self.only = frozenset(only or set(known) - set(milestone.extra))
        self.bench = Bench(course, milestone, slot, allow_weak_sandbox)

    def run(self, submissions: Iterable[Path] = (), seed: int = 0, follower: Follower | None = None) -> Outcome:
        """Run on the layers found in `submissions` (zips, folders, notebooks), the rest being the reference.

        Of two submissions that hold the same layer the later counts, or the earlier if the later cannot be used.

        Raises:
            UserError: a submission in which nothing of the course was found.
        """
        with tempfile.TemporaryDirectory(prefix="tito-milestone-") as folder:
            return _Run(self, Path(folder), seed, follower or Follower()).run(tuple(submissions))

    @contextmanager
    def stack(self, submissions: Iterable[Path], seed: int = 0, follower: Follower | None = None) -> Iterator[Stack]:
        """A student's layers, taken in once, to be judged on any choice of them; nothing is exchanged meanwhile."""
        with tempfile.TemporaryDirectory(prefix="tito-milestone-") as folder:
            made = _Run(self, Path(folder), seed, follower or Follower())
            made.take_in(tuple(submissions))
            yield Stack(made)

    def close(self) -> None:
        self.bench.close()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Stack:
    """The usable layers of one student. `keys` in the order of the course; `choices` also tell what was refused.

    Every choice of layers is judged on what a run of the whole stack would draw: what differs is the layers alone.
    """

    def __init__(self, made: _Run):
        self._run, self._layers = made, dict(made.layers)
        self._digest = made.digest()
        self.keys = tuple(key for key in made.keys if key in made.layers)
        self.choices = tuple(made.choice(key, True) for key in made.keys)

    def judge(self, keys: Iterable[str], seed: int = 0) -> Verdict:
        """The verdict on these layers of the student, the others being the reference's. Another seed, other draws."""
        self._run.layers = {key: self._layers[key] for key in keys}
        return self._run.judged(self._digest, seed)[0]


class _Run:
    """One run: the layers offered (oldest first), those chosen so far, and why others were passed over."""

    def __init__(self, runner: Runner, folder: Path, seed: int, follower: Follower):
        self.runner, self.bench, self.course = runner, runner.bench, runner.course
        self.folder, self.seed, self.follower = folder, seed, follower
        self.keys = tuple(a.key for a in runner.assignments)
        self.offers: dict[str, list[_Offer]] = defaultdict(list)
        self.layers: dict[str, _Offer] = {}
        self.passed_over: dict[str, list[str]] = defaultdict(list)
        self.notes: list[str] = []

    def run(self, submissions: tuple[Path, ...]) -> Outcome:
        self.take_in(submissions)
        deadline = time.monotonic() + self.bench.limits.submission_seconds
        while True:
            verdict, answers = self.judged()
            # Each exchange costs another run: all of them together get the time of one submission.
            if time.monotonic() >= deadline or not self._exchange(verdict):
                choices = tuple(self.choice(key, bool(submissions)) for key in self.keys)
                name = self.runner.milestone.key
                notes, extra = tuple(self.notes), self.runner.milestone.extra
                return Outcome(name, choices, verdict, answers, self.seed, notes, extra)

    def take_in(self, submissions: tuple[Path, ...]) -> None:
        """Choose among all the layers that the submissions offer."""
        for number, source in enumerate(submissions):
            self._take_in(source, self.folder / str(number))
        for key in self.keys:
            self._choose(key)

    # ---- what the submissions offer

    def _take_in(self, source: Path, folder: Path) -> None:
        """Everything that a submission offers, of whichever assignments it has files."""
        label, found = safe(source.name), False
        refused: dict[str, str] = {}
        for assignment in self.course.assignments:
            try:
                submission = receive(source, self.course, assignment, folder / assignment.key)
            except IntakeError as error:
                refused[assignment.key] = str(error)
                continue
            found = True
            self._note(assignment.key, self._offered(assignment, submission, label))
        barred = self._barred(refused)
        if not found and len(barred) != 1:
            raise UserError(self._nothing(label, refused))
        for key, problem in barred.items():
            self._note(key, _Offer(label, {}, {}, problem))

    def _barred(self, refused: Mapping[str, str]) -> dict[str, str]:
        """The refusals that are about an assignment's own file. Others say whose files are there instead."""
        keys = [a.key for a in self.course.assignments]
        own = {key: text for key, text in refused.items() if not any(k in text for k in keys if k != key)}
        return {} if len(own) == len(keys) else own

    def _nothing(self, label: str, refused: Mapping[str, str]) -> str:
        texts = set(refused.values())
        if len(texts) == 1:
            return texts.pop()
        return f"{label} holds no layer that {self.runner.milestone.key} runs on; it runs on {', '.join(self.keys)}"

    def _note(self, key: str, offer: _Offer) -> None:
        if key in self.keys:
            self.offers[key].append(offer)
        else:
            self.notes.append(f"{offer.source}: {key} plays no part in {self.runner.milestone.key}")

    def _offered(self, assignment: Assignment, submission: Submission, label: str) -> _Offer:
        """A submission's layer, or what intake and lint have against it."""
        files = {file.path: submission.root / file.path for file in submission.files}
        if submission.missing:
            return _Offer(label, {}, {}, f"{', '.join(submission.missing)} is missing")
        if assignment.key not in self.keys:
            return _Offer(label, files, {})
        linted = self.bench.lint(assignment, files)
        return _Offer(label, files, linted.bytecode, _refusal(linted))

    # ---- which of it takes part

    def _choose(self, key: str) -> None:
        """The newest layer offered for an assignment that can be used, if one can."""
        for offer in reversed(self.offers[key]):
            problem = offer.problem or self._import_problem({**self.layers, key: offer})
            if not problem:
                self.layers[key] = offer
                return
            self.passed_over[key].append(f"{offer.source}: {problem}")

    def _import_problem(self, layers: Mapping[str, _Offer]) -> str:
        """Why the framework with these layers does not import, all of what the milestone runs on; empty if it does."""
        paths = [path for a in self.runner.assignments for path in a.writes]
        modules = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in paths]
        seconds = self.bench.limits.import_seconds
        made = self._compose(layers)
        try:
            self.bench.ask_apart({"do": "load", "modules": [*modules, "probes"]}, seconds, made)
        except StudentError as error:
            return _brief(f"it does not import: {error}" + (f" ({error.where})" if error.where else ""))
        except ObserverTimeout:
            return f"it does not import: no end within {seconds:g} s"
        except ObserverLost as error:
            return _brief(f"it does not import: {error}")
        finally:
            compose.discard(made.path)
        return ""

    def _compose(self, chosen: Mapping[str, _Offer]) -> compose.Composition:
        students = [compose.Layer(key, "student", offer.files) for key, offer in chosen.items()]
        layers = [layer for layer in compose.with_students(self.course, students) if layer.assignment in self.keys]
        bytecode = {path: code for offer in chosen.values() for path, code in offer.bytecode.items()}
        return self.bench.compose_layers(layers, bytecode)

    # ---- the milestone itself

    def digest(self) -> str:
        """Of the layers chosen so far."""
        made = self._compose(self.layers)
        compose.discard(made.path)
        return made.digest

    def judged(self, digest: str = "", seed: int | None = None) -> tuple[Verdict, dict[str, Any]]:
        """The verdict on the layers chosen so far, and the last answer of each probe.

        The digest and the seed decide what is drawn: those of these layers and this run, unless others are given.
        """
        seed = self.seed if seed is None else seed
        made = self._compose(self.layers)
        answers: dict[str, Any] = {}
        watcher = Watcher(
            answered=lambda probe, value: answers.update({probe: value}),
            wanted=lambda case: case.id in self.runner.only,
        )
        self.bench.listener = self.follower.printed
        try:
            verdict = judge(self.bench, self.runner.files, made, digest or made.digest, seed, watcher)
            unasked = frozenset(self.runner.milestone.extra) - self.runner.only
            return replace(verdict, cases=tuple(c for c in verdict.cases if c.id not in unasked)), answers
        finally:
            self.bench.listener = None
            compose.discard(made.path)

    def _exchange(self, verdict: Verdict) -> bool:
        """Give up the layers that kept the milestone from running; whether there were any."""
        before = set(self.layers)
        if (culprit := self._culprit(verdict)) is not None:
            self._give_up(*culprit)
        elif verdict.notes:  # it does not import: of the layers that stay, one may have needed one that went
            chosen, self.layers = self.layers, {}
            for key, offer in chosen.items():
                if problem := self._import_problem({**self.layers, key: offer}):
                    self._give_up(key, problem, offer)
                else:
                    self.layers[key] = offer
        return set(self.layers) < before

    def _culprit(self, verdict: Verdict) -> tuple[str, str] | None:
        """The student's layer in which an exception arose, and what it raised; None when no layer is to blame."""
        for case in verdict.cases:
            places = _WHERE.findall(case.detail) if case.status is Status.ERROR else []
            if places and (key := self.course.owner(places[-1])) in self.layers:
                raised = case.detail.partition("\ncame:")[2] or case.detail
                return key, _brief(f"it raised while the milestone ran: {raised}")
        return None

    def _give_up(self, key: str, problem: str, offer: _Offer | None = None) -> None:
        gone = offer or self.layers.pop(key)
        self.passed_over[key].append(f"{gone.source}: {problem}")
        self.follower.exchanged(self.choice(key, True))

    def choice(self, key: str, expected: bool) -> Choice:
        reason = "; ".join(self.passed_over[key])
        if key in self.layers:
            return Choice(key, "student", self.layers[key].source, reason)
        return Choice(key, "reference", "", reason or ("not among the submissions" if expected else ""))


def _refusal(linted: lint.Linted) -> str:
    """What lint has against a layer: whatever stops an assignment, and code that is still to be written."""
    if linted.fatal:
        return str(linted.fatal[0])
    unwritten = [finding for finding in linted.findings if finding.rule == "unwritten"]
    more = f", and {len(unwritten) - 1} more" if len(unwritten) > 1 else ""
    return f"{unwritten[0]}{more}" if unwritten else ""


def _brief(text: str) -> str:
    """A student's words on one printable line."""
    return safe(" ".join(text.split()), REASON)


def write(outcome: Outcome, out: Path, pictures: Iterable[Path] = ()) -> Path:
    """result.json of a run, for people and programs."""
    result = {
        "milestone": outcome.milestone,
        "reached": outcome.reached,
        "needs_a_person": outcome.needs_a_person,
        "seed": outcome.seed,
        "layers": [asdict(choice) for choice in outcome.choices],
        "cases": [
            {
                "case": c.id,
                "title": c.title,
                "status": c.status.value,
                "message": c.message,
                "measured": dict(c.measured),
                "seconds": round(c.seconds, 2),
                "cpu_seconds": round(c.cpu_seconds, 2),
                "memory_mb": round(c.memory_kb / 1024),
            }
            for c in outcome.verdict.cases
        ],
        "recorded": outcome.verdict.recorded,
        "notes": [*outcome.notes, *outcome.verdict.notes],
        "pictures": [path.name for path in pictures if path.suffix == ".png"],
    }
    record.write_json(out / "result.json", result)
    return out / "result.json"


def draw(course: Course, outcome: Outcome, out: Path) -> picture.Drawn:
    """The milestone's own pictures of what its probes answered, drawn with the reference framework at hand."""
    script = course.home(course.milestone(outcome.milestone)) / "picture.py"
    if not script.is_file() or not outcome.answers:
        return picture.Drawn()
    with tempfile.TemporaryDirectory(prefix="tito-picture-") as folder:
        frame = compose.compose(course, [], Path(folder) / "frame", linked=True)
        return picture.draw(script, outcome.answers, out, path=frame.path)
