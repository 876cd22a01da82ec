"""Milestones: whose layers take part and why, what a run ends as, and that labels stay with the judge.

On a miniature course (see `stage`), and on the real `perceptron` and `xor` at the end.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder import build, milestone, picture
from autograder.course import Course, load_course
from autograder.errors import GraderError, UserError
from autograder.judge.cases import Status
from autograder.milestone import Choice, Follower, Outcome, Runner
from autograder.observe import wire
from autograder.observe.client import Observation, ObserverTimeout
from autograder.tests import stage
from autograder.tests.stage import EXTRA, NUMBERS, SONGS, WORDS, numbers, songs, words, zipped

A01, A02, A03 = "a01_numbers", "a02_words", "a03_songs"
Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    made = stage.write(tmp_path_factory.mktemp("stage") / "course")
    build.build(made, [A02])
    return made


@pytest.fixture(scope="module")
def choir(course: Course) -> Iterator[Runner]:
    with Runner(course, course.milestone("choir")) as made:
        yield made


@pytest.fixture(scope="module")
def hurried(course: Course) -> Iterator[Runner]:
    with Runner(course, course.milestone("hurried")) as made:
        yield made


class Told:
    """A follower that remembers."""

    def __init__(self) -> None:
        self.said, self.exchanged = bytearray(), []
        self.follower = Follower(self.said.extend, self.exchanged.append)

    @property
    def printed(self) -> str:
        return self.said.decode()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def perform(choir: Runner, tmp_path: Path, told: Told) -> Run:
    """Runs the choir on zips with these files each, called first.zip, second.zip, ..."""

    def run(*zips: dict[str, str | bytes], runner: Runner = choir) -> Outcome:
        names = ("first", "second", "third", "fourth")
        paths = [zipped(tmp_path / f"{name}.zip", files) for name, files in zip(names, zips, strict=False)]
        return runner.run(paths, follower=told.follower)

    return run


def origins(outcome: Outcome) -> dict[str, str]:
    return {choice.assignment: choice.origin for choice in outcome.choices}


def reason(outcome: Outcome, key: str = A02) -> str:
    (found,) = [choice.reason for choice in outcome.choices if choice.assignment == key]
    return found


def statuses(outcome: Outcome) -> set[Status]:
    return {case.status for case in outcome.verdict.cases}


OURS = {NUMBERS: numbers(), SONGS: songs()}


# Whose layers take part.


def test_without_submissions_it_runs_on_the_reference_and_says_nothing_of_missing_layers(choir, told):
    outcome = choir.run(follower=told.follower)
    assert outcome.reached
    assert outcome.choices == (Choice(A01, "reference"), Choice(A02, "reference"), Choice(A03, "reference"))
    assert told.printed == "the choir sings\n" * 2


def test_a_student_s_layers_all_take_part_and_what_they_print_is_shown(perform, told):
    outcome = perform({NUMBERS: numbers()}, {WORDS: words()}, {SONGS: songs()})
    assert outcome.reached
    sources = ("first.zip", "second.zip", "third.zip")
    assert outcome.choices == tuple(
        Choice(key, "student", source) for key, source in zip((A01, A02, A03), sources, strict=True)
    )
    assert {f"{name} of ann" for name in ("double", "shout", "sing")} | {"the choir sings"} == set(
        told.printed.splitlines()
    )


BAD: dict[str, tuple[str | bytes | None, str]] = {
    "is not there": (None, "not among the submissions"),
    "has a syntax error": ("def shout(:\n", "second.zip: tinytorch/core/activations.py:1: Python cannot read this"),
    "imports a ready-made framework": (words(top="import torch"), f"second.zip: {WORDS}:2: 'torch' already does"),
    "imports a later assignment": (words(top="import tinytorch.core.layers"), f"{WORDS}:2: 'tinytorch.core.layers' belongs to {A03}"),
    "is saved as UTF-16": (words().encode("utf-16"), f"second.zip: {WORDS} is saved as UTF-16; save it as UTF-8"),
    "is empty": ("\n", f"second.zip: {WORDS} is empty"),
    "is the untouched stub": ("", f"second.zip: {WORDS}:8: shout is not written yet"),
    "raises while it is imported": (words(top="raise ValueError('at home\\nit \\x1b[31mworked')"),
        f"second.zip: it does not import: ValueError: at home it \\x1b[31mworked ({WORDS}:2 in <module>)"),
    "leaves while it is imported": (words(top="import sys; sys.exit()"), "it does not import: SystemExit"),
    "ends the process while it is imported": (words(top="import os; os._exit(0)"),
        "second.zip: it does not import: the process ended without an answer"),
    "lacks what the next assignment imports": ("def whisper(n):\n    return ''\n",
        "second.zip: it does not import: ImportError: cannot import name 'shout'"),
    "raises when it is used": (words("return 1 / 0"),
        "second.zip: it raised while the milestone ran: your code raised ZeroDivisionError: division by zero at: "
        f"{WORDS}:6 in shout return 1 / 0"),
    "leaves when it is used": (words("raise SystemExit"), "your code raised SystemExit"),
    "is not written, without saying so": (words("raise NotImplementedError('later')"), "not written yet: later"),
    "takes more memory than the milestone gives": (words("import numpy; return '!' * len(numpy.ones(32 << 20))"),
        "it raised while the milestone ran: your code raised "),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_layer_that_cannot_take_part_is_replaced_by_the_reference_and_named(kind, course, perform, told):
    source, why = BAD[kind]
    if source == "":
        source = (course.stub(A02) / WORDS).read_text()
    outcome = perform(OURS, {WORDS: source}) if source is not None else perform(OURS)
    assert why in reason(outcome)
    assert reason(outcome).isprintable()
    assert origins(outcome) == {A01: "student", A02: "reference", A03: "student"}
    assert outcome.reached
    assert "double of ann" in told.printed and "sing of ann" in told.printed
    raised = "while the milestone ran" in reason(outcome)
    assert [choice.assignment for choice in told.exchanged] == ([A02] if raised else [])


def test_a_layer_whose_import_never_ends_is_replaced_after_the_milestone_s_own_seconds(perform, hurried):
    started = time.monotonic()
    outcome = perform(OURS, {WORDS: words(top="while True: pass")}, runner=hurried)
    assert reason(outcome) == "second.zip: it does not import: no end within 1.5 s"
    assert outcome.reached
    assert time.monotonic() - started < 10


STAYS = {
    "answers wrongly": (words("return '?'"), Status.FAILED, "expected: ['"),
    "ends the process": (words("import os; os._exit(0)"), Status.CRASHED, "the process ended"),
    "makes another layer raise": (words("return None", top="def shut(n): pass"), Status.FAILED, "None None"),
}


@pytest.mark.parametrize("kind", STAYS)
def test_a_wrong_layer_that_does_not_raise_stays_and_the_milestone_is_not_reached(kind, perform, told):
    source, status, told_by_the_judge = STAYS[kind]
    outcome = perform({WORDS: source})
    assert origins(outcome) == {A01: "reference", A02: "student", A03: "reference"}
    assert (outcome.reached, outcome.needs_a_person, statuses(outcome)) == (False, False, {status})
    assert told_by_the_judge in outcome.verdict.cases[0].message
    assert told.exchanged == []


def test_a_layer_that_never_ends_stays_and_is_timed_out_by_the_milestone_s_own_seconds(perform, hurried):
    outcome = perform({WORDS: words("while True: pass")}, runner=hurried)
    assert origins(outcome)[A02] == "student"
    assert (outcome.reached, outcome.needs_a_person, statuses(outcome)) == (False, False, {Status.TIMED_OUT})
    assert "no answer within 1.5 s" in outcome.verdict.cases[0].message


def test_a_milestone_may_give_more_memory_than_the_course(perform, hurried):
    wasteful = words("import numpy; numpy.zeros(100 << 20); return '!' * double(n)")  # 800 MiB; the course gives 512
    outcome = perform({WORDS: wasteful}, runner=hurried)
    assert (outcome.reached, origins(outcome)[A02]) == (True, "student")


def test_an_exception_in_the_reference_is_no_reason_to_exchange_the_layer_that_caused_it(perform):
    outcome = perform({NUMBERS: numbers("return 'two'")})
    assert origins(outcome) == {A01: "student", A02: "reference", A03: "reference"}
    assert statuses(outcome) == {Status.ERROR}
    assert f"at:       {WORDS}:" in outcome.verdict.cases[0].message


def test_a_place_that_is_only_in_the_text_of_an_exception_blames_nobody_else(perform):
    lie = f"raise ValueError('x\\nat:       {SONGS}:3 in sing\\n')"
    outcome = perform({NUMBERS: numbers(lie), WORDS: words(), SONGS: songs()})
    assert origins(outcome) == {A01: "reference", A02: "student", A03: "student"}
    assert outcome.reached


def test_several_layers_that_raise_are_replaced_one_after_the_other(perform, told):
    outcome = perform({NUMBERS: numbers(), WORDS: words("return 1 / 0"), SONGS: songs("shout(n); return [][0]")})
    assert origins(outcome) == {A01: "student", A02: "reference", A03: "reference"}
    assert [choice.assignment for choice in told.exchanged] == [A02, A03]
    assert "ZeroDivisionError" in reason(outcome, A02)
    assert "IndexError" in reason(outcome, A03)
    assert outcome.reached


HELPED = songs("return f'{loud(n)} {loud(n)}'", top="from tinytorch.core.activations import loud")


def test_a_layer_may_use_what_only_the_student_s_other_layer_has(perform):
    outcome = perform({WORDS: words(top="def loud(n): return shout(n)"), SONGS: HELPED})
    assert origins(outcome) == {A01: "reference", A02: "student", A03: "student"}
    assert outcome.reached


def test_a_layer_that_needed_one_that_went_goes_too(perform, told):
    outcome = perform({WORDS: words("return 1 / 0", top="def loud(n): return shout(n)"), SONGS: HELPED})
    assert origins(outcome) == {A01: "reference", A02: "reference", A03: "reference"}
    assert [choice.assignment for choice in told.exchanged] == [A02, A03]
    assert "it does not import: ImportError: cannot import name 'loud'" in reason(outcome, A03)
    assert outcome.reached


def test_all_exchanges_together_get_the_time_of_one_submission(perform, choir, monkeypatch, told):
    slow = "import time; time.sleep(0.4); raise ValueError"
    short = choir.bench.limits.model_copy(update={"submission_seconds": 0.5})
    monkeypatch.setattr(choir.bench, "limits", short)
    outcome = perform({NUMBERS: numbers(slow), WORDS: words(slow), SONGS: songs(slow)})
    assert not outcome.reached
    assert outcome.verdict.cases[0].status is Status.ERROR
    assert len(told.exchanged) < 3 and "student" in origins(outcome).values()


# Several submissions.


def test_of_two_submissions_with_the_same_layer_the_later_counts(perform):
    right, wrong = {WORDS: words()}, {WORDS: words("return '?'")}
    for zips, reached in (((wrong, right), True), ((right, wrong), False)):
        outcome = perform(*zips)
        assert outcome.reached is reached
        assert outcome.choices[1] == Choice(A02, "student", "second.zip")


def test_an_earlier_layer_counts_where_the_later_cannot_and_the_later_is_named(perform):
    for bad in ("def shout(:\n", words(top="import no_such_module_at_all"), words(top="1 / 0")):
        outcome = perform({WORDS: words()}, {WORDS: bad})
        assert outcome.choices[1].source == "first.zip"
        assert outcome.choices[1].reason.startswith("second.zip: ")
        assert outcome.reached


def test_the_reasons_of_all_layers_passed_over_are_told_newest_first(perform):
    outcome = perform({WORDS: "def shout(:\n"}, {WORDS: words(top="1 / 0")})
    newest, oldest = reason(outcome).split("; ")
    assert newest.startswith("second.zip: it does not import: ZeroDivisionError")
    assert oldest.startswith(f"first.zip: {WORDS}:1: ")


def test_a_layer_of_an_assignment_that_is_not_needed_plays_no_part_and_stops_nothing(perform):
    outcome = perform({EXTRA: "x = 1\n"}, {WORDS: words(), EXTRA: "x = 1\n"})
    assert outcome.notes == (
        "first.zip: a04_extra plays no part in choir",
        "second.zip: a04_extra plays no part in choir",
    )
    assert (outcome.reached, origins(outcome)[A02]) == (True, "student")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"hello", "first.zip is not a zip file"),
        (b"", r"first.zip is empty \(0 bytes\)"),
        ({"notes.txt": "x"}, f"first.zip holds no layer that choir runs on; it runs on {A01}, {A02}, {A03}"),
    ],
)
def test_a_submission_of_nothing_is_an_error_that_says_why(choir, tmp_path, content, why):
    path = tmp_path / "first.zip"
    path.write_bytes(content) if isinstance(content, bytes) else zipped(path, content)
    with pytest.raises(UserError, match=why):
        choir.run([path])


def test_two_files_that_could_be_the_layer_are_told_and_the_other_layers_run(perform):
    outcome = perform({NUMBERS: numbers(), f"a/{WORDS}": words(), f"b/{WORDS}": words()})
    assert origins(outcome) == {A01: "student", A02: "reference", A03: "reference"}
    assert f"2 files could be {WORDS}" in reason(outcome)


# Faults that are not the student's.


def test_an_observer_that_somebody_killed_costs_no_layer(perform, choir, monkeypatch):
    """The layer is looked at again, by lint and by the import."""
    real, killed = choir.bench.observe, {}

    def observe(composition: Any, role: str = "student") -> Observation:
        made = real(composition, role)
        if killed.setdefault(composition is None, made.pid) == made.pid:
            os.kill(made.pid, signal.SIGKILL)
        return made

    monkeypatch.setattr(choir.bench, "observe", observe)
    outcome = perform({WORDS: words()})
    assert killed.keys() == {True, False}
    assert (outcome.reached, origins(outcome)[A02]) == (True, "student")


def test_a_failure_of_the_grader_is_neither_reached_nor_the_student_s_fault(choir, monkeypatch):
    def observe(*_: Any) -> Observation:
        raise GraderError("no room")

    monkeypatch.setattr(choir.bench, "observe", observe)
    outcome = choir.run()
    assert (outcome.reached, outcome.needs_a_person, statuses(outcome)) == (False, True, {Status.GRADER_ERROR})


def test_a_milestone_that_is_not_written_says_what_is_missing(course):
    for name, why in (("later", "a04_extra is not written"), ("unjudged", "milestones/unjudged is not written")):
        with pytest.raises(UserError, match=f"milestone {name} cannot run yet: {why}"):
            Runner(course, course.milestone(name))
    assert [m.key for m in milestone.ready(course)] == ["choir", "hurried"]


def test_a_run_leaves_nothing_of_a_student_behind(perform, choir):
    before = sorted(choir.bench.root.iterdir())
    perform(
        {NUMBERS: numbers("open('note', 'w').write('x'); return 2 * x"), WORDS: words("return 1 / 0"), SONGS: songs()}
    )
    assert sorted(choir.bench.root.iterdir()) == before
    assert list(choir.bench.root.rglob("note")) == []


# What a program can learn.

SEARCH = """
import gc, os, sys
from pathlib import Path

def _texts():
    folder = Path(__file__).parents[2]
    places = [Path.cwd(), Path(os.environ["TMPDIR"]), folder, folder.parent, Path(SECRET), Path(SECRET).parents[1],
              Path(SECRET).parents[2] / "milestones", *(Path(p) for p in sys.path[:2])]
    for place in places:
        for path in [place, *place.rglob("*")] if place.exists() else [place]:
            try:
                yield str(path), path.open(errors="replace").read(1 << 20)
            except OSError:
                pass
    yield "the environment", repr(dict(os.environ)) + repr(sys.argv)
    for path in ("/proc/self/environ", "/proc/self/cmdline", f"/proc/{os.getppid()}/cmdline"):
        try:
            yield path, open(path).read()
        except OSError:
            pass
    yield "memory", "".join(repr(o) for o in gc.get_objects() if type(o) in (dict, list, tuple) and len(o) < 50)[:9000000]

def _found(backwards):
    wanted = "".join(reversed(backwards))
    return sorted(where for where, text in _texts() if wanted in text)
"""


def test_a_program_that_searches_everything_it_can_reach_finds_no_labels(course, perform, monkeypatch):
    """Its search is no blank: it finds the text in the program that it runs in."""
    sent: list[bytes] = []
    real = Observation.ask

    def ask(self: Observation, request: dict[str, Any], seconds: float) -> Any:
        sent.append(wire.encode(request))
        return real(self, request, seconds)

    monkeypatch.setattr(Observation, "ask", ask)
    secret = course.datasets / "secret" / "labels.txt"
    top = f"SECRET = {str(secret)!r}\n{SEARCH}"
    body = f"return repr([_found({stage.LABELS[::-1]!r}), _found({stage.CONTROL[::-1]!r})])"
    outcome = perform({SONGS: songs(body, top=top)})
    assert statuses(outcome) == {Status.FAILED}  # what was found is no song
    labels, control = eval(outcome.answers["perform"]["songs"][0])
    assert secret.read_text() == stage.LABELS
    assert labels == []
    assert any(place.endswith("tinytorch/milestones/choir.py") for place in control)
    assert b"perform" in b"".join(sent)
    assert stage.LABELS.encode() not in b"".join(sent)


# What is left of a run.


def test_the_result_says_whose_layers_it_ran_on_and_why(perform, tmp_path):
    outcome = perform({NUMBERS: numbers(), WORDS: words("return '?'"), SONGS: "def sing(:\n"}, {EXTRA: "x = 1\n"})
    written = milestone.write(outcome, tmp_path / "out", [tmp_path / "out" / "song.png"])
    found = json.loads(written.read_text())
    assert written == tmp_path / "out" / "result.json"
    assert (found["milestone"], found["reached"], found["needs_a_person"], found["seed"]) == ("choir", False, False, 0)
    assert [(layer["assignment"], layer["origin"], layer["source"]) for layer in found["layers"]] == [
        (A01, "student", "first.zip"), (A02, "student", "first.zip"), (A03, "reference", ""),
    ]  # fmt: skip
    assert found["layers"][2]["reason"].startswith(f"first.zip: {SONGS}:1: Python cannot read this")
    assert [(case["title"], case["status"]) for case in found["cases"]] == [
        ("sings what it is asked to", "failed"), ("nobody knows the labels", "failed"),
    ]  # fmt: skip
    assert "came:     ['? ?'" in found["cases"][0]["message"]
    assert found["notes"] == ["second.zip: a04_extra plays no part in choir"]
    assert found["pictures"] == ["song.png"]


def test_the_same_seed_gives_the_same_inputs_and_another_seed_others(choir):
    asked = [choir.run(seed=seed).answers for seed in (0, 0, 1, 2)]
    firsts = [case.seed for case in choir.run(seed=0).verdict.cases]
    assert asked[0] == asked[1]
    assert firsts != [case.seed for case in choir.run(seed=1).verdict.cases]


def with_extra(root: Path, extra: str, text: str = "") -> Course:
    """The course whose choir has an extra case; `text` is put in place of what the second case expects."""
    made = stage.write(root)
    tests = made.root / "milestones/choir/tests/test_choir.py"
    tests.write_text(tests.read_text().replace('["!! !!"]', text or '["!! !!"]'))
    file = made.root / "course.yaml"
    file.write_text(file.read_text().replace("must_reach: every song,", f"must_reach: every song, extra: [{extra}],"))
    return load_course(made.root)


@pytest.mark.parametrize(
    ("only", "text", "cases", "reached"),
    [
        ((), "", {"sings": "passed"}, True),
        (("sings",), "", {"sings": "passed"}, True),
        (("secret",), "", {"sings": "skipped", "secret": "passed"}, False),
        (("secret", "sings"), "", {"sings": "passed", "secret": "passed"}, True),
        (("secret", "sings"), '["?"]', {"sings": "passed", "secret": "failed"}, True),
    ],
)
def test_an_extra_case_runs_only_when_asked_for_and_nothing_hangs_on_it(tmp_path, only, text, cases, reached):
    made = with_extra(tmp_path / "course", "secret", text)
    with Runner(made, made.milestone("choir"), only=only) as runner:
        outcome = runner.run()
    assert {case.id: case.status.value for case in outcome.verdict.cases} == cases
    assert (outcome.reached, outcome.passed_what_ran) == (reached, only == ("secret",))


def test_an_extra_case_that_does_not_exist_is_told(tmp_path):
    made = with_extra(tmp_path / "course", "solo")
    with pytest.raises(UserError, match="course.yaml calls solo an extra case of choir, which has no such case"):
        Runner(made, made.milestone("choir"))


def test_pictures_are_drawn_of_the_last_answers(choir, course, tmp_path):
    drawn = milestone.draw(course, choir.run(), tmp_path / "new" / "out")
    assert drawn == picture.Drawn((tmp_path / "new/out/first.png", tmp_path / "new/out/all.png"))
    assert (tmp_path / "new/out/first.png").read_text() == "!! !!2 is absent"
    assert (tmp_path / "new/out/all.png").read_text() == "!! !!"


def test_answers_that_cannot_be_drawn_are_told_and_nothing_else_happens(perform, course, tmp_path):
    outcome = perform({SONGS: songs("return ['\\x1b[31m']")})
    drawn = milestone.draw(course, outcome, tmp_path)
    assert drawn == picture.Drawn((), "AttributeError: 'list' object has no attribute 'upper'")
    nothing = Outcome("choir", (), outcome.verdict, {})
    assert milestone.draw(course, nothing, tmp_path) == picture.Drawn()


def test_a_picture_that_never_gets_done_is_given_up_and_the_finished_ones_are_kept(tmp_path):
    script = tmp_path / "picture.py"
    text = stage.PICTURE.replace("from tinytorch import _names", "").replace(" + str(_names.absent(2))", "")
    script.write_text(text.replace('    save("all"', '    print("no path")\n    while True: pass\n    save("all"'))
    drawn = picture.draw(script, {"perform": {"songs": ["a"]}}, tmp_path, seconds=3)
    assert drawn == picture.Drawn((tmp_path / "first.png",), "drawing took longer than 3 s")


# The real course.


@pytest.fixture(scope="module")
def real() -> Course:
    return load_course(Path(__file__).parents[2])


@pytest.fixture(scope="module")
def xor(real: Course) -> Iterator[Runner]:
    with Runner(real, real.milestone("xor")) as made:
        yield made


@pytest.fixture(scope="module")
def perceptron(real: Course) -> Iterator[Runner]:
    with Runner(real, real.milestone("perceptron")) as made:
        yield made


def solution(course: Course, key: str, before: str = "", after: str = "") -> dict[str, str]:
    """The files of a solution, with one thing changed."""
    files = {path: (course.solution(key) / path).read_text() for path in course.by_key[key].writes}
    (path,) = files
    assert not before or files[path].count(before) == 1, before
    return {path: files[path].replace(before, after) if before else files[path]}


def test_perceptron_and_xor_are_reached_on_the_reference_and_on_the_layers_of_a_student(
    real, xor, perceptron, tmp_path
):
    for runner in (xor, perceptron):
        assert runner.run().reached
        zips = [zipped(tmp_path / f"{a.short}.zip", solution(real, a.key)) for a in runner.assignments]
        outcome = runner.run(zips)
        assert set(origins(outcome).values()) == {"student"}
        assert outcome.reached


def test_xor_is_reached_without_the_a06_that_is_still_a_stub_or_raises(real, xor, tmp_path):
    path = real.assignment("a06").writes[0]
    stub = {path: (real.stub("a06_optimizers") / path).read_text()}
    top = "from __future__ import annotations\n"
    broken = solution(real, "a06_optimizers", top, top + "raise RuntimeError('broken')\n")
    for files, why in ((stub, "is not written yet, and "), (broken, "it does not import: RuntimeError: broken")):
        zips = [zipped(tmp_path / "a05.zip", solution(real, "a05_autograd")), zipped(tmp_path / "a06.zip", files)]
        outcome = xor.run(zips)
        assert (origins(outcome)["a05_autograd"], origins(outcome)["a06_optimizers"]) == ("student", "reference")
        assert why in reason(outcome, "a06_optimizers")
        assert outcome.reached


def test_xor_is_not_reached_with_an_optimizer_that_does_nothing(real, xor, tmp_path):
    source = solution(real, "a06_optimizers")
    (path,) = source
    idle = {path: source[path] + "\n\nAdam.step = lambda self, closure=None: None\n"}
    outcome = xor.run([zipped(tmp_path / "a06.zip", idle)])
    assert origins(outcome)["a06_optimizers"] == "student"
    assert {case.title: case.status for case in outcome.verdict.cases}["two layers get every corner"] is Status.FAILED
    assert not outcome.reached


def test_perceptron_is_not_reached_with_a_layer_that_answers_wrongly(real, perceptron, tmp_path):
    source = solution(real, "a03_layers")
    (path,) = source
    deaf = {path: source[path] + "\n\n_told = Linear.forward\nLinear.forward = lambda self, x: _told(self, x) * 0\n"}
    outcome = perceptron.run([zipped(tmp_path / "a03.zip", deaf)])
    assert (origins(outcome)["a03_layers"], statuses(outcome), outcome.reached) == ("student", {Status.FAILED}, False)


def recorded(monkeypatch: pytest.MonkeyPatch, answer: bool) -> list[dict[str, Any]]:
    """Every call of a probe from here on; without `answer` none gets through."""
    sent: list[dict[str, Any]] = []
    ask = Observation.ask

    def asked(self: Observation, request: dict[str, Any], seconds: float) -> Any:
        if request["do"] != "call":
            return ask(self, request, seconds)
        sent.append(request)
        if not answer:
            raise ObserverTimeout
        return ask(self, request, seconds)

    monkeypatch.setattr(Observation, "ask", asked)
    return sent


def test_xor_sends_the_points_that_are_asked_about_without_their_labels(xor, monkeypatch):
    sent = recorded(monkeypatch, answer=True)
    assert xor.run().reached
    for request in sent:
        layers, points, labels, others, seed = request["args"]
        assert (len(points), len(labels), len(others)) == (100, 100, 200)
        assert others.shape == (200, 2) and not request["kwargs"]
        truth = (others[:, 0] > 0.5) != (others[:, 1] > 0.5)
        assert not any(np.array_equal(np.resize(labels, 200) > 0.5, side) for side in (truth, ~truth))
        assert layers in (1, 2) and isinstance(seed, int)


def test_backprop_sends_the_test_images_without_their_labels_and_lays_no_data_beside_them(real, monkeypatch):
    sent = recorded(monkeypatch, answer=False)
    beside: list[str] = []
    with Runner(real, real.milestone("backprop")) as runner:
        compose = runner.bench.compose_layers

        def composed(*given: Any) -> Any:
            made = compose(*given)
            beside.extend(p.name for p in (made.path / "datasets").rglob("*"))
            return made

        monkeypatch.setattr(runner.bench, "compose_layers", composed)
        outcome = runner.run()
        assert (runner.bench.limits.case_seconds, runner.bench.limits.memory_mb) == (600, 2048)
    assert statuses(outcome) == {Status.TIMED_OUT}
    images, labels, others, seed = sent[0]["args"]
    assert (images.shape, labels.shape, others.shape) == ((60000, 28, 28), (60000,), (10000, 28, 28))
    assert isinstance(seed, int) and len(sent) == 1 and not sent[0]["kwargs"]
    assert beside == ["registry.json"]


def test_the_pictures_of_xor_and_perceptron_are_drawn(real, xor, perceptron, tmp_path):
    for runner in (xor, perceptron):
        drawn = milestone.draw(real, runner.run(), tmp_path)
        assert (len(drawn.paths), drawn.problem) == (1, "")
        assert drawn.paths[0].read_bytes().startswith(b"\x89PNG")
