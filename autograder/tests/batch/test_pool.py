"""Judges that die, hang or break cost their upload a second try, then a grader error; the others never notice."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from autograder.batch import pool
from autograder.batch import work as unit
from autograder.batch.pool import Pool
from autograder.batch.work import Setting, Work
from autograder.errors import GraderError
from autograder.tests.batch import pretenders


@pytest.fixture
def setting(mini, monkeypatch, tmp_path: Path) -> Setting:
    """Workers of this setting are pretenders, who are given up after a second."""
    monkeypatch.setattr(pool, "serve", pretenders.serve)
    monkeypatch.setattr(pool, "MARGIN", 0.0)
    monkeypatch.setattr(
        pool, "failed", lambda setting, work, why: unit.failed(Setting(str(mini.root), "a01", ""), work, why)
    )
    return Setting(str(mini.root), str(tmp_path / "notes"), "")


def works(*sources: str) -> list[Work]:
    return [Work(number, source) for number, source in enumerate(sources)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_befalls_one_judge_costs_one_upload(setting):
    sources = ["fine", "dies", "dies-once", "breaks", "hangs", "also fine", "fine too"]
    with Pool(setting, 2, 0.5) as judges:
        assert (judges.sandbox.layers, judges.sandbox.notes) == (frozenset({"uid"}), ("a note",))
        found = {work.source: outcome.grade for work, outcome in judges.run(works(*sources))}
    assert sorted(found) == sorted(sources)
    assert {source for source, grade in found.items() if not grade.fault} == {
        "fine",
        "dies-once",
        "also fine",
        "fine too",
    }
    assert found["dies"].fault == "the judge's process ended (SIGKILL: was there memory enough?) (2 times)"
    assert found["breaks"].fault == "the grader raised OSError: disk full (2 times)"
    assert found["hangs"].fault == "the judge did not answer within 0.5 s (2 times)"
    notes = [line.split(" ", 1) for line in Path(setting.assignment).read_text().splitlines()]
    tried = Counter(source for _, source in notes)
    assert tried == {source: 2 if source in ("dies", "dies-once", "breaks", "hangs") else 1 for source in sources}
    assert not any(alive(int(pid)) for pid, _ in notes)


def test_several_judges_work_at_once_and_no_upload_goes_to_two(setting):
    with Pool(setting, 3, 60) as judges:
        pids = {worker.process.pid for worker in judges.workers}
        found = [work.name for work, _ in judges.run(works(*["takes a while"] * 9))]
        pids |= {worker.process.pid for worker in judges.workers}
    assert sorted(found) == list(range(9))
    notes = Path(setting.assignment).read_text().splitlines()
    assert len(notes) == 9
    assert {int(line.split()[0]) for line in notes} == pids
    assert len(pids) == 3


def test_no_more_judges_are_started_than_there_are_uploads(setting):
    with Pool(setting, 8, 60) as judges:
        assert len(list(judges.run(works("fine", "fine")))) == 2
        assert len(judges.workers) == 2
        assert list(judges.run([])) == []


@pytest.mark.parametrize(
    ("digest", "words"), [("unable", "the tests are wrong"), ("dead", "ended .status 5. while it started")]
)
def test_what_hinders_every_judge_is_raised_at_once(digest, words, setting):
    with pytest.raises(GraderError, match=words):
        Pool(Setting(setting.course, setting.assignment, digest), 2, 60)


def test_whoever_stops_listening_leaves_no_process(setting):
    with Pool(setting, 2, 60) as judges:
        for _ in judges.run(works("fine", "hangs", "hangs")):
            break
        pids = [worker.process.pid for worker in judges.workers]
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(alive(pid) for pid in pids)
    assert os.getpid() not in pids
