"""The gate of one assignment: every claim that the course makes about its tests, tried.

1. the reference scores everything, under ten seeds       2. the untouched stub scores 0 on every case
3. every misconception loses points in the cases it names (under --write and --full: the same ones under two seeds)
   and, where code, tests and misconceptions are what the kill matrix was recorded for, in the cases recorded there;
   where anything of that changed, all cases are judged
4. automatic mutants are caught: how many, and which survive
5. the released files are in step with the solution       6. the lab runs from top to bottom
7. every public case that fails in 2 and 3 tells the call, what was expected, what came, and where to read
The kill matrix (what fails which cases) is kept in the solution's kills.json: `explain` reads it.

A quick run does less of 1 and 3 for an assignment whose kill matrix was recorded for just these files: two seeds, and
a third of the misconceptions. Which third depends on the framework, so what changes under an assignment moves it on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder import build, explain, hints, record
from autograder.course import Assignment, Course
from autograder.errors import GraderError, UserError
from autograder.grade import Grader
from autograder.judge.cases import CaseResult, Status, Verdict
from autograder.validate.forms import anchors, flaws
from autograder.validate.labs import run_lab
from autograder.validate.mutants import Mutant, mutants, sample
from autograder.validate.trials import Trials

SEEDS = 10
QUICK_SEEDS = 2
QUICK_SHARE = 3  # one of so many misconceptions
LIKELY = 3  # cases that are asked first whether they catch a mutant
SEEDS_A_MISCONCEPTION = 2
MINIMUM_CASES = 20
MINIMUM_MISCONCEPTIONS = 8


@dataclass(frozen=True)
class Plan:
    """What to try. `mutants` is how many of them (None: all); `full` judges each mutant on every case; `quick` tries
    less of what has not changed and leaves the stubs to `tito build --check`."""

    mutants: int | None = 25
    full: bool = False
    labs: bool = True
    write: bool = False
    quick: bool = False
    executed: Path | None = None


@dataclass
class Report:
    """What was found about one assignment. An empty `problems` is a pass."""

    assignment: str
    cases: int = 0
    public: int = 0
    misconceptions: int = 0
    tried: int = 0
    mutants: int = 0
    caught: int = 0
    survivors: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    alike: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


def validate(
    course: Course, assignment: Assignment, plan: Plan, slot: int = 0, say: Callable[[str], None] = lambda text: None
) -> Report:
    """Run the whole gate for one assignment. `say` hears what is being done."""
    started = time.monotonic()
    report = Report(assignment.key)
    try:
        _Gate(course, assignment, plan, report, say).run(slot)
    except (GraderError, UserError) as error:
        report.problems.append(str(error))
    report.seconds = time.monotonic() - started
    return report


class _Gate:
    def __init__(self, course: Course, assignment: Assignment, plan: Plan, report: Report, say: Callable[[str], None]):
        self.course, self.assignment, self.plan = course, assignment, plan
        self.report, self.say = report, say
        self.problem = report.problems.append
        self.folder = course.solution(assignment.key)
        self.sections: dict[str, str] = {}

    def run(self, slot: int) -> None:
        self._files()
        if not self.plan.quick:
            self.say("stubs")
            for difference in build.check(self.course, [self.assignment.key]):
                self.problem(f"not in step with the solution: {difference}")
        with Grader(self.course, self.assignment, slot) as grader:
            trials = Trials(self.course, grader)
            self._shape(grader)
            self.sections = json.loads(hints.shipped(self.course, self.assignment))["sections"]
            self._reference(trials)
            self._stub(grader)
            vectors = self._misconceptions(trials, grader)
            matrix = self._mutants(trials)
        self._kill_matrix(grader, vectors, matrix)
        if self.plan.labs:
            self.say("lab")
            if trouble := run_lab(self.course, self.assignment, self.plan.executed):
                self.problem(trouble)

    def _files(self) -> None:
        for name in ("README.md", "lab.py", "reflection.md", "rubric.md", "misconceptions.yaml", "tests/probes.py"):
            if not (self.folder / name).is_file():
                self.problem(f"{name} is missing")

    def _shape(self, grader: Grader) -> None:
        cases = [case for file in grader.files for case in file.cases]
        self.report.cases, self.report.public = len(cases), sum(not case.hidden for case in cases)
        if self.course.strict and len(cases) < MINIMUM_CASES:
            self.problem(f"{len(cases)} cases; at least {MINIMUM_CASES} are asked for")
        if self.course.strict and len(grader.misconceptions) < MINIMUM_MISCONCEPTIONS:
            self.problem(
                f"{len(grader.misconceptions)} misconceptions; at least {MINIMUM_MISCONCEPTIONS} are asked for"
            )

    def _reference(self, trials: Trials) -> None:
        seeds = QUICK_SEEDS if self.plan.quick and self._recorded() else SEEDS
        self.say(f"reference under {seeds} seeds")
        for seed in range(seeds):
            verdict = trials.judge({}, seed)
            for case in verdict.cases:
                if case.status is not Status.PASSED:
                    self.problem(
                        f"the reference fails '{case.title}' with seed {seed} ({case.status.value}):"
                        f" {_one_line(case.detail)}"
                    )

    def _stub(self, grader: Grader) -> None:
        self.say("stub")
        graded = grader.grade(self.course.stub(self.assignment.key))
        if graded.grade.rejected:
            self.problem(f"the stub is rejected: {_one_line(graded.grade.rejected)}")
        for case in graded.grade.verdict.cases:
            if case.earned:
                self.problem(f"the untouched stub earns {case.earned:g} points in '{case.title}'")
            if case.status is Status.GRADER_ERROR:
                self.problem(f"the stub makes the test of '{case.title}' itself fail: {_one_line(case.detail)}")
            if case.status is Status.SKIPPED:
                self.problem(f"the stub cannot be judged on '{case.title}': {_one_line(case.message)}")
            self._check_message(case, "the stub")

    def _misconceptions(self, trials: Trials, grader: Grader) -> dict[str, frozenset[str]]:
        vectors: dict[str, frozenset[str]] = {}
        verdicts_of: dict[str, list[Verdict]] = {}
        titles = {case.title for file in grader.files for case in file.cases}
        self.report.misconceptions = len(grader.misconceptions)
        # Whether a vector is the same under another seed is asked when it is recorded, not every time it is compared.
        seeds = SEEDS_A_MISCONCEPTION if self.plan.write or self.plan.full else 1
        recorded = {} if self.plan.write or self.plan.full else self._recorded()
        chosen = self._third(recorded) if self.plan.quick and recorded else frozenset()
        for misconception in grader.misconceptions:
            if chosen and misconception.id not in chosen:
                vectors[misconception.id] = recorded[misconception.id]
                continue
            self.report.tried += 1
            self.say(f"misconception {misconception.id}")
            if unknown := [title for title in misconception.loses if title not in titles]:
                self.problem(f"misconception {misconception.id} names cases that do not exist: {', '.join(unknown)}")
            changed = trials.misconception(misconception)
            wanted = recorded.get(misconception.id)
            verdicts = [trials.judge(changed, seed, wanted=wanted) for seed in range(seeds)]
            vectors[misconception.id] = verdicts[0].failing
            verdicts_of[misconception.id] = verdicts
            self._check_misconception(misconception, verdicts)
            self._check_reading(misconception)
        for name, verdicts in verdicts_of.items():
            for verdict in verdicts:
                named = [match.misconception.id for match in explain.explain(verdict, grader.misconceptions, vectors)]
                if name not in named:
                    self.problem(
                        f"a submission with misconception {name} is not told so; it is told {named or 'nothing'}"
                    )
        return vectors

    def _third(self, recorded: Iterable[str]) -> frozenset[str]:
        """A third of the misconceptions, at least one: those that come first when mixed with the framework's digest."""
        frame = hashlib.sha256()
        for file in sorted(self.course.frame.rglob("*.py")):
            frame.update(file.read_bytes())
        mixed = sorted(recorded, key=lambda name: hashlib.sha256(frame.digest() + name.encode()).digest())
        return frozenset(mixed[: -(-len(mixed) // QUICK_SHARE)])

    def _recorded(self) -> dict[str, frozenset[str]]:
        """What the kill matrix says each misconception fails, if it was recorded for exactly these files."""
        stored = self._stored()
        if stored.get("of") != self._digest():
            return {}
        return {name: frozenset(vector) for name, vector in stored["misconceptions"].items()}

    def _stored(self) -> dict[str, Any]:
        file = self.folder / explain.KILLS
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

    def _digest(self) -> str:
        """Of every file that decides which cases a misconception fails, but for the prerequisites and the tooling."""
        names = [*self.assignment.writes, explain.MISCONCEPTIONS]
        names += sorted(f"tests/{file.name}" for file in (self.folder / "tests").glob("*.py"))
        digest = hashlib.sha256()
        for name in names:
            file = self.folder / name
            digest.update(f"{name}\0".encode() + (file.read_bytes() if file.is_file() else b"") + b"\0")
        return digest.hexdigest()

    def _check_misconception(self, misconception: explain.Misconception, verdicts: list[Verdict]) -> None:
        failing = {case.title for case in verdicts[0].cases if case.status is not Status.PASSED}
        if missed := [title for title in misconception.loses if title not in failing]:
            self.problem(
                f"misconception {misconception.id} does not fail {', '.join(map(repr, missed))};"
                f" it fails {sorted(failing)}"
            )
        fails = [verdict.failing for verdict in verdicts]
        if differs := frozenset.union(*fails) - frozenset.intersection(*fails):
            self.problem(
                f"misconception {misconception.id} fails {', '.join(sorted(differs))} under one seed"
                " and not under another"
            )
        for case in verdicts[0].cases:
            self._check_message(case, f"misconception {misconception.id}")
            if case.status is Status.GRADER_ERROR:
                self.problem(
                    f"misconception {misconception.id} makes the test of '{case.title}' itself fail:"
                    f" {_one_line(case.detail)}"
                )

    def _check_reading(self, misconception: explain.Misconception) -> None:
        """The place to read that a hint names has to exist."""
        name, _, anchor = misconception.read.partition("#")
        if anchor not in anchors(self.folder / name):
            self.problem(f"misconception {misconception.id} sends to {misconception.read}, which does not exist")

    def _check_message(self, case: CaseResult, who: str) -> None:
        """What a student would read of a public case says what it has to."""
        for flaw in flaws(case, self.sections, self.folder / "README.md"):
            self.problem(f"{who}: {flaw}")

    def _mutants(self, trials: Trials) -> dict[str, Verdict]:
        found: tuple[Mutant, ...] = ()
        for path in self.assignment.writes:
            found += mutants(path, trials.sources[path])
        if self.plan.mutants is not None:
            found = sample(found, self.plan.mutants)
        verdicts: dict[str, Verdict] = {}
        likely: list[str] = []
        for number, mutant in enumerate(found, 1):
            self.say(f"mutant {number} of {len(found)}, {len(self.report.survivors)} survive")
            verdict = self._try_mutant(trials, mutant, likely)
            if _caught(verdict):
                self.report.caught += 1
            else:
                self.report.survivors.append(mutant.name)
            likely = list(dict.fromkeys([*_failing(verdict)[:1], *likely]))[:LIKELY]
            verdicts[mutant.name] = verdict
        self.report.mutants = len(found)
        return verdicts

    def _try_mutant(self, trials: Trials, mutant: Mutant, likely: list[str]) -> Verdict:
        """All cases if the matrix is to be full; else up to the first that fails.

        The next mutant is an edit a few lines further on. What caught the last ones is asked first, for it will mostly
        catch that one, too, while the cases in order may have to be gone through by the dozen.
        """
        changed = {mutant.file: mutant.source}
        if self.plan.full:
            return trials.judge(changed)
        if likely:
            verdict = trials.judge(changed, stop_at_failure=True, wanted=frozenset(likely))
            if _caught(verdict):
                return verdict
        return trials.judge(changed, stop_at_failure=True)

    def _kill_matrix(self, grader: Grader, vectors: dict[str, frozenset[str]], verdicts: dict[str, Verdict]) -> None:
        """Compare the matrix with kills.json, or write it; find cases that nothing fails."""
        keys = [f"{case.file}.{case.id}" for file in grader.files for case in file.cases]
        same = Counter(vectors.values())
        self.report.alike = sorted(name for name, vector in vectors.items() if same[vector] > 1)
        matrix: dict[str, Any] = {
            "of": self._digest(),
            "cases": keys,
            "misconceptions": {name: sorted(vector) for name, vector in sorted(vectors.items())},
        }
        file, stored = self.folder / explain.KILLS, self._stored()
        if self.plan.full:
            matrix["mutants"] = {
                name: "".join("1" if key in verdict.failing else "0" for key in keys)
                for name, verdict in verdicts.items()
            }
            columns = [
                *matrix["mutants"].values(),
                *("".join("1" if k in v else "0" for k in keys) for v in vectors.values()),
            ]
            self.report.idle = [key for i, key in enumerate(keys) if not any(column[i] == "1" for column in columns)]
        elif "mutants" in stored:
            matrix["mutants"] = stored["mutants"]
        if self.plan.write:
            record.write_json(file, matrix)
        elif any(stored.get(part) != matrix[part] for part in ("cases", "misconceptions")):
            self.problem(
                f"{explain.KILLS} is not in step with the tests: {_first_difference(stored, matrix)};"
                f" run: tito validate {self.assignment.short} --write"
            )


def _first_difference(stored: dict[str, Any], found: dict[str, Any]) -> str:
    """What somebody has to look at who wonders why a recorded kill matrix is another one today."""
    if stored.get("cases") != found["cases"]:
        return "it was recorded for other cases" if stored else "there is none"
    was, now = stored.get("misconceptions", {}), found["misconceptions"]
    name = min(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))
    if name not in was or name not in now:
        return f"misconception {name} is {'new' if name in now else 'gone'}"
    lost, won = sorted(set(was[name]) - set(now[name])), sorted(set(now[name]) - set(was[name]))
    parts = [f"no longer fails {', '.join(lost)}"] * bool(lost) + [f"now fails {', '.join(won)} too"] * bool(won)
    return f"misconception {name} {' and '.join(parts)}"


def _failing(verdict: Verdict) -> list[str]:
    """The cases that were judged and did not pass, in order."""
    return [case.key for case in verdict.cases if case.status not in (Status.PASSED, Status.SKIPPED)]


def _caught(verdict: Verdict) -> bool:
    return bool(_failing(verdict) or verdict.notes)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
