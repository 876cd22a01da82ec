"""Judging: every way in which a case can end is reached and right, no case touches another, our faults are ours."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder import compose
from autograder.grade import Grader
from autograder.judge.cases import CaseResult, Status, Verdict
from autograder.judge.run import Watcher, judge
from autograder.judge.testfiles import TestFile, load_test_files
from autograder.tests import minicourse

TENSOR = "tinytorch/core/tensor.py"
HEAD = '''"""Cases."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "{name}"
title = "{name}"
points = None
'''
CANARY = 31337.25


def case(body: str, identity: str = "one", parameters: str = "student, rng", **options: object) -> str:
    """The text of one case; `options` are those of the decorator."""
    given = {"name": identity.replace("_", " "), "points": 1, **options}
    words = ", ".join(f"{key}={value!r}" for key, value in given.items())
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    return f"\n\n@test_case({words})\ndef {identity}({parameters}):\n{lines}\n"


DOUBLES = case("x = rng.integers(1, 100, size=3)\nexpect.equal(student.double(x), 2 * x)", "doubles")
HIDDEN = case(
    f"x = rng.normal(size=3)\nx[0] = {CANARY}\nexpect.close(student.double(x), 2 * x)", "hidden_doubles", hidden=True,
    failure_message="Look closer.",
)  # fmt: skip


class Court:
    """Judges a submission with cases written in the test."""

    def __init__(self, grader: Grader, folder: Path):
        self.bench, self.folder, self.count = grader.bench, folder, 0

    def load(self, *texts: str, **named: str) -> tuple[TestFile, ...]:
        """Test files with these cases: one file called `cases`, or the named ones."""
        self.count += 1
        place = self.folder / f"tests{self.count}"
        place.mkdir()
        for name, text in (named or {"cases": "".join(texts)}).items():
            (place / f"test_{name}.py").write_text(HEAD.format(name=name) + text, encoding="utf-8")
        return load_test_files(place)

    def judge(
        self, files: tuple[TestFile, ...], watcher: Watcher | None = None, digest: str = "digest", seed: int = 0,
        **parts: str
    ) -> Verdict:  # fmt: skip
        source = self.folder / "tensor.py"
        source.write_text(minicourse.numbers(**parts), encoding="utf-8")
        composition = self.bench.compose_student({TENSOR: source}, {})
        try:
            return judge(self.bench, files, composition, digest, seed, watcher)
        finally:
            compose.discard(composition.path)

    def one(self, text: str, **parts: str) -> CaseResult:
        (found,) = self.judge(self.load(text), **parts).cases
        return found


@pytest.fixture
def court(grader: Grader, tmp_path: Path) -> Iterator[Court]:
    before = grader.bench.limits
    yield Court(grader, tmp_path)
    grader.bench.limits = before


def limit(court: Court, **limits: float) -> None:
    court.bench.limits = court.bench.limits.model_copy(update=limits)


def statuses(verdict: Verdict) -> list[str]:
    return [found.status.name for found in verdict.cases]


# Every ending.


def test_a_right_answer_passes_and_earns_the_points(court):
    found = court.one(
        case("x = rng.normal(size=3)\nexpect.close(student.double(x), 2 * x)", points=2.5, success_message="Well done.")
    )
    assert (found.status, found.earned, found.message, found.detail) == (Status.PASSED, 2.5, "Well done.", "")
    assert found.memory_kb > 10_000
    assert found.cpu_seconds > 0


def test_a_wrong_answer_fails_with_what_was_asked_expected_and_came(court):
    found = court.one(
        case("expect.equal(student.double([1, 2]), [2, 4])", failure_message="Twice!"), double="return [2, 3]"
    )
    assert (found.status, found.earned) == (Status.FAILED, 0)
    assert found.message == "asked:    student.double([1, 2])\nexpected: [2, 4]\ncame:     [2, 3]\nTwice!"


def test_an_exception_is_an_error_with_its_text_its_place_and_the_line_of_source(court):
    found = court.one(DOUBLES, double="wrong = x\nreturn wrong + no_such_name")
    assert (found.status, found.unwritten) == (Status.ERROR, False)
    asked, expected, came, at, line = found.message.splitlines()
    assert asked.startswith("asked:    student.double([")
    assert expected == "expected: an answer"
    assert came == "came:     your code raised NameError: name 'no_such_name' is not defined"
    assert at == f"at:       {TENSOR}:6 in double"
    assert line.strip() == "return wrong + no_such_name"


def test_a_blank_is_an_error_that_says_so(court):
    found = court.one(DOUBLES, double="raise NotImplementedError('a01_numbers: double is yours to write')")
    assert (found.status, found.unwritten) == (Status.ERROR, True)
    asked, expected, came, at = found.message.splitlines()
    assert asked.startswith("asked:    student.double([")
    assert (expected, came) == (
        "expected: an answer", "came:     not written yet: a01_numbers: double is yours to write"
    )  # fmt: skip
    assert at == f"at:       {TENSOR}:5 in double"


def test_a_call_that_does_not_end_is_timed_out_after_the_case_s_seconds(court):
    limit(court, case_seconds=0.4)
    found = court.one(DOUBLES, double="while True: pass")
    assert found.status is Status.TIMED_OUT
    assert found.message.splitlines()[2] == "came:     no answer within 0.4 s"
    assert 0.4 <= found.seconds < 2


def test_many_quick_calls_share_the_case_s_seconds(court):
    limit(court, case_seconds=0.4)
    body = "for _ in range(100):\n    expect.equal(student.double(1), 2)"
    found = court.one(case(body), top="import time", double="time.sleep(0.05)\nreturn 2")
    assert found.status is Status.TIMED_OUT
    assert found.seconds < 2


CRASHES = {
    "os._exit": ("import os; os._exit(0)", "it stopped without an answer (os._exit, a crash, or too much memory)"),
    "segfault": ("import os; os.kill(os.getpid(), 11)", "it was ended by SIGSEGV"),
    "abort": ("import os; os.abort()", "it was ended by SIGABRT"),
    "closed pipes": ("import os; os.closerange(3, 99)", "it stopped without an answer"),
    "too long an answer": ("return np.zeros(2_000_000)", "the answer was not readable: blobs beyond the cap"),
}


@pytest.mark.parametrize("kind", CRASHES)
def test_a_process_that_ends_is_a_crash_with_its_cause(kind, court):
    body, words = CRASHES[kind]
    found = court.one(DOUBLES, double=body)
    assert found.status is Status.CRASHED
    assert found.message.splitlines()[2].startswith(f"came:     the process ended: {words}")


def test_too_much_memory_is_the_program_s_own_error(court):
    found = court.one(DOUBLES, double="return np.ones(2 ** 28)")
    assert found.status is Status.ERROR
    assert "MemoryError" in found.message


@pytest.mark.parametrize(
    "body", ["import os; os._exit(0)", "raise ValueError('(3,) no')", "raise ZeroDivisionError", "return 1"]
)
@pytest.mark.parametrize("asked", ["Exception", "ValueError"])
def test_an_expected_error_is_the_error_itself_never_a_death(body, asked, court):
    found = court.one(case(f"expect.raises({asked}, student.double, 3, mentions=['no'])"), double=body)
    wanted = {"import os": Status.CRASHED, "raise Val": Status.PASSED}.get(body[:9], Status.FAILED)
    assert found.status is wanted


def test_a_time_out_while_an_error_is_expected_is_a_time_out(court):
    limit(court, case_seconds=0.3)
    assert (
        court.one(case("expect.raises(Exception, student.double, 3)"), double="while True: pass").status
        is Status.TIMED_OUT
    )


# A fault of ours.

OURS = {
    "an answer used unseen": ("expect.close(student.double(1)['x'], 2)", "the test itself raised IndexError"),
    "a ValueError in the test": ("expect.equal(student.double(1), 2)\nint('x')", "the test itself raised ValueError"),
    "a condition that is none": (
        "expect.true(student.double(1), 'x')",
        "the test itself raised TypeError: expect.true needs a bool",
    ),
    "an input that cannot travel": (
        "expect.equal(student.double({1}), 2)",
        "the test itself raised WireError: the value['args'][0] is a set",
    ),
    "an input that cannot travel, in raises": (
        "expect.raises(Exception, student.double, {1})",
        "the test itself raised WireError",
    ),
}


@pytest.mark.parametrize("kind", OURS)
def test_a_test_that_is_wrong_itself_is_a_grader_error_and_no_zero(kind, court):
    body, detail = OURS[kind]
    verdict = court.judge(court.load(case(body), DOUBLES))
    assert statuses(verdict) == ["GRADER_ERROR", "PASSED"]
    assert verdict.cases[0].detail.startswith(detail)
    assert (
        verdict.cases[0].message
        == "The grader failed here, not your program. A person has been asked to look; you lose nothing by it."
    )
    assert verdict.grader_errors == verdict.cases[:1]


REFERENCE = "x = rng.normal(size=3)\nexpect.close(student.mean(x), reference.mean(x))"


def test_a_reference_that_fails_is_a_grader_error_whatever_the_student_did(court, tmp_path, monkeypatch):
    text = case(REFERENCE, parameters="student, reference, rng", hidden=True)
    assert court.one(text).status is Status.PASSED
    assert court.one(text, mean="return 7.0").status is Status.FAILED
    assert court.one(text, mean="1 / 0").status is Status.ERROR
    for number, body in enumerate(("1 / 0", "import os; os._exit(0)", "return {1}")):
        broken = tmp_path / "broken.py"
        broken.write_text(minicourse.numbers(mean=body))
        monkeypatch.setitem(vars(court.bench), "reference", compose.compose(
            court.bench.course, [compose.Layer("a01_numbers", "reference", {TENSOR: broken})],
            court.bench.root / f"broken{number}"
        ))  # fmt: skip
        found = court.one(text)
        assert found.status is Status.GRADER_ERROR
        assert found.detail.startswith("the reference did not answer mean: ")


def test_the_reference_is_another_process_than_the_student_s(court):
    body = "a, b = student.double(0), reference.double(0)\nexpect.equal([a, b], ['mine', 0])"
    found = court.one(case(body, parameters="student, reference", hidden=True), double="return 'mine'")
    assert found.status is Status.PASSED, found.detail


# Import.


def test_a_module_that_raises_at_import_skips_every_case_and_says_why_once(court):
    verdict = court.judge(court.load(DOUBLES, HIDDEN), top="import math\nmath.sqrt(-1)")
    assert statuses(verdict) == ["SKIPPED", "SKIPPED"]
    assert verdict.notes == (
        f"importing your module raised ValueError: math domain error\n"
        f"at:       {TENSOR}:4 in <module>\n          math.sqrt(-1)",
    )
    assert {found.message for found in verdict.cases} == {"the module cannot be imported, so this was not tried"}
    assert verdict.earned == 0


@pytest.mark.parametrize(
    ("top", "words"),
    [
        ("while True: pass", "importing your module did not end within 0.4 s"),
        ("import os\nos._exit(0)", "importing your module ended the process: it stopped without an answer"),
        ("raise SystemExit", "importing your module raised SystemExit"),
        (
            "import tinytorch.core.activations",
            "importing your module raised ImportError: tinytorch.core.activations is absent",
        ),
    ],
)
def test_an_import_that_ends_badly_is_told_in_a_note(top, words, court):
    limit(court, import_seconds=0.4)
    verdict = court.judge(court.load(DOUBLES), top=top)
    assert statuses(verdict) == ["SKIPPED"]
    assert verdict.notes[0].startswith(words)


# Order and independence.


def test_all_public_cases_end_before_the_first_hidden_one_and_the_verdict_keeps_the_files_order(court):
    public = "expect.equal(student.double(1), 2)"
    files = court.load(
        first=case(public, "secret_a", hidden=True) + case(public, "open_a"),
        second=case(public, "open_b") + case(public, "secret_b", hidden=True) + case(public, "open_c"),
    )
    started: list[str] = []
    ended: list[str] = []
    verdict = court.judge(files, Watcher(started=lambda c: started.append(c.id), finished=lambda r: ended.append(r.id)))
    assert started == ended == ["open_a", "open_b", "open_c", "secret_a", "secret_b"]
    assert [(found.number, found.id) for found in verdict.cases] == [
        ("1.1", "secret_a"), ("1.2", "open_a"), ("2.1", "open_b"), ("2.2", "secret_b"), ("2.3", "open_c"),
    ]  # fmt: skip


def test_the_verdict_so_far_is_told_after_each_file(court):
    public = "expect.equal(student.double(1), 2)"
    files = court.load(first=case(public, "a") + case(public, "b"), second=case(public, "c"), third=case(public, "d"))
    seen: list[list[str]] = []
    verdict = court.judge(files, Watcher(progress=lambda v: seen.append(statuses(v))))
    assert seen == [["PASSED", "PASSED", "SKIPPED", "SKIPPED"], ["PASSED", "PASSED", "PASSED", "SKIPPED"]]
    assert statuses(verdict) == ["PASSED"] * 4


def test_a_module_s_state_does_not_carry_over_from_case_to_case(court):
    body = "expect.equal(student.double(0), 1)\nexpect.equal(student.double(0), 2)"
    files = court.load(case(body, "a"), case(body, "b"), case(body, "c", hidden=True))
    note = "open('note', 'a').write('x')\nimport os\n"
    verdict = court.judge(
        files, top="calls = []", double=note + "calls.append(x)\nreturn max(len(calls), os.path.getsize('note') - 99)"
    )
    assert statuses(verdict) == ["PASSED"] * 3, [found.detail for found in verdict.cases]


def test_only_wanted_cases_are_judged_and_the_first_failure_may_be_the_last(court):
    files = court.load(*(case("expect.equal(student.double(1), 2)", name) for name in "abcd"))
    verdict = court.judge(files, Watcher(wanted=lambda c: c.id in "bd"))
    assert statuses(verdict) == ["SKIPPED", "PASSED", "SKIPPED", "PASSED"]
    verdict = court.judge(files, Watcher(stop_at_failure=True), double="return 3")
    assert statuses(verdict) == ["FAILED", "SKIPPED", "SKIPPED", "SKIPPED"]


# Seeds.


def test_inputs_repeat_for_the_same_code_and_seed_and_differ_between_cases_submissions_and_seeds(court):
    body = "expect.equal(student.double(rng.integers(0, 1000, size=4)), 'never')"
    files = court.load(one=case(body, "a") + case(body, "b"), two=case(body, "a", name="a of two"))

    def asked(**how: object) -> list[str]:
        verdict = court.judge(files, **how)
        return [found.message.splitlines()[0] for found in verdict.cases]

    first = asked()
    assert len(set(first)) == 3
    assert asked() == first
    assert not set(asked(digest="another")) & set(first)
    assert not set(asked(seed=1)) & set(first)


def test_the_recorded_seed_is_a_whole_number_that_json_and_numpy_keep(court):
    seeds = [found.seed for found in court.judge(court.load(DOUBLES, HIDDEN)).cases]
    assert len(set(seeds)) == 2
    assert all(0 <= seed < 2**56 for seed in seeds)


# The whole submission's deadline.


def test_cases_after_the_submission_s_deadline_are_skipped_and_say_so(court):
    limit(court, submission_seconds=1.5)
    files = court.load(*(case("expect.equal(student.double(1), 2)", name) for name in "abc"))
    verdict = court.judge(files, top="import time", double="time.sleep(0.9)\nreturn 2")
    assert statuses(verdict)[0] == "PASSED"
    assert statuses(verdict)[-1] == "SKIPPED"
    assert verdict.cases[-1].message == "not run: the 1.5 s for the whole submission were used up before it"


def test_a_case_gets_no_more_time_than_the_submission_has_left(court):
    limit(court, submission_seconds=0.6, case_seconds=30)
    started = time.monotonic()
    verdict = court.judge(court.load(DOUBLES), double="while True: pass")
    assert statuses(verdict) == ["TIMED_OUT"]
    assert time.monotonic() - started < 3


# Deaths on our side.


@pytest.mark.parametrize("moment", ["before the second case", "inside the second case"])
def test_a_killed_zygote_costs_no_points(moment, court):
    files = court.load(
        *(case("x = int(rng.integers(1, 9))\nexpect.equal(student.double(x), 2 * x)", name) for name in "abc")
    )
    killer: list[threading.Timer] = []

    def kill(started: object) -> None:
        if getattr(started, "id", "") == "b" and not killer:
            delay = 0.0 if moment.startswith("before") else 0.15
            victim = court.bench.zygote.process.pid
            killer.append(threading.Timer(delay, os.kill, (victim, signal.SIGKILL)))
            killer[0].start()
            if not delay:
                killer[0].join()

    verdict = court.judge(files, Watcher(started=kill), top="import time", double="time.sleep(0.3)\nreturn x * 2")
    assert statuses(verdict) == ["PASSED"] * 3, [found.detail for found in verdict.cases]
    assert killer


def test_a_zygote_that_died_before_the_submission_is_replaced(court):
    court.bench.zygote.process.kill()
    assert statuses(court.judge(court.load(DOUBLES))) == ["PASSED"]


# What a student reads.


def test_a_hidden_case_shows_its_hint_and_nothing_of_its_data(court):
    wrong = {
        "FAILED": "return x", "ERROR": "raise ValueError(str(x))", "TIMED_OUT": "print(x)\nwhile True: pass",
        "CRASHED": "print(x, flush=True)\nimport os; os._exit(0)",
    }  # fmt: skip
    says = {
        "FAILED": "Look closer.", "ERROR": "your code raised an exception\nLook closer.",
        "TIMED_OUT": "your code took too long\nLook closer.", "CRASHED": "your code ended the process\nLook closer.",
    }  # fmt: skip
    limit(court, case_seconds=0.3)
    files = court.load(HIDDEN)
    for status, body in wrong.items():
        (found,) = court.judge(files, double=body).cases
        assert (found.status.name, found.message) == (status, says[status])
        assert str(CANARY)[:5] in found.detail + found.printed
    (found,) = court.judge(files, double="raise NotImplementedError(x)").cases
    assert found.message == "a function that this needs is not written yet"


def test_a_hidden_case_without_a_hint_says_nothing_but_how_it_ended(court):
    text = case(f"expect.equal(student.double({CANARY}), 2)", hidden=True)
    assert court.one(text).message == ""
    assert court.one(text, double="1 / 0").message == "your code raised an exception"


def test_what_a_program_printed_is_shown_for_public_cases_without_control_characters(court):
    verdict = court.judge(court.load(DOUBLES, HIDDEN), double="print('\\x1b[31mred', '[bold]x')\nreturn x")
    public, hidden = verdict.cases
    assert public.message.endswith("\nyour program printed:\n\N{REPLACEMENT CHARACTER}[31mred [bold]x\n")
    assert hidden.message == "Look closer."
    passed = court.one(DOUBLES, double="print('chatter')\nreturn x * 2")
    assert (passed.status, passed.message) == (Status.PASSED, "")


def test_an_exception_s_text_is_cut_and_printable(court):
    found = court.one(DOUBLES, double="raise ValueError('\\x1b[2J' + 'y' * 10 ** 6)")
    assert found.message.count("y") <= 600
    assert "\x1b" not in found.message + found.detail


def test_a_forged_place_reads_no_other_file_of_this_machine(court):
    secret = "code = compile('\\n' * 8 + 'raise ValueError', '{path}', 'exec')\nexec(code)"
    for path in (
        TENSOR + "/../../composition.json",
        "/etc/passwd",
        "tinytorch/composition.json",
        "tinytorch/../probes.py",
    ):
        body = secret.format(path=path)
        found = court.one(DOUBLES, double=body)
        assert found.status is Status.ERROR
        shown = found.message.splitlines()[4:]
        assert {line.strip() for line in shown} <= set(body.splitlines())
