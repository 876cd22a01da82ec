"""Milestones: a given program on all of a student's layers over the reference, judged like an assignment.

A layer that is missing, refused by lint, not finished or that does not import is replaced by the reference and named.
So is
a layer whose code raises while the milestone runs: the milestone is run again without it. A wrong layer that runs to
the
end stays: then the milestone's own result says so. Labels of test data never leave the judge.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autograder import compose, lint, record
from autograder.course import Assignment, Course, Milestone
from autograder.errors import GraderError, UserError
from autograder.expect import StudentError
from autograder.intake import receive
from autograder.judge.bench import Bench
from autograder.judge.cases import Status, Verdict
from autograder.judge.run import Watcher, judge
from autograder.judge.testfiles import TestFile, load_test_files
from autograder.observe.client import Observation, ObserverLost, ObserverTimeout

LINT_SECONDS = 20.0
_WHERE = re.compile(r"^at:\s+(tinytorch/\S+?\.py):\d+", re.MULTILINE)


@dataclass(frozen=True)
class Choice:
    """Whose layer stands for an assignment in a run, and why it is not the student's where one was expected."""

    assignment: str
    origin: compose.Origin
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """A milestone run: the layers it ran on, the verdict, and the last answer of each probe (for pictures)."""

    milestone: str
    choices: tuple[Choice, ...]
    verdict: Verdict
    answers: Mapping[str, Any]

    @property
    def reached(self) -> bool:
        return bool(self.verdict.cases) and all(c.status is Status.PASSED for c in self.verdict.cases)


@dataclass(frozen=True)
class _Layer:
    """A student's layer that may take part: its files and their byte code."""

    files: Mapping[str, Path]
    bytecode: Mapping[str, bytes]


def ready(course: Course) -> tuple[Milestone, ...]:
    """The milestones that can run today: judged here, and every assignment they need is written."""
    written = {a.key for a in course.written()}
    return tuple(m for m in course.milestones if course.home(m).is_dir() and needed(course, m) <= written)


def needed(course: Course, milestone: Milestone) -> frozenset[str]:
    """All assignments that a milestone runs on."""
    keys = set(milestone.requires)
    for key in milestone.requires:
        keys |= set(course.closure(key))
    return frozenset(keys)


def run(
    course: Course,
    milestone: Milestone,
    submissions: Iterable[Path] = (),
    seed: int = 0,
    allow_weak_sandbox: bool = False,
    listener: Callable[[bytes], None] | None = None,
) -> Outcome:
    """Run a milestone on the layers found in `submissions` (zips, folders, notebooks), the rest being the reference.

    Args:
        listener: gets what the program prints, as it prints it.
    """
    if milestone not in ready(course):
        raise UserError(f"milestone {milestone.key} cannot run yet: some assignment it needs is not written")
    with (
        tempfile.TemporaryDirectory(prefix="tito-milestone-") as folder,
        Bench(course, milestone, allow_weak_sandbox=allow_weak_sandbox) as bench,
    ):
        return _Run(course, milestone, bench, Path(folder), seed, listener).run(tuple(submissions))


class _Run:
    def __init__(self, course: Course, milestone: Milestone, bench: Bench, folder: Path, seed: int, listener: Any):
        self.course, self.milestone, self.bench = course, milestone, bench
        self.folder, self.seed, self.listener = folder, seed, listener
        self.layers: dict[str, _Layer] = {}
        self.reasons: dict[str, str] = {}
        self.files: tuple[TestFile, ...] = load_test_files(course.home(milestone) / "tests")
        wanted = needed(course, milestone)
        self.assignments = tuple(a for a in course.assignments if a.key in wanted)

    def run(self, submissions: tuple[Path, ...]) -> Outcome:
        self._take_in(submissions)
        for _ in range(len(self.layers) + 1):
            verdict, answers = self._judge()
            culprit = self._culprit(verdict)
            if culprit is None:
                return Outcome(self.milestone.key, self._choices(bool(submissions)), verdict, answers)
            key, reason = culprit
            del self.layers[key]
            self.reasons[key] = reason
        raise GraderError(f"milestone {self.milestone.key} does not run on the reference")

    def _take_in(self, submissions: tuple[Path, ...]) -> None:
        """Every layer that some submission holds; a later submission counts before an earlier one."""
        for number, source in enumerate(submissions):
            found = [a for a in self.assignments if self._take_layer(source, a, self.folder / f"{number}-{a.key}")]
            if not found:
                names = ", ".join(a.key for a in self.assignments)
                raise UserError(f"{source} holds no layer that {self.milestone.key} runs on; it runs on {names}")

    def _take_layer(self, source: Path, assignment: Assignment, into: Path) -> bool:
        try:
            submission = receive(source, self.course, assignment, into)
        except UserError:
            return False
        files = {file.path: submission.root / file.path for file in submission.files}
        layer, reason = self._examine(assignment, files, submission.missing)
        if layer is not None:
            self.layers[assignment.key] = layer
            self.reasons.pop(assignment.key, None)
        elif assignment.key not in self.layers:
            self.reasons[assignment.key] = reason
        return True

    def _examine(
        self, assignment: Assignment, files: dict[str, Path], missing: tuple[str, ...]
    ) -> tuple[_Layer | None, str]:
        """The layer, or why it cannot take part."""
        if missing:
            return None, f"{missing[0]} is missing"
        policy = lint.policy_for(self.course, assignment).to_plain()
        bytecode: dict[str, bytes] = {}
        for path, file in files.items():
            try:
                request = {"do": "lint", "path": path, "source": file.read_bytes(), "policy": policy}
                answer = self._ask(None, request, LINT_SECONDS)
            except (StudentError, ObserverLost, ObserverTimeout):
                return None, f"Python's parser gave up on {path}"
            findings = [lint.Finding.from_plain(f) for f in answer["findings"]]
            for finding in findings:
                if finding.fatal or finding.rule == "unwritten":
                    return None, str(finding)
            bytecode[path] = answer["bytecode"]
        layer = _Layer(files, bytecode)
        problem = self._import_problem(assignment, layer)
        return (None, problem) if problem else (layer, "")

    def _import_problem(self, assignment: Assignment, layer: _Layer) -> str:
        student = compose.Layer(assignment.key, "student", layer.files)
        layers = compose.for_grading(self.course, student)
        made = compose.compose(self.course, layers, self.bench.root / f"try-{assignment.key}", bytecode=layer.bytecode)
        modules = [path.removesuffix(".py").replace("/", ".") for path in layer.files]
        try:
            self._ask(made, {"do": "load", "modules": modules}, self.bench.limits.import_seconds)
        except StudentError as error:
            return f"it does not import: {error}"
        except (ObserverLost, ObserverTimeout) as error:
            return f"it does not import: {error or 'it never ends'}"
        finally:
            compose.discard(made.path)
        return ""

    def _ask(self, composition: compose.Composition | None, request: dict[str, Any], seconds: float) -> Any:
        observation: Observation = self.bench.observe(composition)
        try:
            return observation.ask(request, seconds)
        finally:
            observation.close()

    def _judge(self) -> tuple[Verdict, dict[str, Any]]:
        """The verdict on the layers chosen so far, and the last answer of each probe."""
        students = [compose.Layer(key, "student", layer.files) for key, layer in self.layers.items()]
        keys = {a.key for a in self.assignments}
        layers = [layer for layer in compose.with_students(self.course, students) if layer.assignment in keys]
        bytecode = {path: code for layer in self.layers.values() for path, code in layer.bytecode.items()}
        made = compose.compose(
            self.course, layers, self.bench.root / "milestone", bytecode=bytecode, data=self.milestone.data
        )
        answers: dict[str, Any] = {}
        self.bench.listener = self.listener
        try:
            watcher = Watcher(answered=lambda probe, value: answers.update({probe: value}))
            return judge(self.bench, self.files, made, digest=made.digest, seed=self.seed, watcher=watcher), answers
        finally:
            self.bench.listener = None
            compose.discard(made.path)

    def _culprit(self, verdict: Verdict) -> tuple[str, str] | None:
        """A student's layer whose code raised, and what it raised; None when no layer is to be exchanged."""
        for case in verdict.cases:
            if case.status is not Status.ERROR:
                continue
            for path in reversed(_WHERE.findall(case.detail)):
                key = self.course.owner(path)
                if key in self.layers:
                    return key, f"it raised while the milestone ran: {' '.join(case.detail.split())[:300]}"
        return None

    def _choices(self, expected: bool) -> tuple[Choice, ...]:
        return tuple(
            Choice(a.key, "student") if a.key in self.layers
            else Choice(a.key, "reference", self.reasons.get(a.key, "not among the submissions" if expected else ""))
            for a in self.assignments
        )  # fmt: skip


def write(outcome: Outcome, out: Path) -> Path:
    """result.json of a run, for people and programs."""
    result = {
        "milestone": outcome.milestone,
        "reached": outcome.reached,
        "layers": [asdict(choice) for choice in outcome.choices],
        "cases": [
            {"title": c.title, "status": c.status.value, "message": c.message, "seconds": round(c.seconds, 2)}
            for c in outcome.verdict.cases
        ],
        "notes": list(outcome.verdict.notes),
    }
    record.write_json(out / "result.json", result)
    return out / "result.json"


def draw(course: Course, outcome: Outcome, out: Path) -> tuple[Path, ...]:
    """The milestone's own pictures of what its probes answered."""
    script = course.home(course.milestone(outcome.milestone)) / "picture.py"
    if not script.is_file() or not outcome.answers:
        return ()
    import matplotlib

    matplotlib.use("Agg")
    written: list[Path] = []

    def save(name: str, figure: Any) -> None:
        path = out / f"{name}.png"
        figure.savefig(path, dpi=120)
        written.append(path)

    namespace: dict[str, Any] = {"__name__": "picture"}
    exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), namespace)
    try:
        namespace["draw"](dict(outcome.answers), save)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        # What a student's program answered may not be drawable; the verdict stands without a picture.
        print(f"no picture: {type(error).__name__}: {error}")
    return tuple(written)
