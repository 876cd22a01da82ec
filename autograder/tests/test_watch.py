"""`tito check --watch`: a session checks what is saved, at a fraction of the cost, and outlives any program."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from autograder import check as checking
from autograder.check import Session
from autograder.cli import check as command
from autograder.course import load_course
from autograder.judge.cases import Status
from autograder.tests import minicourse
from autograder.tests.minicourse import numbers
from autograder.watch import saves, stamp

ROOT = Path(__file__).resolve().parents[2]
TENSOR = "tinytorch/core/tensor.py"


@pytest.fixture
def work(mini, tmp_path) -> Path:
    return Path(shutil.copytree(mini.stub("a01_numbers"), tmp_path / "a01_numbers"))


@pytest.fixture
def session(mini, work):
    with Session(mini, mini.assignment("a01"), work) as opened:
        yield opened


def test_one_worker_sees_every_edit_even_of_the_same_size_in_the_same_second(session, work):
    seen, workers = [], set()
    for factor in (2, 3, 2, 4):
        file = minicourse.put_numbers(work, numbers(double=f"return {factor} * x")) / TENSOR
        os.utime(file, (1_800_000_000, 1_800_000_000))
        checked = session.check("double")
        seen.append(checked.cases[0].status is Status.PASSED)
        workers.add(session.worker.process.pid)
    assert seen == [True, False, True, False]
    assert len(workers) == 1


def test_questions_and_whole_checks_may_follow_each_other(session, work):
    minicourse.put_numbers(work, numbers())
    assert [len(session.check(question).cases) for question in ("mean", None, "double")] == [1, 2, 1]


def test_after_a_program_that_killed_the_worker_the_next_check_has_a_new_one(session, work, monkeypatch):
    minicourse.put_numbers(work, numbers(double="import os; os._exit(1)"))
    assert [case.status for case in session.check().cases] == [Status.CRASHED, Status.PASSED]
    minicourse.put_numbers(work, numbers())
    assert session.check().passed == 2


def test_a_program_that_ends_the_worker_between_two_checks_costs_the_next_one_nothing(session, work):
    late = "import threading, os, time\nthreading.Thread(target=lambda: (time.sleep(0.3), os._exit(1))).start()"
    minicourse.put_numbers(work, numbers(top=late, double="return 2 * x"))
    session.check("double")
    session.worker.process.wait()
    minicourse.put_numbers(work, numbers())
    assert session.check().passed == 2


def test_a_program_that_reads_finds_nothing_and_takes_no_order_away(session, work):
    minicourse.put_numbers(work, numbers(double="import sys; return [2 * x, sys.stdin.read()][0]"))
    assert [session.check().passed for _ in range(2)] == [2, 2]


def quickly(mini, work, *bodies: dict[str, str]) -> list[dict[str, Status]]:
    """What a quick session finds, one check for each version of the program."""
    found = []
    with Session(mini, mini.assignment("a01"), work, quick=True) as opened:
        for body in bodies:
            minicourse.put_numbers(work, numbers(**body))
            found.append({case.key: case.status for case in opened.check().cases})
    return found


def test_a_quick_session_sees_every_edit_and_tells_what_a_slow_one_tells(mini, work):
    wrong = {"double": "return 3 * x"}
    blank = {"double": "raise NotImplementedError"}
    broken = {"top": "1 / 0"}
    versions = [{}, wrong, {}, blank, broken, {}]
    quick = quickly(mini, work, *versions)
    for version, found in zip(versions, quick, strict=True):
        minicourse.put_numbers(work, numbers(**version))
        with Session(mini, mini.assignment("a01"), work) as opened:
            assert found == {case.key: case.status for case in opened.check().cases}
    assert len({frozenset(found.items()) for found in quick}) == 4


def test_what_a_case_leaves_behind_fails_no_other_in_a_quick_session(mini, work):
    """The program works once in a process: alone, as in grading, each case passes."""
    once = {"top": "used = []", "double": "used.append(x); return 2 * x if len(used) == 1 else 0", "mean": (
        "used.append(x); return sum(x) / len(x) if len(used) == 1 else 0")}  # fmt: skip
    first, later = quickly(mini, work, once, once)
    assert set(first.values()) == set(later.values()) == {Status.PASSED}


def test_from_the_second_check_on_a_quick_session_imports_once(mini, work, tmp_path):
    log = tmp_path / "imports"
    for quick, imports in ((True, 1), (False, 3)):
        minicourse.put_numbers(work, numbers(top=f"open({str(log)!r}, 'a').write('x')"))
        with Session(mini, mini.assignment("a01"), work, quick=quick) as opened:
            opened.check()
            log.write_text("")
            assert opened.check().passed == 2
            assert len(log.read_text()) == imports


def test_nothing_is_left_behind(mini, work, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(checking.tempfile, "tempdir", str(scratch))
    with Session(mini, mini.assignment("a01"), work) as opened:
        opened.check()
        assert list(scratch.iterdir())
    assert list(scratch.iterdir()) == []


def test_a_save_is_seen_once_and_a_file_may_be_away_for_a_moment(mini, work):
    a01, file = mini.assignment("a01"), work / TENSOR
    actions = [lambda: None, lambda: file.write_text("x = 1\n"), lambda: None, lambda: None, file.unlink, lambda: None]
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        actions.pop(0)()

    watching = saves(a01, work, sleep)
    assert next(watching) == stamp(a01, work)
    assert next(watching) == stamp(a01, work)  # after two looks and the moment that a save needs
    assert slept == [0.5, 0.5, 0.1]
    assert next(watching) == ((0, 0),)
    assert actions == []


def test_the_command_checks_again_after_each_save_until_it_is_stopped(tito, work, monkeypatch):
    def twice(assignment, folder):
        for body in ("return x", "return 2 * x"):
            yield minicourse.put_numbers(folder, numbers(double=body))
        shutil.rmtree(folder / "tinytorch")
        yield folder
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "saves", twice)
    status, out, err = tito("check", "--folder", work, "--watch")
    assert (status, err) == (0, "")
    told = [line for line in out.splitlines() if "public cases pass" in line or line.startswith(("error", "stopped"))]
    assert [line.split(" (")[0].split(";")[0].split(" holds")[0] for line in told] == [
        "1 of 2 public cases pass", "2 of 2 public cases pass", f"error: {work}", "stopped",
    ]  # fmt: skip


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the CPU time of a process from /proc")
def test_a_later_check_of_a_real_assignment_costs_less_than_half_of_the_first(tmp_path):
    course = load_course(ROOT)
    assignment = course.assignment("a05")
    folder = Path(shutil.copytree(course.stub(assignment.key), tmp_path / assignment.key))
    for path in assignment.writes:
        shutil.copyfile(course.solution(assignment.key) / path, folder / path)
    started = time.process_time()
    with Session(course, assignment, folder, quick=True) as opened:
        opened.check()
        first = time.process_time() - started + cpu_of(opened.worker.process.pid)
        before = time.process_time() + cpu_of(opened.worker.process.pid)
        checked = opened.check()
        used = time.process_time() + cpu_of(opened.worker.process.pid) - before
    assert checked.passed == len(checked.cases) > 20
    assert used < first / 2
