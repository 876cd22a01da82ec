"""Students' stacks with one or two seeded faults, and whether `tito blame` names the layers that hold them.

A stack is the whole reference of a milestone handed in as a student's own work, with the edits of one misconception (or
of one in each of two layers) in it. Misconceptions that the milestone does not notice are no faults of that stack and
are passed over; which ones it notices is found by running it on each alone. Where a milestone keeps a miniature of
itself, that is what runs.
"""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from autograder.blame import DRAWS, Blame, of_runner
from autograder.course import FILE, Course, Milestone, load_course
from autograder.explain import load_misconceptions
from autograder.judge.cases import Status, Verdict
from autograder.milestone import Runner
from autograder.validate.trials import changed

MINIATURE = "miniature"

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Fault:
    """One misconception of one layer, as the files of that layer."""

    key: str
    name: str
    files: tuple[tuple[str, str], ...]

    @property
    def said(self) -> str:
        return f"{self.key.partition('_')[0]} {self.name}"


@dataclass(frozen=True)
class Tried:
    """A stack with these faults, and what was found out about it."""

    faults: tuple[Fault, ...]
    found: Blame

    @property
    def named(self) -> frozenset[str]:
        """The layers that are named: of the smallest swap, and those that could not be used at all."""
        swapped = self.found.swaps[0] if self.found.swaps else ()
        return frozenset(swapped) | {choice.assignment for choice in self.found.refused}

    @property
    def right(self) -> bool:
        """Whether exactly the layers with faults are named, and no other choice of layers beside them."""
        return self.named == {fault.key for fault in self.faults} and len(self.found.swaps) <= 1

    @property
    def name(self) -> str:
        return " + ".join(fault.said for fault in self.faults)


@dataclass(frozen=True)
class Score:
    """Stacks of one milestone, with one fault that it notices and with two such; and how many it did not notice."""

    milestone: str
    layers: int
    unnoticed: int
    singles: tuple[Tried, ...]
    doubles: tuple[Tried, ...]


def try_blame(
    course: Course,
    milestone: Milestone,
    singles: int,
    doubles: int,
    tell: Tell,
    seed: int = 0,
    keys: tuple[str, ...] = (),
) -> Score:
    """Blame up to `singles` stacks with one fault (the layers take turns) and `doubles` with two.

    Args:
        keys: seed faults only in these layers; in all of them by default.
    """
    chance = random.Random(f"{milestone.key} {seed}")
    with in_small(course, milestone) as small, Runner(small, small.milestone(milestone.key)) as runner:
        stack = _Stacks(runner)
        alone: list[Tried] = []
        unnoticed = 0
        for fault in _in_turns(stack.faults(keys), chance):
            if len(alone) >= singles:
                break
            if not stack.notices(fault):
                unnoticed += 1
                tell(f"{milestone.key}: {fault.said}: the milestone is reached all the same")
                continue
            tried = stack.blame(fault)
            alone.append(tried)
            tell(f"{milestone.key}: {tried.name}: {_said(tried)}")
        pairs = [pair for pair in itertools.combinations(alone, 2) if pair[0].faults[0].key != pair[1].faults[0].key]
        chance.shuffle(pairs)
        together = []
        for one, other in pairs:
            if len(together) >= doubles:
                break
            tried = stack.blame(*one.faults, *other.faults)
            together.append(tried)
            tell(f"{milestone.key}: {tried.name}: {_said(tried)}")
        return Score(milestone.key, len(stack.sources), unnoticed, tuple(alone), tuple(together))


def _said(tried: Tried) -> str:
    said = " + ".join(sorted(key.partition("_")[0] for key in tried.named))
    return f"{said or 'nothing'} is blamed{'' if tried.right else ', WRONGLY'} after {tried.found.runs} runs"


class _Stacks:
    """Lays out stacks for one milestone and blames them."""

    def __init__(self, runner: Runner):
        self.runner, self.course = runner, runner.course
        self.sources = {
            a.key: {path: (self.course.solution(a.key) / path).read_text(encoding="utf-8") for path in a.writes}
            for a in runner.assignments
        }

    def faults(self, keys: tuple[str, ...]) -> dict[str, list[Fault]]:
        """Every misconception of every layer, by layer."""
        found = {}
        for key, sources in self.sources.items():
            if keys and key not in keys:
                continue
            members = load_misconceptions(self.course.solution(key))
            found[key] = [Fault(key, m.id, tuple(changed(sources, (m,)).items())) for m in members]
        return found

    def notices(self, fault: Fault) -> bool:
        """Whether the milestone fails with this fault, on whatever is drawn: what it misses now and then is no fault.

        The layers beside it are the reference's either way, so it is asked of the one layer alone, which is quicker
        than blaming a whole stack.
        """
        with TemporaryDirectory(prefix="tito-stack-") as folder:
            _lay_out(Path(folder), dict(fault.files))
            with self.runner.stack([Path(folder)]) as stack:
                return not stack.keys or all(_fails(stack.judge(stack.keys, draws)) for draws in range(DRAWS))

    def blame(self, *faults: Fault) -> Tried:
        """A stack that is the student's own throughout, with these faults in it."""
        texts = {path: text for sources in self.sources.values() for path, text in sources.items()}
        with TemporaryDirectory(prefix="tito-stack-") as folder:
            _lay_out(Path(folder), {**texts, **{path: text for fault in faults for path, text in fault.files}})
            return Tried(faults, of_runner(self.runner, [Path(folder)]))


def _fails(verdict: Verdict) -> bool:
    return any(case.status is not Status.PASSED for case in verdict.cases)


def _lay_out(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _in_turns(faults: dict[str, list[Fault]], chance: random.Random) -> Iterator[Fault]:
    """All faults, shuffled, the layers taking turns."""
    for several in faults.values():
        chance.shuffle(several)
    for row in itertools.zip_longest(*faults.values()):
        yield from (fault for fault in row if fault is not None)


@contextmanager
def in_small(course: Course, milestone: Milestone) -> Iterator[Course]:
    """The course with the miniature in the milestone's place, where there is one: a folder of links to the real one."""
    small = course.home(milestone) / MINIATURE
    if not small.is_dir():
        yield course
        return
    with TemporaryDirectory(prefix="tito-small-") as folder:
        root = Path(folder)
        root.chmod(0o711)  # as the course is: an observer passes through it
        for entry in course.root.iterdir():
            if entry.name not in ("milestones", FILE) and not entry.name.startswith("."):
                (root / entry.name).symlink_to(entry)
        shutil.copy2(course.root / FILE, root / FILE)  # the folder that it really lies in is the course's
        (root / "milestones").mkdir(0o755)
        (root / "milestones" / milestone.key).symlink_to(small)
        yield load_course(root / FILE)
