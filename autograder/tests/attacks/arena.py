"""One attack: grade it, then look at everything it might have reached. What went wrong comes back as sentences.

Used by the tests, and as a program (`python -m autograder.tests.attacks.arena`) that runs the whole gallery as another
user or with layers of the sandbox switched off.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from autograder.course import load_course
from autograder.grade import Graded, Grader
from autograder.tests.attacks import course as victim

PROGRAMS = Path(__file__).with_name("programs")
SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue")
MARKER = f"attacknote{os.getpid()}"  # every file that an attack tries to leave begins with it
SECONDS = 12.0
HONEST = """import numpy as np


def double(x):
    return np.asarray(x) * 2


def mean(x):
    return np.sum(x) / np.size(x)
"""


@dataclass(frozen=True)
class Attack:
    """A program, what it tries, and what an honest reader of its source would give it.

    `needs` are layers without one of which it would really hurt this machine: where all of them are off it is not run.
    """

    name: str
    tries: str
    score: float
    source: str
    needs: frozenset[str] = frozenset()


def gallery() -> tuple[Attack, ...]:
    """The programs of the folder, each described by the comments that it opens with."""
    return tuple(_attack(file) for file in sorted(PROGRAMS.glob("*.py")))


def _attack(file: Path) -> Attack:
    text = file.read_text(encoding="utf-8")
    said = dict(re.findall(r"^# (tries|score|needs): (.+)$", text, re.MULTILINE))
    return Attack(file.stem, said["tries"], float(said["score"]), text, frozenset(said.get("needs", "").split()))


class Arena:
    """A course under attack, one grader, and a listener that nobody should ever reach. Use as a context manager.

    With `processes`, submissions of its assignment may start so many.
    """

    def __init__(self, without: frozenset[str] = frozenset(), weak: bool = False, processes: int = 0):
        self.home = Path(tempfile.mkdtemp(prefix="arena-"))
        self.home.chmod(0o711)
        self.course = load_course(victim.write(self.home / "course", processes))
        self.without = without
        self.grader = Grader(self.course, self.course.assignment("a01"), without=without, allow_weak_sandbox=weak)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self._count = 0

    def fill_in(self, source: str, out: Path) -> str:
        """Tell a program what an attacker could at best know: real paths, real pids, a port."""
        known = {
            "@COURSE@": str(self.course.root),
            "@OUT@": str(out / "results.json"),
            "@JUDGE@": str(os.getpid()),
            "@ZYGOTE@": str(self.grader.bench.zygote.process.pid),
            "@PORT@": str(self.listener.getsockname()[1]),
            "@MARKER@": MARKER,
            "@LINE@": str(1 + victim.TEST_DOUBLE.lstrip("\n").split(victim.SECRET_TEXT)[0].count("\n")),
        }
        for word, value in known.items():
            source = source.replace(word, value)
        return source

    def program(self, source: str) -> tuple[Path, Path]:
        """(a submission folder with this source, a folder for its results)."""
        folder, out = self.fresh()
        file = folder / "tinytorch" / "core" / "tensor.py"
        file.parent.mkdir(parents=True)
        file.write_text(self.fill_in(source, out), encoding="utf-8")
        return folder, out

    def fresh(self) -> tuple[Path, Path]:
        self._count += 1
        folder, out = self.home / f"submission{self._count}", self.home / f"out{self._count}"
        folder.mkdir()
        return folder, out

    def attack(self, attack: Attack) -> list[str]:
        """Run one attack and an honest submission after it; everything that is not as it should be."""
        folder, out = self.program(attack.source)
        return self.check(folder, out, attack.score)

    def check(self, source: Path, out: Path, score: float, seconds: float = SECONDS) -> list[str]:
        started = time.monotonic()
        graded = self.grader.grade(source, out)
        took = time.monotonic() - started
        wrong = [*problems_in_results(graded, out, score), *self.left_behind()]
        if took > seconds:
            wrong.append(f"it took {took:.1f} s")
        return [*wrong, *self.honest_still_works()]

    def honest_still_works(self) -> list[str]:
        folder, out = self.program(HONEST)
        graded = self.grader.grade(folder, out)
        if graded.grade.score != 10:
            return [f"an honest submission afterwards got {graded.grade.score:g}", str(graded.grade.verdict)]
        return problems_in_results(graded, out, 10)

    def left_behind(self) -> list[str]:
        """Processes, files and connections that outlived the attack."""
        found = [f"process {pid} is left" for pid in self.leftover_processes()]
        for folder in SHARED:
            if os.path.isdir(folder):
                found += [f"{folder}/{name} is left" for name in os.listdir(folder) if self._is_note(folder, name)]
        found += [f"{name} is left in scratch" for path in self._scratch() for name in os.listdir(path)]
        try:
            self.listener.accept()
            found.append("somebody connected to the network")
        except BlockingIOError:
            pass
        return found

    def leftover_processes(self) -> list[int]:
        bench = self.grader.bench
        uids = {uid for uid in (bench.student_uid, bench.reference_uid) if uid is not None}
        zygote = bench.zygote.process.pid
        return [pid for pid in pids() if _parent(pid) == zygote or (_owner(pid) in uids and not _is_dead(pid))]

    def _scratch(self) -> list[Path]:
        return [path for path in self.grader.bench.root.iterdir() if path.name.startswith("scratch-")]

    def _is_note(self, folder: str, name: str) -> bool:
        return name.startswith(MARKER)

    def close(self) -> None:
        self.listener.close()
        self.grader.close()
        shutil.rmtree(self.home)

    def __enter__(self) -> Arena:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def problems_in_results(graded: Graded, out: Path, score: float) -> list[str]:
    """What is wrong with a results.json: not strict JSON, not the right score, a grader error, a leak."""
    text = (out / "results.json").read_bytes().decode("utf-8")
    wrong = []
    try:
        results = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        return [f"results.json is not strict JSON: {error}"]
    if results["score"] != score:
        rows = [(row["name"], row["extra_data"]["status"], row["output"][:300]) for row in results["tests"]]
        wrong.append(f"score {results['score']:g}, an honest reader would give {score:g}: {rows} {results['output']}")
    if graded.grade.needs_a_person or results["extra_data"]["needs_a_person"]:
        wrong.append(f"it was turned into a grader error: {[c.detail for c in graded.grade.verdict.grader_errors]}")
    if not results["extra_data"]["complete"]:
        wrong.append("the results are not complete")
    if results["output_format"] != "text" or results["test_output_format"] != "text":
        wrong.append("the output would be rendered as something else than text")
    return [*wrong, *leaks(text), *leaks_of_names(results)]


def leaks(text: str) -> list[str]:
    """Hidden text, and characters that would act on a terminal, in what a student gets to see."""
    text = re.sub(r'"(seed|submission)": "?[0-9a-f]+"?', "", text)  # chance may put any digits there
    found = [f"'{canary}' leaks: {_around(text, canary)}" for canary in victim.CANARIES if canary in text]
    raw = sorted({c for c in text if not c.isprintable() and c != "\n"})
    return found + [f"control character {c!r} in the output" for c in raw]


def leaks_of_names(results: dict) -> list[str]:
    """The names of hidden functions may stand in extra_data, which is for the staff, and nowhere else."""
    shown = json.dumps([results["output"], [[row["name"], row["output"], row["tags"]] for row in results["tests"]]])
    return [f"the hidden function {name} is named" for name in victim.SECRET_NAMES if name in shown]


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _around(text: str, part: str) -> str:
    at = text.index(part)
    return repr(text[max(0, at - 200) : at + 60])


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _parent(pid: int) -> int | None:
    return _status(pid, "PPid:")


def _owner(pid: int) -> int | None:
    return _status(pid, "Uid:")


def _is_dead(pid: int) -> bool:
    """A zombie runs nothing any more; one that fell to an init that is slow to reap may stay for a while."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _status(pid: int, key: str) -> int | None:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1])
    except OSError:
        pass
    return None


def main(arguments: list[str]) -> int:
    """Run the gallery: `arena.py [--without LAYER,LAYER] [NAME ...]`. One line for each attack that went wrong."""
    without: frozenset[str] = frozenset()
    if arguments[:1] == ["--without"]:
        without, arguments = frozenset(arguments[1].split(",")), arguments[2:]
    bad = ran = 0
    with Arena(without, weak=True) as arena:
        layers = arena.grader.bench.layers
        print(f"uid {os.getuid()}, layers: {' '.join(sorted(layers))}", flush=True)
        for attack in gallery():
            if (arguments and attack.name not in arguments) or (attack.needs and not attack.needs & layers):
                continue
            wrong = arena.attack(attack)
            ran += 1
            bad += bool(wrong)
            if wrong:
                print(attack.name, *wrong, sep="\n    ", flush=True)
    print(f"{ran} attacks, {bad} got somewhere")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
