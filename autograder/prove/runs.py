"""The runs over one folder of submissions: how fast, all scores right, killed and resumed, on a cluster that changes.

Every run is the command that a TA gives, in a process of its own. The undisturbed run is the measure of the others:
whatever befalls them, they have to leave the same gradebook and the same files.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from autograder.batch import ledger
from autograder.batch.gradebook import NAME, Gradebook
from autograder.course import Assignment, Course
from autograder.errors import GraderError
from autograder.prove.fleet import Fleet
from autograder.prove.leavings import different, leavings
from autograder.prove.programs import Program, manifest
from autograder.sandbox import become_subreaper

Tell = Callable[[str], None]

SAID_BY_BATCH = (0, 1)  # all graded; some rejected


@dataclass(frozen=True)
class Wrong:
    """A submission that did not get what it must."""

    program: Program
    got: str


@dataclass(frozen=True)
class Rate:
    """What grading some submissions took with so many processes; CPU seconds of all processes together."""

    jobs: int
    count: int
    seconds: float
    cpu_seconds: float

    @property
    def per_minute(self) -> float:
        return 60 * self.count / self.seconds


@dataclass(frozen=True)
class Disturbed:
    """A disturbed run: how often, and the names of what differs from the undisturbed one."""

    times: int
    different: tuple[str, ...]


class Proof:
    """Submissions in a folder `uploads` below `place`, and the runs over them, each with a folder of its own."""

    def __init__(self, course: Course, assignment: Assignment, programs: Sequence[Program], place: Path, tell: Tell):
        self.course, self.assignment, self.programs = course, assignment, tuple(programs)
        self.place, self.tell = place, tell
        self.uploads, self.undisturbed = place / "uploads", place / "undisturbed"
        self.uploads.mkdir(parents=True, exist_ok=True)
        for program in programs:
            program.write(self.uploads)
        (place / "programs.json").write_text(manifest(self.programs), encoding="utf-8")

    # The command.

    def start(self, out: Path, *words: object, uploads: Path | None = None) -> subprocess.Popen[str]:
        environment = {**os.environ, "TITO_COURSE": str(self.course.root)}
        environment.pop("TITO_GRADEBOOK", None)
        command = [sys.executable, "-m", "autograder", "grade", self.assignment.short, uploads or self.uploads]
        return subprocess.Popen(
            [str(word) for word in (*command, "--out", out, *words)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        )  # fmt: skip

    def finish(self, process: subprocess.Popen[str]) -> None:
        """Wait for the end of a run, which has to be a good one."""
        said = process.communicate()[0]
        if process.returncode not in SAID_BY_BATCH:
            raise GraderError(f"tito grade ended with status {process.returncode}:\n{said[-3000:]}")

    # The runs.

    def rates(self, count: int, jobs: Sequence[int]) -> list[Rate]:
        """Grade the first `count` submissions with each number of processes, one after the other."""
        some = self.place / "some"
        shutil.rmtree(some, ignore_errors=True)
        some.mkdir()
        for program in self.programs[:count]:
            program.write(some)
        # Whatever outlives the command that started it comes to us, so that its CPU time is counted too.
        become_subreaper()
        found = []
        for number in jobs:
            out = self.place / f"rate-{number}"
            shutil.rmtree(out, ignore_errors=True)
            before, started = _cpu_seconds(), time.monotonic()
            self.finish(self.start(out, "--jobs", number, uploads=some))
            seconds = time.monotonic() - started
            _reap()
            found.append(Rate(number, min(count, len(self.programs)), seconds, _cpu_seconds() - before))
            self.tell(f"{number} processes: {found[-1].per_minute:.1f} a minute")
        return found

    def grade_undisturbed(self, jobs: int) -> list[Wrong]:
        """Grade everything; what did not get what it must."""
        self.finish(self.start(self.undisturbed, "--jobs", jobs, "--resume"))
        return self.wrong(self.undisturbed)

    def wrong(self, out: Path) -> list[Wrong]:
        """The submissions that did not get what they must, case by case."""
        with Gradebook(out / NAME, existing=True) as book:
            attempts = {attempt.label: attempt for attempt in ledger.attempts(book)}
            found = []
            for program in self.programs:
                attempt = attempts.pop(program.name)
                failing = frozenset(c.key for c in ledger.cases(book, attempt.id) if c.status != "passed")
                if got := _got(program, attempt, failing):
                    found.append(Wrong(program, got))
        if attempts:
            raise GraderError(f"graded but never handed in: {', '.join(attempts)}")
        return found

    def grade_killed(self, jobs: int, kills: int, seed: int = 0) -> Disturbed:
        """Grade everything, SIGKILL the command at random moments, and go on each time."""
        out = self.place / "killed"
        shutil.rmtree(out, ignore_errors=True)
        chance, total = random.Random(seed), len(self.programs)
        done, finished = 0, False
        for number, at in enumerate(sorted(chance.sample(range(1, total), kills)), 1):
            process = self.start(out, "--jobs", jobs, *(["--resume"] if out.exists() else []))
            # From the n-th result on, some time later: wherever that meets the batch, its gradebook or its files.
            while process.poll() is None and graded(out) < at:
                time.sleep(0.05)
            time.sleep(chance.uniform(0.0, 0.3))
            process.kill()
            process.communicate()
            finished = self._finished(out)
            if process.returncode >= 0 or (finished and number < kills):
                raise GraderError(f"the batch was done before kill {number} of {kills}: ask for fewer, or more uploads")
            done += 1
            self.tell(f"kill {number} of {kills}, {graded(out)} of {total} graded")
        # Killed between the last word to the gradebook and the end of the process: to go on would be another batch.
        if not finished:
            self.finish(self.start(out, "--jobs", jobs, "--resume"))
        return Disturbed(done, self._against(out))

    def _finished(self, out: Path) -> bool:
        """Whether the gradebook of a run says that its batch is done."""
        if not (out / NAME).is_file():
            return False
        with Gradebook(out / NAME, existing=True) as book:
            batch = ledger.last_batch(book, self.assignment.key, ".")
            return batch is not None and batch.finished

    def grade_on_cluster(self, workers: int) -> Disturbed:
        """Grade everything on a cluster; a worker is killed after a third of the submissions, one joins after half."""
        out = self.place / "cluster"
        shutil.rmtree(out, ignore_errors=True)
        with Fleet({"TITO_COURSE": str(self.course.root)}) as fleet:
            for _ in range(workers):
                fleet.add()
            fleet.wait()
            process = self.start(out, "--scheduler", fleet.address)
            self._until(len(self.programs) // 3, out, process)
            fleet.kill(fleet.workers[0])
            self.tell(f"killed a worker, {graded(out)} of {len(self.programs)} graded")
            self._until(len(self.programs) // 2, out, process)
            fleet.add()
            self.tell(f"started another, {graded(out)} of {len(self.programs)} graded")
            self.finish(process)
        return Disturbed(1, self._against(out))

    def _until(self, number: int, out: Path, process: subprocess.Popen[str]) -> None:
        while graded(out) < number:
            if process.poll() is not None:
                self.finish(process)
                raise GraderError("the batch was done before it could be disturbed")
            time.sleep(0.05)

    def _against(self, out: Path) -> tuple[str, ...]:
        return tuple(different(leavings(self.undisturbed), leavings(out)))


def graded(out: Path) -> int:
    """How many submissions have their results in a folder."""
    return sum(1 for _ in out.glob("*/results.json"))


def _got(program: Program, attempt: ledger.Attempt, failing: frozenset[str]) -> str:
    """What is wrong with a grading, in words; nothing when it is right."""
    if attempt.needs_a_person:
        return f"a grader error ({attempt.fault})"
    if attempt.state != (ledger.REJECTED if program.rejected else ledger.GRADED):
        return f"{attempt.state} ({attempt.rejected})"
    if attempt.score != program.score:
        missing, beyond = sorted((program.fails or frozenset()) - failing), sorted(failing - (program.fails or set()))
        return f"{attempt.score:g} points: passes {missing}, fails {beyond} beyond what it must"
    if program.fails is not None and failing != program.fails:
        return f"the right points by the wrong cases: {sorted(failing ^ program.fails)}"
    return ""


def _reap() -> None:
    """Wait for every process that came to us; the server from which judges are forked ends a moment after them."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _cpu_seconds() -> float:
    """Of all processes that this one started and that have ended, with theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# What it costs.


@dataclass(frozen=True)
class Cost:
    """What a number of submissions takes on a number of workers, by the measured model: start-up, then one by one."""

    count: int
    workers: int
    hours: float
    core_hours: float


@dataclass(frozen=True)
class Model:
    """CPU seconds a submission, and a worker's start-up; `wall` is how much longer a submission takes by the clock."""

    submission: float
    startup: float
    wall: float

    def cost(self, count: int, workers: int) -> Cost:
        seconds = self.startup + count * self.submission * self.wall / workers
        return Cost(count, workers, seconds / 3600, (workers * self.startup + count * self.submission) / 3600)


def model_of(one: Rate, startup: float) -> Model:
    """The model behind a run with one process; its own start-up is taken out."""
    cpu = max(0.0, one.cpu_seconds - startup) / one.count
    return Model(cpu, startup, max(1.0, (one.seconds - startup) / one.count / cpu) if cpu else 1.0)


def startup_seconds() -> float:
    """CPU seconds from nothing to a worker that can import the judge: Python, Dask, the grader."""
    before = _cpu_seconds()
    code = "import distributed.cli.dask_worker, autograder.grade, autograder.batch.station"
    subprocess.run([sys.executable, "-c", code], check=True)
    return _cpu_seconds() - before
