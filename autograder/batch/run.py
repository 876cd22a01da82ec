"""A batch: from a folder of uploads to the gradebook and a folder of results, also across crashes.

    plan      read the folder, write down uploads and batch, decide what is left to grade (one transaction)
    grade     judges work; each outcome is written to the gradebook whole, then to OUT/<label>/
    finish    mark the batch as done

What is in the gradebook is done: going on grades the rest, and writes files anew that a crash kept from being written.
Whatever a grading depends on (seed, students, extensions) is kept with the batch, so that going on cannot change it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from autograder import record
from autograder.batch import ledger, policy
from autograder.batch.digest import course_digest, image_version, upload_digest
from autograder.batch.gradebook import NAME, Gradebook
from autograder.batch.ledger import Attempt, Batch
from autograder.batch.models import Shelf
from autograder.batch.people import Directory, read_roster
from autograder.batch.pool import Judges
from autograder.batch.sources import open_shelf
from autograder.batch.tables import read_text
from autograder.batch.work import Outcome, Setting, Work
from autograder.course import Assignment, Course
from autograder.errors import UserError

LOCK = ".lock"


@dataclass(frozen=True)
class Order:
    """What somebody asked for. `seed` None: 0, or for a regrade the seed that each attempt had."""

    folder: Path
    out: Path
    gradebook: Path | None = None
    seed: int | None = None
    resume: bool = False
    regrade: bool = False
    only: tuple[str, ...] = ()
    extensions: Path | None = None
    roster: Path | None = None
    allow_weak_sandbox: bool = False


@dataclass(frozen=True)
class Job:
    """One upload that is left to grade, with all that its grading depends on."""

    attempt: Attempt
    due: datetime
    work: Work

    @property
    def refused(self) -> bool:
        return bool(self.work.terms.refused)


@dataclass(frozen=True)
class Plan:
    """What a batch is to do. `selected` are all its attempts, `jobs` those that are left; `notes` are for the TA."""

    batch: Batch
    setting: Setting
    shelf: Shelf
    selected: tuple[Attempt, ...]
    jobs: tuple[Job, ...]
    notes: tuple[str, ...]


Told = Callable[[Attempt, Outcome], None]


@contextmanager
def opened(order: Order) -> Iterator[Gradebook]:
    """The gradebook of an order, with its folder of results to oneself."""
    if order.out.resolve().is_relative_to(order.folder.resolve()):
        raise UserError(f"{order.out} lies among the submissions and would be taken for one; choose another --out")
    with _folder_lock(order.out), Gradebook(order.gradebook or order.out / NAME) as book:
        yield book


@contextmanager
def _folder_lock(out: Path) -> Iterator[None]:
    """Only one batch at a time writes into a folder. The lock ends with the process, however that ends."""
    import fcntl  # not on Windows, where nothing is graded

    try:
        # Other students' work and grades: for nobody else's eyes.
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(out / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UserError(f"cannot write into {out}: {error.strerror}; choose another folder with --out") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise UserError(f"another tito grade is at work in {out}; wait until it is done") from None
    finally:
        os.close(descriptor)


# Plan.


def make_plan(book: Gradebook, course: Course, assignment: Assignment, order: Order) -> Plan:
    """Read the folder, enter what lies in it in the gradebook, and decide what is left to grade."""
    return _Planner(book, course, assignment, order).plan()


class _Planner:
    def __init__(self, book: Gradebook, course: Course, assignment: Assignment, order: Order):
        self.book, self.course, self.assignment, self.order = book, course, assignment, order
        place = book.path.resolve().parent
        # Relative, so that a folder of results may move together with its gradebook.
        self.out = os.path.relpath(order.out.resolve(), place)
        self.digest = course_digest(course, assignment)
        self.notes: list[str] = []

    def plan(self) -> Plan:
        # Not as it was given: the judges, and whoever regrades, may be in another folder.
        shelf = open_shelf(self.order.folder.absolute(), self.assignment)
        # Read before the gradebook is locked: others may want to enter a mark meanwhile.
        uploads = [(upload, upload_digest(upload.path)) for upload in shelf.uploads]
        roster = read_roster(self.order.roster) if self.order.roster else ()
        with self.book.transaction():
            self.book.add_people(roster, enrolled=True)
            numbers = ledger.register(self.book, self.assignment.key, uploads, shelf.earlier)
            batch = self._batch()
            directory = self.book.directory()
            here = ledger.attempts(self.book, self.assignment.key, numbers)
            selected = self._selected(here, batch, directory)
            todo = self._todo(selected, batch)
            jobs = self._jobs(todo, batch, directory)
            self._note_unordered(here, directory)
            if batch.id == 0:
                batch = replace(batch, id=self._begin(batch))
        setting = Setting(str(self.course.root), self.assignment.key, self.digest, self.order.allow_weak_sandbox)
        return Plan(batch, setting, shelf, selected, jobs, (*shelf.notes, *self.notes))

    def _begin(self, batch: Batch) -> int:
        return ledger.begin_batch(self.book, self.course, image_version(), self.order.folder.resolve(), batch)

    def _batch(self) -> Batch:
        """The batch to go on with, or a new one, not written yet."""
        order, out = self.order, self.order.out
        if other := ledger.other_assignment(self.book, self.assignment.key, self.out):
            raise UserError(f"{out} holds the results of {other}; give each assignment a folder of its own with --out")
        last = ledger.last_batch(self.book, self.assignment.key, self.out)
        open_batch = last if last is not None and not last.finished else None
        if open_batch and order.resume:
            return self._same(open_batch)
        if open_batch and not order.regrade:
            raise UserError(f"the batch into {out} was interrupted; go on with --resume, or begin anew with --regrade")
        extensions = read_text(order.extensions) if order.extensions else ""
        return Batch(
            0, self.assignment.key, self.out, order.regrade, order.seed, order.only, extensions, self.digest, False
        )

    def _same(self, batch: Batch) -> Batch:
        """Going on must give what an undisturbed run would have given: nothing that matters may have changed."""
        order = self.order
        given = {
            "--seed": order.seed is not None and order.seed != batch.seed,
            "--only": bool(order.only) and order.only != batch.only_of,
            "--regrade": order.regrade and not batch.regrade,
            "--extensions": order.extensions is not None and read_text(order.extensions) != batch.extensions,
        }
        if changed := [name for name, differs in given.items() if differs]:
            raise UserError(
                f"the interrupted batch began without this {changed[0]}; finish it with --resume alone, then --regrade"
            )
        if batch.course_digest != self.digest:
            raise UserError(
                f"the tests or rules of {batch.assignment} changed since this batch was interrupted, and half of it "
                "would be graded by each; restore them, or grade all of it anew with --regrade"
            )
        return batch

    def _selected(self, here: tuple[Attempt, ...], batch: Batch, directory: Directory) -> tuple[Attempt, ...]:
        if not batch.only_of:
            return here
        wanted = {}
        for text in batch.only_of:
            labelled = [attempt for attempt in here if attempt.label == text]
            student = directory.find(text) if not labelled else None
            found = labelled or [a for a in here if student and student.id in a.students]
            if not found:
                raise UserError(f"{text} has no upload in {self.order.folder}")
            wanted.update({attempt.id: attempt for attempt in found})
        return tuple(attempt for attempt in here if attempt.id in wanted)

    def _todo(self, selected: tuple[Attempt, ...], batch: Batch) -> tuple[Attempt, ...]:
        if batch.regrade:
            return tuple(attempt for attempt in selected if attempt.batch != batch.id or not batch.id)
        done = [attempt for attempt in selected if attempt.graded]
        if done and not self.order.resume:
            raise UserError(
                f"{len(done)} of {len(selected)} uploads are graded already; grade only the others with --resume, "
                "or all of them anew with --regrade"
            )
        if older := sum(attempt.course_digest != self.digest for attempt in done):
            self.notes.append(
                f"{older} uploads were graded by other tests or rules of {batch.assignment} than today's; "
                "--regrade brings all to the same"
            )
        return tuple(attempt for attempt in selected if not attempt.graded)

    def _jobs(self, todo: tuple[Attempt, ...], batch: Batch, directory: Directory) -> tuple[Job, ...]:
        extensions = policy.read_extensions(batch.extensions, "extensions", self.course, directory)
        self.notes += extensions.unknown
        spending = Spending(self.book, self.course, self.assignment, extensions)
        times = ledger.attempt_times(self.book, self.assignment.key)
        return tuple(self._job(attempt, batch, extensions, spending, times) for attempt in todo)

    def _note_unordered(self, here: tuple[Attempt, ...], directory: Directory) -> None:
        """Where nobody says when uploads came, the order of their names decides which is the last."""
        labels: dict[int, list[str]] = {}
        for attempt in here:
            for student in attempt.students:
                if attempt.submitted is None:
                    labels.setdefault(student, []).append(attempt.label)
        for student, several in labels.items():
            if len(several) > 1:
                whose = directory[student].shown
                self.notes.append(
                    f"{whose} has several uploads of unknown time, taken as of this order: {', '.join(several)}"
                )

    def _job(
        self,
        attempt: Attempt,
        batch: Batch,
        extensions: policy.Extensions,
        spending: Spending,
        times: dict[int, set[datetime]],
    ) -> Job:
        applied = policy.apply(
            self.course,
            self.assignment,
            attempt.submitted,
            [extensions.of(student, self.assignment) for student in attempt.students],
            [spending.of(student) for student in attempt.students],
            [times.get(student, set()) for student in attempt.students],
            attempt.marked_late,
        )
        if attempt.submitted is None and attempt.marked_late:
            self.notes.append(f"{attempt.label}: the platform marks it as late, but not by how much; no points taken")
        seed = batch.seed if batch.seed is not None else attempt.seed
        due = applied.due or self.course.due(self.assignment)
        work = Work(attempt.id, str(attempt.source), seed, attempt.submitted, applied.due, applied.terms)
        return Job(attempt, due, work)


class Spending:
    """Late days of the term's budget that each student has used on the assignments before this one."""

    def __init__(self, book: Gradebook, course: Course, assignment: Assignment, extensions: policy.Extensions):
        self.course, self.extensions = course, extensions
        self.before = [a for a in course.assignments if a.number < assignment.number]
        self.attempts: dict[tuple[int, str], list[Attempt]] = {}
        for attempt in ledger.attempts(book):
            for student in attempt.students:
                if attempt.graded:
                    self.attempts.setdefault((student, attempt.assignment), []).append(attempt)

    def of(self, student: int) -> int:
        return sum(self._on(student, assignment) for assignment in self.before)

    def _on(self, student: int, assignment: Assignment) -> int:
        counted = policy.counted(self.course, self.attempts.get((student, assignment.key), ()))
        if counted is None:
            return 0
        # Days granted for that assignment alone are used before those of the term.
        return max(0, counted.free_days - self.extensions.of(student, assignment).late_days)


# Grade.


def grade_all(
    book: Gradebook, course: Course, plan: Plan, judges: Judges, out: Path, told: Told
) -> tuple[Attempt, ...]:
    """Grade what is left and finish the batch; all selected attempts as they now stand in the gradebook."""
    restore(book, plan, out)
    jobs = {job.attempt.id: job for job in plan.jobs}
    for work, outcome in judges.run([job.work for job in plan.jobs]):
        job = jobs.pop(work.name)
        ledger.write_grading(book, course, plan.batch, job.attempt, job.due, job.refused, outcome)
        _write_files(out / job.attempt.label, outcome.results, outcome.record)
        told(job.attempt, outcome)
    assert not jobs, "the judges gave no outcome for some uploads"
    ledger.finish_batch(book, plan.batch.id)
    return ledger.attempts(book, plan.batch.assignment, [attempt.id for attempt in plan.selected])


def restore(book: Gradebook, plan: Plan, out: Path) -> None:
    """Write the files of what is graded already where a crash, or somebody, took them away."""
    left = {job.attempt.id for job in plan.jobs}
    for attempt in plan.selected:
        if attempt.graded and attempt.id not in left:
            _write_files(out / attempt.label, *ledger.written(book, attempt.id))


def _write_files(folder: Path, results: bytes, details: bytes) -> None:
    for name, content in (("results.json", results), ("record.json", details)):
        for unfinished in folder.glob(f".{name}.*.tmp"):
            unfinished.unlink(missing_ok=True)
        file = folder / name
        if not file.is_file() or file.read_bytes() != content:
            record.write_bytes(file, content)


def changed_meanwhile(course: Course, assignment: Assignment, plan: Plan) -> bool:
    """Whether somebody edited the tests while they were used: then nobody knows which upload met which."""
    return course_digest(course, assignment) != plan.setting.digest
