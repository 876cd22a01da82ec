"""What is left when something kills the judge, the zygote or an observer of `tito grade` at a bad moment?

Never half a results.json, never a process, never a silent zero for a submission that is right. The moments are drawn
from a fixed seed. To make room for many of them, `tito` is forked from a process that has loaded everything already.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.observe.client import ZYGOTE
from autograder.tests import minicourse
from autograder.tests.attacks.arena import HONEST, _parent, pids
from autograder.tests.attacks.uploads import FILE, tree

REPOSITORY = Path(__file__).resolve().parents[2]
MOMENTS = 12
GONE_SECONDS = 10.0
DAEMONS = HONEST.replace(
    "    return np.sum(x) / np.size(x)",
    """
    import os
    import time

    for _ in range(2):
        if os.fork() == 0:
            while os.fork() == 0:
                time.sleep(0.05)
            break
    time.sleep(30)
""",
)
LAUNCHER = """
import json, os, sys, traceback
import otter.test_files.exception_test
import autograder.cli.grade
from autograder.cli import main

for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1), os.dup2(log, 2)
            os.chdir(job["cwd"])
            sys.argv = ["tito", *job["argv"]]
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(code)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Machine:
    """Starts `tito grade` again and again on a folder of honest submissions, and looks at what it left."""

    def __init__(self, home: Path):
        self.home = home
        self.course = minicourse.write(home / "course")
        declared = (self.course / "course.yaml").read_text()
        assert "  case_seconds: 2\n" in declared
        declared = declared.replace("case_seconds: 2\n", "case_seconds: 2\n  processes: 4\n")
        (self.course / "course.yaml").write_text(declared)
        (home / "tmp").mkdir(mode=0o711)
        environment = {"OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(home / "tmp"), "PYTHONPATH": str(REPOSITORY)}
        self.launcher = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.runs = 0

    def start(self, submissions: int, source: str = HONEST) -> int:
        """The pid of a judge that grades so many submissions, in a batch."""
        self.runs += 1
        batch = self.home / f"batch{self.runs}"
        for number in range(submissions):
            tree(batch / f"s{number}", {FILE: source})
        # One by one rather than the folder, which would be graded by judges in processes of their own.
        uploads = map(str, sorted(batch.iterdir()))
        arguments = ["grade", "a01", *uploads, "--out", str(self.out), "--quiet"]
        job = {"argv": arguments, "cwd": str(self.course), "log": str(self.log)}
        assert self.launcher.stdin and self.launcher.stdout
        self.launcher.stdin.write(json.dumps(job) + "\n")
        self.launcher.stdin.flush()
        return int(self.launcher.stdout.readline())

    def wait(self) -> int:
        """The exit status of the judge, negative for the signal that killed it."""
        assert self.launcher.stdout
        return int(self.launcher.stdout.readline())

    @property
    def out(self) -> Path:
        return self.home / f"out{self.runs}"

    @property
    def log(self) -> Path:
        return self.home / f"log{self.runs}"

    def close(self) -> None:
        assert self.launcher.stdin and self.launcher.stdout
        self.launcher.stdin.close()
        self.launcher.wait()
        self.launcher.stdout.close()


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    home = Path(tempfile.mkdtemp(prefix="kill-"))
    home.chmod(0o711)
    made = Machine(home)
    yield made
    made.close()
    for folder, _, _ in os.walk(home):
        os.chmod(folder, 0o755)
    shutil.rmtree(home)


def is_ours(pid: int) -> bool:
    """A zygote, or an observer, which is a fork of one."""
    try:
        return str(ZYGOTE).encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def children(pid: int) -> list[int]:
    return [child for child in pids() if _parent(child) == pid and is_ours(child)]


def tree_of(pid: int) -> set[int]:
    return {pid}.union(*(tree_of(child) for child in children(pid)))


def still_there(family: set[int]) -> list[int]:
    """Of a family of processes, and of those that have lost their judge, who is alive after a while."""
    deadline = time.monotonic() + GONE_SECONDS
    while True:
        alive = [pid for pid in pids() if is_ours(pid) and (pid in family or _parent(pid) == 1)]
        if not alive or time.monotonic() > deadline:
            return alive
        time.sleep(0.02)


def read(out: Path) -> list[dict]:
    """All results, each of which has to be whole, and nothing else that looks like one."""
    found = [json.loads(path.read_text()) for path in out.glob("*/results.json")]
    for results in found:
        assert len(results["tests"]) == 5
        assert set(results["extra_data"]) >= {"complete", "needs_a_person"}
    return found


def kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def kill_at_moments(
    machine: Machine, victims: Callable[[int], list[int]], dice: random.Random
) -> tuple[int, int, set[int]]:
    """Run a batch and kill one of `victims(judge)` again and again. (kills, the judge's status, all processes seen)"""
    judge = machine.start(submissions=30)
    while Path(f"/proc/{judge}").exists() and not machine.out.exists():
        time.sleep(0.005)  # until the first results: what happens while a zygote starts is another test
    family: set[int] = set()
    killed, deadline = 0, time.monotonic() + 25
    while killed < MOMENTS and time.monotonic() < deadline and Path(f"/proc/{judge}").exists():
        time.sleep(dice.uniform(0.0, 0.12))
        family |= tree_of(judge)
        found = victims(judge)
        if found and kill(dice.choice(found)):
            killed += 1
            wait_for_more(machine, judge)
    return killed, machine.wait(), family


def wait_for_more(machine: Machine, judge: int) -> None:
    """Until another submission has results: a machine that kills everything all the time grades nothing."""
    before, deadline = len(os.listdir(machine.out)), time.monotonic() + 10
    while len(os.listdir(machine.out)) == before and os.path.exists(f"/proc/{judge}") and time.monotonic() < deadline:
        time.sleep(0.005)


def test_nothing_is_amiss_when_nothing_is_killed(machine: Machine) -> None:
    judge = machine.start(submissions=2)
    assert machine.wait() == 0, machine.log.read_text()
    assert [results["score"] for results in read(machine.out)] == [10, 10]
    assert still_there({judge}) == []
    assert os.listdir(machine.home / "tmp") == []


def test_a_killed_judge_leaves_whole_results_or_none_and_no_process(machine: Machine) -> None:
    dice = random.Random(20)
    seen = set()
    # The moments cover a whole run, however fast the machine is today.
    begun = time.monotonic()
    machine.start(submissions=4)
    assert machine.wait() == 0, machine.log.read_text()
    whole = time.monotonic() - begun
    for _ in range(MOMENTS):
        judge = machine.start(submissions=4)
        time.sleep(dice.uniform(0.0, whole))
        family = tree_of(judge)
        kill(judge)
        status = machine.wait()
        assert status in (0, -signal.SIGKILL), machine.log.read_text()
        for results in read(machine.out):
            assert results["score"] == 10 or not results["extra_data"]["complete"]
            seen.add(results["extra_data"]["complete"])
        assert still_there(family) == []
    assert True in seen, "no run got as far as any results: these moments test nothing"


@pytest.mark.parametrize("role", ["judge", "zygote"])
def test_what_an_observer_started_does_not_outlive_a_killed_judge(machine: Machine, role: str) -> None:
    """An assignment that may have processes: the daemons are no children of the observer any more."""
    judge = machine.start(submissions=1, source=DAEMONS)
    family, deadline = tree_of(judge), time.monotonic() + 20
    while len(family) < 6 and time.monotonic() < deadline:
        family = tree_of(judge)
        time.sleep(0.01)
    assert len(family) >= 6, f"only {len(family)} processes: the daemons did not start"
    kill(judge if role == "judge" else children(judge)[0])
    machine.wait()
    assert still_there(family) == []


def test_a_killed_zygote_is_replaced_or_said_to_be_gone(machine: Machine) -> None:
    killed, status, family = kill_at_moments(machine, children, random.Random(21))
    assert killed >= MOMENTS // 2
    assert status in (0, 3), machine.log.read_text()
    found = read(machine.out)
    assert all(results["score"] == 10 or results["extra_data"]["needs_a_person"] for results in found)
    if status == 3:
        assert "grader error" in machine.log.read_text()
    else:
        assert len(found) == 30
    assert "Traceback" not in machine.log.read_text()
    assert still_there(family) == []


def test_a_zygote_killed_while_it_starts_ends_with_a_message(machine: Machine) -> None:
    judge = machine.start(submissions=1)
    while not (found := children(judge)):
        time.sleep(0.001)
    kill(found[0])
    assert machine.wait() == 3
    assert machine.log.read_text().startswith("grader error (not the submission's fault): the fork server")
    assert read(machine.out) == []
    assert still_there({judge, *found}) == []


def test_a_killed_observer_costs_its_case_and_nothing_else(machine: Machine) -> None:
    def observers(judge: int) -> list[int]:
        return [observer for zygote in children(judge) for observer in children(zygote)]

    killed, status, family = kill_at_moments(machine, observers, random.Random(22))
    assert killed >= MOMENTS // 2
    assert status in (0, 1, 3), machine.log.read_text()
    found = read(machine.out)
    assert len(found) == 30, machine.log.read_text()
    ends = [row["extra_data"]["status"] for results in found for row in results["tests"]]
    assert set(ends) <= {"passed", "crashed", "skipped", "grader error"}
    assert sum(results["score"] == 10 for results in found) >= 30 - killed
    assert "Traceback" not in machine.log.read_text()
    assert still_there(family) == []
