"""A batch that is killed at any moment and gone on with gives what an undisturbed one gives, and grades nothing twice.

Once with real judges and kills at random times, and once with judges that answer at once and a kill at one step after
another: before and after every change of the gradebook and of a file.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder import record
from autograder.batch import run
from autograder.batch.gradebook import Gradebook
from autograder.tests.batch.conftest import Bench, Replayed, put_folder, put_zips

REPOSITORY = Path(__file__).resolve().parents[3]
KILLS = 3
STEPS = 24
TIMES = {"graded_at", "seconds", "started", "finished", "at", "cpu_seconds", "memory_kb", "record", "results"}


def everything(out: Path) -> dict[str, Any]:
    """All that a batch leaves, times apart: the gradebook row by row, and the files."""
    db = sqlite3.connect(out / "gradebook.sqlite")
    db.row_factory = sqlite3.Row
    found: dict[str, Any] = {}
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        rows = [{k: v for k, v in dict(row).items() if k not in TIMES} for row in db.execute(f"SELECT * FROM {table}")]
        found[table] = (
            sorted(map(repr, rows))
            if table != "events"
            else sorted(f"{r['attempt']} {r['what']} {r['detail']}" for r in rows)
        )
    db.close()
    for file in sorted(p for p in out.glob("*/*")):
        data = json.loads(file.read_text())
        for key in ("execution_time", "seconds"):
            data.pop(key, None)
        for case in data.get("cases", ()):
            for key in ("seconds", "cpu_seconds", "memory_kb"):
                case.pop(key)
        found[str(file.relative_to(out))] = data
    return found


# A kill at one step after another.


class Ticking:
    """The gradebook's connection; it tells of every step before and after it is taken."""

    def __init__(self, db: sqlite3.Connection, tick: Callable[[], None]):
        self.db, self.tick = db, tick

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        self.tick()
        try:
            return self.db.execute(*arguments)
        finally:
            self.tick()

    def close(self) -> None:
        self.db.close()


def child(bench: Bench, outcomes: dict, tick: Callable[[], None], **options: Any) -> int:
    """Run a batch in a fork that `tick` may kill at any step; its status."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        prepare, replace, fsync = Gradebook._prepare, os.replace, os.fsync

        def prepared(book: Gradebook) -> None:
            book.db = Ticking(book.db, tick)
            prepare(book)

        def stepping(function: Callable[..., None]) -> Callable[..., None]:
            def step(*arguments: Any) -> None:
                tick()
                function(*arguments)
                tick()

            return step

        Gradebook._prepare = prepared
        record.os.replace, record.os.fsync = stepping(replace), stepping(fsync)
        bench.grade(Replayed(outcomes), **options)
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(70)
    os._exit(0)


def counter(kill_at: int | None, count: Path) -> Callable[[], None]:
    """Counts steps into a file, and kills this process at one of them."""
    steps = [0]

    def tick() -> None:
        steps[0] += 1
        if kill_at is None:
            count.write_text(str(steps[0]))
        elif steps[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return tick


@pytest.mark.parametrize("regrade", [False, True])
def test_killed_at_any_step_and_gone_on_with_it_is_as_if_undisturbed(regrade, bench, outcomes, tmp_path):
    names = ["ann", "ben", "garbage"]
    put_zips(bench.folder, names)
    count = tmp_path / "count"

    def begun(out: Path) -> Bench:
        own = Bench(bench.course, bench.folder, out)
        if regrade:
            assert child(own, outcomes, lambda: None) == 0
        return own

    # A regrade gives other results, or nobody would see that its files are the old ones.
    now = {**outcomes, "ann.zip": outcomes["ben.zip"]} if regrade else outcomes
    undisturbed = begun(tmp_path / "undisturbed")
    assert child(undisturbed, now, counter(None, count), regrade=regrade) == 0
    expected, steps = everything(undisturbed.out), int(count.read_text())
    assert steps > 100
    dice = random.Random(7)
    reached = set()
    half = steps // 2  # the first half is the making of the gradebook and of the plan
    moments = dice.sample(range(1, half), STEPS // 3) + dice.sample(range(half, steps), STEPS - STEPS // 3)
    for number, kill_at in enumerate(moments):
        own = begun(tmp_path / f"killed{number}")
        assert child(own, now, counter(kill_at, count), regrade=regrade) == -signal.SIGKILL
        # What was killed before it had begun is begun again; otherwise it is gone on with.
        with run.opened(own.order()) as book:
            open_batches = book.db.execute("SELECT count(*) FROM batches WHERE finished IS NULL").fetchone()[0]
            reached.add(book.db.execute("SELECT count(*) FROM events").fetchone()[0])
        again = {"resume": True} if open_batches else {"resume": not regrade, "regrade": regrade}
        finished = book_finished(own, regrade)
        if not finished:
            assert child(own, now, lambda: None, **again) == 0
        assert everything(own.out) == expected, f"killed at step {kill_at} of {steps}"
    assert len(reached) >= 3, "every kill fell before the first upload was graded"


def book_finished(bench: Bench, regrade: bool) -> bool:
    """Whether the batch was marked as done before the kill."""
    with bench.book as book:
        return book.db.execute("SELECT count(*) FROM batches WHERE finished IS NOT NULL").fetchone()[0] == 1 + regrade


# Kills at random times.


def tito(bench: Bench, *words: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "TITO_COURSE": str(bench.course.root), "PYTHONPATH": str(REPOSITORY)}
    environment.pop("TITO_GRADEBOOK", None)
    command = [
        sys.executable,
        "-m",
        "autograder",
        "grade",
        "a01",
        bench.folder,
        "--out",
        bench.out,
        "--jobs",
        2,
        *words,
    ]
    return subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def graded(out: Path) -> int:
    return len(list(out.glob("*/results.json")))


def moments(dice: random.Random) -> Iterator[Callable[[Bench, subprocess.Popen[str]], None]]:
    """When to kill: some time after another upload is done, wherever that meets the batch."""
    for _ in range(KILLS):
        delay = dice.uniform(0.0, 0.25)

        def wait(bench: Bench, process: subprocess.Popen[str], delay: float = delay) -> None:
            before = graded(bench.out)
            while process.poll() is None and graded(bench.out) == before:
                time.sleep(0.002)
            time.sleep(delay)

        yield wait


def test_sigkill_at_random_times_then_resume_equals_an_undisturbed_run(bench, mini, tmp_path):
    put_zips(bench.folder, ["ann", "ben", "cy", "dee", "garbage"])
    for number in range(7):
        put_folder(bench.folder / f"more{number}", mean=f"return np.sum(x) / np.size(x) + {number} // 5")
    undisturbed = Bench(mini, bench.folder, tmp_path / "undisturbed")
    process = tito(undisturbed)
    assert (process.communicate()[0].count(" / 10"), process.returncode) == (12, 1)
    killed = 0
    for wait in moments(random.Random(3)):
        process = tito(bench, *(["--resume"] if killed else []))
        wait(bench, process)
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        assert graded(bench.out) <= 12
    assert killed == KILLS, "the batch was done before it could be killed"
    last = tito(bench, "--resume")
    said = last.communicate()[0]
    assert last.returncode == 1, said
    assert everything(bench.out) == everything(undisturbed.out)
    assert 0 < said.count(" / 10") < 12
