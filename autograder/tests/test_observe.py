"""Observers: what a probe returns or raises arrives, the same at home as in grading; all else has a name."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder import compose, expect
from autograder.check import LocalBench
from autograder.errors import GraderError
from autograder.expect import Mismatch, StudentError, recording_calls
from autograder.grade import Grader
from autograder.observe.client import Ending, Observation, ObserverLost, ObserverTimeout, Zygote, value_of
from autograder.observe.handles import Handle
from autograder.tests import minicourse

TENSOR = "tinytorch/core/tensor.py"


class Lab:
    """Compositions of submissions to a01_numbers, observed in grading's way or in the way of `tito check`."""

    def __init__(self, grader: Grader, folder: Path):
        self.grader, self.bench, self.folder = grader, grader.bench, folder
        self.made: list[compose.Composition] = []

    def composition(self, **parts: str) -> compose.Composition:
        file = self.folder / f"{len(self.made)}.py"
        file.write_text(minicourse.numbers(**parts), encoding="utf-8")
        self.made.append(self.bench.compose_student({TENSOR: file}, {}))
        return self.made[-1]

    @contextmanager
    def observe(self, **parts: str) -> Iterator[Observation]:
        observation = self.bench.observe(self.composition(**parts))
        try:
            observation.ask({"do": "import"}, 5)
            yield observation
        finally:
            observation.close()

    @contextmanager
    def at_home(self, **parts: str) -> Iterator[Any]:
        probes = self.grader.course.solution("a01_numbers") / "tests"
        observation = LocalBench(self.grader.course, self.grader.assignment, probes).observe(self.composition(**parts))
        try:
            observation.ask({"do": "import"}, 5)
            yield observation
        finally:
            observation.close()


@pytest.fixture
def lab(grader: Grader, tmp_path: Path, own_imports: None) -> Iterator[Lab]:
    made = Lab(grader, tmp_path)
    yield made
    for composition in made.made:
        compose.discard(composition.path)


def call(name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    return {"do": "call", "name": name, "args": list(args), "kwargs": kwargs}


# Values and errors, alike in both places.


@pytest.mark.parametrize("place", ["observe", "at_home"])
def test_a_probe_s_value_arrives_and_one_observer_keeps_its_state(place, lab):
    with getattr(lab, place)(
        double="calls.append(x)\nreturn {'calls': calls, 'twice': np.asarray(x) * 2}", top="calls = []"
    ) as one:
        first = one.ask(call("double", 3), 2)
        again = one.ask(call("double", x=np.array([1.5])), 2)
    assert (first["calls"], int(first["twice"])) == ([3], 6)
    assert len(again["calls"]) == 2
    np.testing.assert_array_equal(again["twice"], [3.0])


ERRORS = {
    "an error of Python": ("return 1 / 0", "ZeroDivisionError", "division by zero"),
    "an error of one's own": ("class Mine(KeyError): pass\nraise Mine('k')", "Mine", "'k'"),
    "an end of the program": ("raise SystemExit(3)", "SystemExit", "3"),
    "an interrupt": ("raise KeyboardInterrupt('x')", "KeyboardInterrupt", "x"),
    "a blank": (
        "raise NotImplementedError('a01: double is yours to write')",
        "NotImplementedError",
        "a01: double is yours to write",
    ),
    "a text that raises": (
        "class Mine(Exception):\n    def __str__(self): raise ValueError\nraise Mine",
        "Mine",
        "(its __str__ raised)",
    ),
    "a text that is none": (
        "class Mine(Exception):\n    def __str__(self): return 3\nraise Mine",
        "Mine",
        "(its __str__ raised)",
    ),
    "a value that cannot travel": ("return {x}", "WireError", "the value['ok'] is a set"),
    "a value of its own class": ("class Mine: pass\nreturn [Mine()]", "WireError", "the value['ok'][0] is a Mine"),
    "endless recursion": ("return double(x)", "RecursionError", "maximum recursion depth exceeded"),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_an_exception_arrives_as_its_classes_its_text_and_its_line_in_both_places(kind, lab):
    body, name, text = ERRORS[kind]
    for place in (lab.observe, lab.at_home):
        with place(double=body) as observer:
            with pytest.raises(StudentError) as caught:
                observer.ask(call("double", 3), 5)
            assert (caught.value.kinds[0], caught.value.text[: len(text)]) == (name, text)
            if name != "WireError":
                assert caught.value.kinds[-2:] == ("BaseException", "object")
                assert caught.value.where.startswith(f"{TENSOR}:")
                assert caught.value.where.endswith(" in double")
            assert observer.ask(call("mean", [1, 3]), 2) == 2.0


def test_the_line_told_is_the_student_s_own_and_no_path_of_this_machine(lab):
    source = minicourse.numbers(double="y = x\nreturn np.zeros(2).reshape(y)")
    line = 1 + source[: source.index("np.zeros")].count("\n")
    for place in (lab.observe, lab.at_home):
        with place(double="y = x\nreturn np.zeros(2).reshape(y)") as observer, pytest.raises(StudentError) as caught:
            observer.ask(call("double", 3), 2)
        assert caught.value.where == f"{TENSOR}:{line} in double"


@pytest.mark.parametrize("place", ["observe", "at_home"])
def test_what_a_program_prints_is_kept_to_the_cap_and_the_rest_is_dropped(place, lab):
    body = "import sys\nprint('asked', x)\nprint('more', end='', file=sys.stderr)\nprint('y' * 10 ** 6)\nreturn 1"
    with getattr(lab, place)(double=body, top="print('imported')") as observer:
        observer.ask(call("double", 3), 5)
        ending = observer.close()
    assert ending.printed.startswith("imported\nasked 3\nmoreyyyy")
    assert len(ending.printed) == lab.bench.limits.output_kb << 10


def test_text_printed_just_before_a_crash_is_not_lost(lab):
    with lab.observe(double="print('the last', 'words', end='')\nimport os\nos._exit(3)") as observer:
        with pytest.raises(ObserverLost):
            observer.ask(call("double", 3), 5)
        ending = observer.close()
    assert (ending.printed, ending.exit_status, ending.signal) == ("the last words", 3, None)


# What else can happen.


def test_an_answer_that_does_not_come_in_time_is_a_time_out_not_a_loss(lab):
    with lab.observe(double="while True: pass") as observer:
        started = time.monotonic()
        with pytest.raises(ObserverTimeout):
            observer.ask(call("double", 3), 0.2)
        assert 0.2 <= time.monotonic() - started < 10
        ending = observer.close()
    assert ending.signal == "SIGKILL"
    assert ending.cpu_seconds > 0


DEATHS = {
    "exit": ("import os; os._exit(7)", None, 7),
    "signal": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV", None),
    "abort": ("import os; os.abort()", "SIGABRT", None),
    "kill": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL", None),
}


@pytest.mark.parametrize("kind", DEATHS)
def test_a_death_is_a_loss_and_its_cause_is_in_the_ending(kind, lab):
    body, signalled, status = DEATHS[kind]
    with lab.observe(double=body) as observer:
        with pytest.raises(ObserverLost, match="ended without an answer"):
            observer.ask(call("double", 3), 5)
        ending = observer.close()
    assert (ending.signal, ending.exit_status) == (signalled, status)


def test_an_answer_beyond_the_cap_is_a_loss_told_as_unreadable(lab):
    with (
        lab.observe(double="return np.zeros(2_000_000)") as observer,
        pytest.raises(ObserverLost, match=r"not readable: .*beyond the cap"),
    ):
        observer.ask(call("double", 3), 5)


def test_closing_twice_gives_the_same_ending_and_leaves_no_process(lab):
    with lab.observe(double="import os\nreturn os.getpid()") as observer:
        pid = observer.pid
        ending = observer.close()
        assert observer.close() is ending
    assert isinstance(ending, Ending)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_every_observer_starts_from_the_same_random_state_whatever_came_before(lab):
    body = "import random\nreturn [random.random(), float(np.random.random())]"
    drawn = []
    for _ in range(2):
        with lab.observe(double=body) as observer:
            drawn.append(observer.ask(call("double", 3), 2))
    assert drawn[0] == drawn[1]


REPLIES = {
    "no dict": 3,
    "an empty dict": {},
    "an error that is no dict": {"error": "ValueError"},
    "words of the sandbox": {"sandbox": "SandboxError: no"},
    "words of the beginning": {"confined": True},
    "a list": [{"ok": 1}],
}


@pytest.mark.parametrize("kind", REPLIES)
def test_a_reply_that_is_neither_value_nor_error_is_a_loss(kind):
    with pytest.raises(ObserverLost, match="neither a value nor an error"):
        value_of(REPLIES[kind])


@pytest.mark.parametrize(
    ("forged", "kinds", "text", "where"),
    [
        ({}, ("Exception",), "", ""),
        ({"kinds": "ValueError", "text": 3, "where": None}, ("Exception",), "", ""),
        (
            {"kinds": [1, None, "ValueError", ["x"]], "text": "t" * 9999, "where": "w" * 9999},
            ("ValueError",),
            "t" * 9999,
            "w" * 300,
        ),
        ({"kinds": ["two words", "x" * 101, "", "\x1b[31m"], "text": ""}, ("Exception",), "", ""),
        ({"kinds": ["A"] * 99}, ("A",) * 20, "", ""),
    ],
)
def test_a_forged_error_is_reduced_to_what_an_error_can_be(forged, kinds, text, where):
    with pytest.raises(StudentError) as caught:
        value_of({"error": forged})
    assert (caught.value.kinds, caught.value.text, caught.value.where) == (kinds, text, where)
    assert len(str(caught.value)) < 700


# Handles.


class Scripted:
    """An observation that notes what it is asked and takes a given time for each answer."""

    def __init__(self, seconds: float = 0.0):
        self.seconds, self.asked, self.allowed = seconds, [], []

    def ask(self, request: dict[str, Any], seconds: float) -> Any:
        self.asked.append(request)
        self.allowed.append(seconds)
        time.sleep(self.seconds)
        if request.get("name") == "bad":
            raise StudentError("ValueError: no", ("ValueError",), "no")
        return [len(self.asked)]


def handle(observation: Scripted, case_seconds: float = 10.0) -> tuple[Handle, list[int]]:
    started: list[int] = []

    def start() -> Any:
        started.append(1)
        return observation

    return Handle("student", start, 5.0, case_seconds), started


def test_an_observer_is_started_and_imports_at_the_first_call_only():
    scripted = Scripted()
    student, started = handle(scripted)
    probe = student.softmax
    assert (started, scripted.asked) == ([], [])
    assert probe([1.0], dim=-1) == [2]
    assert student.other() == [3]
    assert started == [1]
    assert scripted.asked == [
        {"do": "import"},
        {"do": "call", "name": "softmax", "args": [[1.0]], "kwargs": {"dim": -1}},
        {"do": "call", "name": "other", "args": [], "kwargs": {}},
    ]


def test_all_calls_of_a_case_share_one_deadline():
    scripted = Scripted(0.02)
    student, _ = handle(scripted, 1.0)
    student.f()
    with pytest.raises(StudentError):
        student.bad()
    student.f()
    assert scripted.allowed[:2] == [5.0, 1.0]
    assert scripted.allowed[2] < 0.985
    assert scripted.allowed[3] < 0.965


def test_every_call_is_remembered_with_its_result_even_when_it_raises():
    student, _ = handle(Scripted())
    with recording_calls() as calls:
        result = student.f(1, np.zeros((9, 9)), k="v")
        with pytest.raises(StudentError):
            student.bad()
    assert calls[1].result is result
    assert calls[1].text == "student.f(1, array of shape (9, 9), float64, k='v')"
    assert (calls[-1].text, calls[-1].result) == ("student.bad()", None)


@pytest.mark.parametrize("name", ["_private", "__array__", "__len__", "__deepcopy__"])
def test_names_with_an_underscore_are_no_probes(name):
    scripted = Scripted()
    student, _ = handle(scripted)
    with pytest.raises(AttributeError):
        getattr(student, name)
    assert scripted.asked == []


# CPU time.

BUSY = "import time\nend = time.thread_time() + x\nwhile time.thread_time() < end: pass\nreturn 0"
LYING = "import time\ntime.process_time = lambda: 0.0\ntime.clock_gettime = lambda clock: 0.0\n" + BUSY
THREADS = """
import threading, time
def work():
    end = time.thread_time() + x / 2
    while time.thread_time() < end: pass
workers = [threading.Thread(target=work) for _ in range(2)]
[w.start() for w in workers]; [w.join() for w in workers]
return 0"""


@pytest.mark.skipif(sys.platform != "linux", reason="there is no clock of another process")
@pytest.mark.parametrize(
    ("body", "least", "most"),
    [(BUSY, 0.1, 0.2), (LYING, 0.1, 0.2), (THREADS, 0.1, 0.2), ("import time\ntime.sleep(x)\nreturn 0", 0.0, 0.05)],
    ids=["busy", "lying", "threads that ended", "asleep"],
)
def test_cpu_time_is_read_from_outside_and_counts_all_threads_and_no_sleep(body, least, most, lab):
    with lab.observe(double=body) as observer:
        student = Handle("student", lambda: observer, 5.0, 10.0)
        student.double(0.0)
        assert least <= student.double.cpu_seconds(0.1) <= most


class Clocked(Scripted):
    """An observation whose calls of `f` take the CPU seconds of a list, one after the other (the last for ever)."""

    def __init__(self, *costs: float):
        super().__init__()
        self.costs, self.clock = list(costs), 0.0

    def ask(self, request: dict[str, Any], seconds: float) -> Any:
        if request["do"] == "call":
            self.clock += self.costs.pop(0) if len(self.costs) > 1 else self.costs[0]
        return super().ask(request, seconds)

    def cpu_clock(self) -> float:
        return self.clock


def ratio_of(ours: Clocked, theirs: Clocked, at_most: float) -> list[tuple[int]]:
    """Runs expect.cpu_ratio and returns what was drawn."""
    drawn: list[tuple[int]] = []

    def draw() -> tuple[int]:
        drawn.append((len(drawn),))
        return drawn[-1]

    student, reference = (Handle(n, lambda o=o: o, 5.0, 10.0) for n, o in (("student", ours), ("reference", theirs)))
    expect.cpu_ratio(student.f, reference.f, draw, at_most)
    return drawn


def test_a_ratio_is_the_median_over_blocks_with_fresh_inputs_and_a_first_call_that_does_not_count():
    ours, theirs = Clocked(99.0, 2.0, 2.0, 50.0, 2.0), Clocked(1.0)
    assert ratio_of(ours, theirs, at_most=2.5) == [(n,) for n in range(8)]
    arguments = [request["args"] for request in ours.asked if request["do"] == "call"]
    assert arguments == [[n] for n in range(8)]
    assert arguments == [request["args"] for request in theirs.asked if request["do"] == "call"]


def test_noise_in_the_first_blocks_is_outvoted_by_more_blocks():
    noisy = Clocked(1.0, *[9.0] * 6, 1.0)
    assert len(ratio_of(noisy, Clocked(1.0), at_most=1.5)) == 15


def test_a_slow_program_fails_after_all_blocks_and_one_lucky_block_does_not_help_it():
    for costs in ((3.0,), (1.0, 0.1, 3.0), (1.0, *[3.0] * 7, 0.1, 3.0)):
        with pytest.raises(Mismatch, match="at most 2 times the reference's CPU time\ncame:     more, in 21 meas"):
            ratio_of(Clocked(*costs), Clocked(1.0), at_most=2)


# The zygote.


@pytest.fixture(scope="module")
def own_zygote() -> Iterator[Zygote]:
    with Zygote() as zygote:
        yield zygote


def test_a_killed_zygote_is_a_grader_error_and_a_restart_makes_it_good(own_zygote):
    layers = own_zygote.layers
    first = own_zygote.process.pid
    own_zygote.process.kill()
    with pytest.raises(GraderError, match=r"the fork server (is gone|ended)"):
        own_zygote.finish(1)
    assert own_zygote.process.poll() == -signal.SIGKILL
    own_zygote.restart()
    assert own_zygote.process.pid != first
    assert own_zygote.process.poll() is None
    assert own_zygote.layers == layers


def test_a_zygote_ends_when_its_judge_hangs_up(own_zygote):
    own_zygote.control.close()
    assert own_zygote.process.wait(timeout=10) == 0


def test_a_zygote_s_last_words_are_in_the_error(own_zygote):
    own_zygote.restart()
    with pytest.raises(GraderError, match=r"(?s)ended \(status 1\).*KeyError"):
        own_zygote.finish(123456)


def wait_until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_observer_dies_with_its_zygote(lab, grader):
    with lab.observe(double="return 1") as observer:
        pid = observer.pid
        grader.bench.zygote.process.kill()
        try:
            wait_until(lambda: not alive(pid))
            with pytest.raises((ObserverLost, GraderError)):
                observer.ask(call("double", 1), 5)
            with pytest.raises(GraderError):
                observer.close()
            observer.close = lambda: None
        finally:
            grader.bench.restart()


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
