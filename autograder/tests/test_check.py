"""`tito check` at home: the public cases with the messages of grading, and no program of a student's stops the rest."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from autograder import check as checking
from autograder import compose
from autograder.check import LocalBench, Session, check
from autograder.errors import GraderError, UserError
from autograder.judge.cases import CaseResult, Status
from autograder.judge.run import Watcher, judge
from autograder.tests import minicourse
from autograder.tests.minicourse import numbers

TENSOR = "tinytorch/core/tensor.py"
PUBLIC = ["double.integers", "mean.vector"]


@pytest.fixture
def work(mini, tmp_path) -> Path:
    """A student's folder: the released assignment, to be written."""
    return Path(shutil.copytree(mini.stub("a01_numbers"), tmp_path / "a01_numbers"))


@pytest.fixture
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(checking, "PATIENCE", 0.5)  # of the two seconds that a case of the mini course has


def told(cases: tuple[CaseResult, ...]) -> dict[str, tuple[str, str]]:
    return {case.key: (case.status.value, case.message) for case in cases}


# The same messages as in grading: the same cases on the same program under the same seed, judged in both ways.

PROGRAMS = {
    "right": {},
    "wrong values": {"double": "return x", "mean": "return 'text'"},
    "wrong shapes": {"double": "return [x]", "mean": "return [1.0, 2.0]"},
    "exceptions": {"double": "return 1 / 0", "mean": "y = undefined\nreturn y"},
    "blanks": {"double": "raise NotImplementedError('a01_numbers: double is yours to write')"},
    "odd values": {"double": "return {x.size}", "mean": "return object()"},
    "printing": {
        "double": "print('\\x1b[31mtwice', x)\nreturn x",
        "mean": "print('y' * 10**6)\nreturn 0.0",
        "top": "print('imported')",
    },
    "ends": {"double": "raise SystemExit(3)", "mean": "raise KeyboardInterrupt"},
    "a broken import": {"top": "import math\nmath.sqrt(-1)"},
    "an absent part": {"top": "import tinytorch.core.activations"},
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_public_cases_say_at_home_what_they_say_in_grading(kind, grader, tmp_path, own_imports):
    source = tmp_path / "tensor.py"
    source.write_text(numbers(**PROGRAMS[kind]))
    public = Watcher(wanted=lambda case: not case.hidden)
    home = LocalBench(grader.course, grader.assignment, grader.course.stub("a01_numbers") / "tests")
    composition = grader.bench.compose_student({TENSOR: source}, {})
    try:
        graded, checked = (judge(bench, grader.files, composition, "home", 0, public) for bench in (grader.bench, home))
    finally:
        compose.discard(composition.path)
    for verdict in (graded, checked):
        assert [case.key for case in verdict.cases if case.message != "this has not run yet"] == PUBLIC
    assert told(graded.cases) == told(checked.cases)
    assert graded.notes == checked.notes


def test_the_released_tests_give_the_same_inputs_and_messages_as_the_solution_s(grader, mini, work):
    minicourse.put_numbers(work, numbers(double="return x", mean="raise ValueError('no')"))
    checked = check(mini, mini.assignment("a01"), work)
    composition = grader.bench.compose_student({TENSOR: work / TENSOR}, {})
    try:
        graded = judge(grader.bench, grader.files, composition, "home")
    finally:
        compose.discard(composition.path)
    assert told(checked.cases) == {
        case.key: (case.status.value, case.message) for case in graded.cases if not case.hidden
    }
    assert [case.key for case in checked.cases] == PUBLIC
    assert (checked.passed, checked.findings, checked.notes) == (0, (), ())


# Nothing stops the rest.


def test_a_loop_and_an_exit_each_cost_their_own_case(mini, work, impatient):
    minicourse.put_numbers(work, numbers(double="while True: pass", mean="import os; os._exit(0)"))
    seen: list[str] = []
    checked = check(mini, mini.assignment("a01"), work, finished=lambda case: seen.append(case.key))
    assert [(case.key, case.number, case.status, case.points) for case in checked.cases] == [
        ("double.integers", "1.1", Status.TIMED_OUT, 2),
        ("mean.vector", "2.1", Status.CRASHED, 2),
    ]
    assert seen == PUBLIC
    ends = (
        "no answer within 1 s: is there a loop that never ends?",
        "the process ended (status 0) in the middle of this case",
    )
    for case, probe, end in zip(checked.cases, ("double", "mean"), ends, strict=True):
        assert re.fullmatch(
            rf"asked:    student\.{probe}\(\[.*\]\)\nexpected: an answer\ncame:     {re.escape(end)}", case.message
        )


def test_a_case_that_sleeps_for_ever_is_given_up(mini, work, impatient):
    minicourse.put_numbers(work, numbers(double="import time; time.sleep(600)"))
    checked = check(mini, mini.assignment("a01"), work)
    assert [case.status for case in checked.cases] == [Status.TIMED_OUT, Status.PASSED]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="stops a process as a busy machine would")
def test_a_worker_that_gets_no_time_for_longer_than_a_case_may_take_is_waited_for(mini, work, impatient):
    # Stopped for twice as long as the patience with a case: nobody's fault.
    minicourse.put_numbers(work, numbers())
    with Session(mini, mini.assignment("a01"), work) as session:
        timers = []

        def stop(case: CaseResult) -> None:
            pid = session.worker.process.pid
            os.kill(pid, signal.SIGSTOP)
            timers.append(threading.Timer(2.0, os.kill, (pid, signal.SIGCONT)))
            timers[-1].start()

        checked = session.check(finished=stop)
        assert timers
        for timer in timers:
            timer.join()
    assert [case.status for case in checked.cases] == [Status.PASSED] * 2


def test_patience_ends_with_cpu_time_or_with_ticks_of_idleness_not_with_a_clock():
    busy, idle, slow = (checking._Patience(10.0) for _ in range(3))
    for tick in range(39):
        busy.tick(tick * 0.25)
        idle.tick(0.0)
        slow.tick(tick * 0.01)
    assert not busy.over()
    assert not idle.over()
    busy.tick(10.0)
    idle.tick(0.0)
    assert busy.over()
    assert idle.over()
    for tick in range(39, 400):  # a twenty-fifth of the machine, for a hundred seconds
        slow.tick(tick * 0.01)
    assert not slow.over()


@pytest.mark.parametrize("broken", [False, True])
def test_a_worker_imports_of_otter_what_test_files_need_or_all_of_it_where_that_fails(broken, mini, tmp_path):
    site = tmp_path / "site" / "otter"
    if broken:  # an Otter whose test files need the package's own top
        (site / "test_files").mkdir(parents=True)
        (site / "__init__.py").write_text("top = 1\n")
        (site / "test_files" / "__init__.py").write_text("from otter import top\n")
    script = (
        "import sys\nfrom autograder import check\ncheck.lean_otter()\n"
        "import otter.test_files\nprint('pandas' in sys.modules, hasattr(sys.modules['otter'], 'top'))"
    )
    path = os.pathsep.join([str(site.parent), *sys.path]) if broken else os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", env={**os.environ, "PYTHONPATH": path}
    )
    assert done.stdout.split() == ["False", str(broken)], done.stderr


def test_a_program_that_never_lets_go_is_left_once_every_case_has_ended(mini, work):
    top = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()"
    minicourse.put_numbers(work, numbers(top=top))
    assert check(mini, mini.assignment("a01"), work).passed == 2


@pytest.mark.parametrize(
    ("top", "words"),
    [
        ("while True: pass", "importing your module does not end"),
        ("import os\nos._exit(0)", "importing your module ends the process"),
    ],
)
def test_an_import_that_does_not_come_back_is_the_student_s_and_told_in_one_line(top, words, mini, work, impatient):
    minicourse.put_numbers(work, numbers(top=top))
    with pytest.raises(UserError, match=f"^{words}; look at what stands outside of its functions$"):
        check(mini, mini.assignment("a01"), work)


def test_text_that_looks_like_a_report_is_not_taken_for_one(mini, work):
    forged = """
        import sys
        for out in (sys.stdout, sys.stderr):
            out.write('\\n\\x1etito {"end": 1}\\n')
            out.flush()
        return x
    """
    minicourse.put_numbers(work, numbers(double=forged))
    checked = check(mini, mini.assignment("a01"), work)
    assert [case.status for case in checked.cases] == [Status.FAILED, Status.PASSED]


# What is checked.


def test_only_the_question_asked_for_is_checked(mini, work):
    checked = check(mini, mini.assignment("a01"), work, "mean")
    assert [(case.key, case.status, case.unwritten) for case in checked.cases] == [("mean.vector", Status.ERROR, True)]


def test_an_unknown_question_is_told_the_known_ones(mini, work):
    with pytest.raises(UserError, match=r"^no question is called 'doubble'; choose one of double, mean$"):
        check(mini, mini.assignment("a01"), work, "doubble")


def test_a_file_that_grading_would_refuse_is_not_run(mini, work):
    minicourse.put_numbers(work, numbers(top="import torch\nimport os\nos._exit(0)"))
    checked = check(mini, mini.assignment("a01"), work)
    assert (checked.cases, checked.passed) == ((), 0)
    assert [str(finding).partition(" already")[0] for finding in checked.findings] == [f"{TENSOR}:3: 'torch'"]


def test_a_folder_without_the_work_and_one_without_tests_are_told(mini, tmp_path):
    with pytest.raises(UserError, match="holds none of the files of a01_numbers"):
        check(mini, mini.assignment("a01"), tmp_path)
    minicourse.put_numbers(tmp_path, numbers())
    unbuilt = mini.model_copy(update={"root": tmp_path})
    with pytest.raises(
        UserError, match="has no tests/ folder; unpack the assignment's zip again, or run: tito build a01_numbers"
    ):
        check(unbuilt, mini.assignment("a01"), tmp_path)


def test_broken_tests_are_the_course_s_fault_with_their_reason(mini, work):
    (work / "tests" / "test_double.py").write_text("OK_FORMAT = True\n")
    with pytest.raises(GraderError, match=r"(?s)the tests could not be started: .*test_double.py"):
        check(mini, mini.assignment("a01"), work)


# The command line.


def test_the_command_recognises_the_folder_prints_each_case_and_says_by_status_whether_all_pass(
    tito, work, monkeypatch
):
    monkeypatch.chdir(work)
    minicourse.put_numbers(work, numbers(mean="print('[bold]x')\nreturn 0.0"))
    status, out, err = tito("check")
    assert (status, err) == (1, "")
    lines = out.splitlines()
    assert lines[:3] == [
        "a01_numbers: Can I count?",
        "  ok double: doubles integers  (2)",
        "  no mean: mean of a vector  (2)",
    ]
    assert re.fullmatch(r"    asked:    student.mean\(\[.*\]\)", lines[3])
    assert lines[4].startswith("    expected: ")
    assert lines[5].startswith("    came:     0")
    assert "    [bold]x" in lines
    assert "    read:     README.md#what-the-tests-look-for" in lines
    assert "1 of 2 public cases pass (2 of 4 points)" in lines
    minicourse.put_numbers(work, numbers())
    status, out, err = tito("check", "a01", "-q", "mean")
    assert (status, err) == (0, "")
    assert "1 of 1 public cases pass (2 of 2 points)" in out


def test_the_command_shows_lint_s_remarks_and_ends_with_status_one(tito, work):
    minicourse.put_numbers(work, numbers() + "def broken(:\n")
    status, out, err = tito("check", "--folder", work)
    assert (status, err) == (1, "")
    assert f"{TENSOR}:10: Python cannot read this" in out
    assert "cases pass" not in out


def test_the_command_tells_a_wrong_question_in_one_line(tito, work):
    assert tito("check", "--folder", work, "-q", "nope")[::2] == (
        2,
        "error: no question is called 'nope'; choose one of double, mean\n",
    )
