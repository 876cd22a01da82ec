"""A batch on a Dask cluster of several processes gives what this machine's pool gives, whatever befalls the workers.

The tests share one scheduler; workers are dear to start, so that one test takes over the survivors of another.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.batch import cluster, ledger
from autograder.batch.cluster import Cluster
from autograder.batch.parcel import pack, unpack
from autograder.batch.work import Work
from autograder.course import Course
from autograder.errors import GraderError, UserError
from autograder.intake import IntakeError
from autograder.intake.folders import list_folder
from autograder.prove.fleet import Fleet
from autograder.prove.leavings import different, leavings
from autograder.tests import minicourse
from autograder.tests.attacks.uploads import UPLOADS
from autograder.tests.batch.conftest import Bench, put_folder, put_hostile, put_zips

REPOSITORY = Path(__file__).resolve().parents[3]


class Workers:
    """The workers of a fleet: one with another course, and those with the right one."""

    def __init__(self, fleet: Fleet, other: Path):
        self.fleet, self.other = fleet, other
        self.unfit: subprocess.Popen[bytes] | None = None
        self.fit: list[subprocess.Popen[bytes]] = []

    def only_unfit(self) -> None:
        for worker in self.fit:
            self.fleet.kill(worker)
        self.fit.clear()
        self.unfit = self.unfit or self.fleet.add({"TITO_COURSE": str(self.other)})

    def nobody(self) -> None:
        self.only_unfit()
        if self.unfit:
            self.fleet.kill(self.unfit)
        self.unfit = None

    def add(self, count: int = 1) -> None:
        self.fit += [self.fleet.add() for _ in range(count)]
        self.fleet.wait()

    def kill(self) -> None:
        """The oldest one that is fit."""
        self.fleet.kill(self.fit.pop(0))


@pytest.fixture(scope="module")
def workers(mini: Course, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """A scheduler that gives an upload up each time that a worker dies of it; no worker yet."""
    other = minicourse.write(tmp_path_factory.mktemp("other") / "course")
    shutil.copytree(mini.root / "assignments", other / "assignments")
    tests = other / "solutions/a01_numbers/tests/test_double.py"
    tests.write_text(tests.read_text().replace("points=2", "points=2, hidden=True", 1))
    environment = {
        "PYTHONPATH": str(REPOSITORY),
        "TITO_COURSE": str(mini.root),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
    }
    with Fleet(environment) as fleet:
        yield Workers(fleet, other)


def grade(bench: Bench, fleet: Fleet) -> subprocess.Popen[str]:
    environment = {**os.environ, "TITO_COURSE": str(bench.course.root), "PYTHONPATH": str(REPOSITORY)}
    environment.pop("TITO_GRADEBOOK", None)
    words = ["grade", "a01", str(bench.folder), "--out", str(bench.out), "--scheduler", fleet.address]
    return subprocess.Popen(
        [sys.executable, "-m", "autograder", *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
    )  # fmt: skip


class Said:
    """What a process says, line by line as it comes."""

    def __init__(self, process: subprocess.Popen[str]):
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read, args=(process,))
        self.reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.lines.append(line)

    def wait_for(self, words: str) -> None:
        while self.reader.is_alive() and not any(words in line for line in self.lines):
            time.sleep(0.005)

    def all(self) -> str:
        self.reader.join()
        return "".join(self.lines)


def graded(out: Path) -> int:
    return len(list(out.glob("*/results.json")))


def wait_for(number: int, out: Path, process: subprocess.Popen[str]) -> None:
    while process.poll() is None and graded(out) < number:
        time.sleep(0.005)


def test_where_no_worker_has_this_course_nothing_is_graded(workers, bench):
    put_zips(bench.folder, ["ann"])
    workers.only_unfit()
    process = grade(bench, workers.fleet)
    said = process.communicate()[0]
    assert process.returncode == 2
    assert f"its course in {workers.other} is not the one that asks; bring it up to date, or use one image" in said
    assert graded(bench.out) == 0


def test_workers_killed_and_workers_that_join_in_mid_run_change_nothing(mini, workers, bench, tmp_path):
    """A worker that has another course is there too. For a while nobody else is."""
    put_zips(bench.folder, ["ann", "ben", "cy", "dee", "garbage", "nothing", "broken"])
    put_hostile(bench.folder, tmp_path / "scratch", mini)
    for number in range(10):
        put_folder(bench.folder / f"more{number:02}", mean=f"return np.sum(x) / np.size(x) + {number} // 5")
    total = len(list(bench.folder.iterdir()))
    here = Bench(mini, bench.folder, tmp_path / "here")
    here.grade()
    workers.only_unfit()
    workers.add()
    process = grade(bench, workers.fleet)
    heard = Said(process)
    wait_for(3, bench.out, process)
    workers.kill()
    # Fetching an answer from the dead worker may take longer than a new worker's start: nobody comes before it is noticed.
    heard.wait_for("waiting for a worker")
    workers.add(2)
    wait_for(graded(bench.out) + 2, bench.out, process)
    workers.kill()
    left = total - graded(bench.out)
    said = heard.all()
    assert (process.wait(), left > 0) == (1, True), said
    for words, count in (("lost the worker", 2), ("joined", 2), ("is given nothing", 1), ("waiting for a worker", 1)):
        assert said.count(words) == count, said
    assert "grader error" not in said
    assert different(leavings(here.out), leavings(bench.out)) == []
    with bench.book as book:
        assert len(ledger.attempts(book)) == total
        assert book.db.execute("SELECT count(*) FROM events WHERE what = 'graded'").fetchone()[0] == total


def test_a_judge_beyond_its_time_costs_its_worker_and_twice_so_the_upload(workers, bench, monkeypatch):
    monkeypatch.setattr(cluster, "MARGIN", 0.0)
    put_zips(bench.folder, ["ann"])
    put_folder(bench.folder / "slow", double="while True: pass", mean="while True: pass")
    works = [Work(1, str(bench.folder / "ann.zip")), Work(2, str(bench.folder / "slow"))]
    workers.add(2 - len(workers.fit))
    with Cluster(bench.setting, workers.fleet.address, 4, 1 << 20) as judges:
        found = {work.name: outcome.grade for work, outcome in judges.run(works)}
    assert (found[1].score, found[1].needs_a_person) == (10, False)
    assert found[2].fault.startswith("the judge's worker ended while it had this (the last was tcp:")
    assert found[2].fault.endswith("(twice, the second time alone)")
    assert [worker.wait() for worker in workers.fit] == [-9, -9]
    workers.nobody()
    with pytest.raises(GraderError, match=r"has had no worker for 1 s; start some .dask worker tcp:.* --resume"):
        Cluster(bench.setting, workers.fleet.address, 60, 1 << 20, patience=1)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("tcp://127.0.0.1:9", "no scheduler answers at tcp://127.0.0.1:9; start one with `dask scheduler`"),
        ("http://127.0.0.1:9", "is no address of a scheduler .* it looks like tcp://"),
    ],
)
def test_an_address_without_a_scheduler_is_said_in_a_sentence(address, words, bench, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.3)
    with pytest.raises(UserError, match=words):
        Cluster(bench.setting, address, 60, 1 << 20)


def test_without_the_extra_it_is_named(bench, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"--scheduler needs the package distributed .* tinytorch-course\[cluster\]"):
        Cluster(bench.setting, "tcp://127.0.0.1:9", 60, 1 << 20)


def test_jobs_and_scheduler_exclude_each_other(tito, bench):
    put_zips(bench.folder, ["ann"])
    words = ("--out", bench.out, "--jobs", 2, "--scheduler", "tcp://127.0.0.1:9")
    status, _, err = tito("grade", "a01", bench.folder, *words)
    assert (status, "--jobs is for this machine" in err) == (2, True)
    status, _, err = tito("grade", "a01", bench.folder / "ann.zip", "--scheduler", "tcp://127.0.0.1:9")
    assert (status, "--scheduler is for a batch" in err) == (2, True)


# Uploads on their way.


def listed(path: Path) -> object:
    try:
        found = list_folder(path)
    except IntakeError as error:
        return str(error)
    return [(e.path, e.size, e.read(8 << 20)) for e in found.entries], found.ignored, found.label


@pytest.mark.parametrize("upload", UPLOADS, ids=lambda upload: upload.name)
def test_an_upload_arrives_as_it_was_sent(upload, mini, tmp_path):
    (tmp_path / "made").mkdir()
    made = upload.make(tmp_path / "made", mini.root)
    parcel = pack(made, 80 << 20)
    (tmp_path / "there").mkdir()
    there = unpack(parcel, tmp_path / "there")
    assert there.name == made.name
    if made.is_dir():
        assert listed(there) == listed(made)
        assert [stat.S_IFMT(p.lstat().st_mode) for p in sorted(there.rglob("*"))] == [
            stat.S_IFMT(p.lstat().st_mode) for p in sorted(made.rglob("*"))
        ]
    else:
        assert there.read_bytes() == made.read_bytes()


def test_what_is_too_large_or_gone_is_not_sent(tmp_path):
    (tmp_path / "large.zip").write_bytes(bytes(1000))
    put_folder(tmp_path / "folder")
    assert pack(tmp_path / "large.zip", 1000).size == 1000
    assert pack(tmp_path / "large.zip", 999) is None
    assert pack(tmp_path / "folder", 20) is None
    assert pack(tmp_path / "gone.zip", 1000) is None
    (tmp_path / "nowhere.zip").symlink_to(tmp_path / "gone.zip")
    assert pack(tmp_path / "nowhere.zip", 1000) is None
