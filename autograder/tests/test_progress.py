"""`tito status`: what passed counts as long as it stays as it passed, and is not forged by accident."""

from __future__ import annotations

# ruff: noqa: F811 - fixtures come from `homes`
import json
from dataclasses import replace

from autograder import progress
from autograder.messages import message
from autograder.progress import State
from autograder.tests import minicourse
from autograder.tests.homes import GOOD_WORDS, TENSOR, WORDS, home, passed, releases, write_numbers  # noqa: F401


def states(course):
    assignments, milestones = progress.standings(course, progress.read(course.root))
    return [standing.state for standing in (*assignments, *milestones)]


def test_an_assignment_goes_from_open_over_begun_to_passed_and_opens_the_next(home):
    (home.root / "a02_words").rename(home.root / "away")
    assert states(home) == [State.OPEN, State.LATER, State.LATER]
    write_numbers(home, double="return x")
    passed(home, "a01_numbers", failing=("double.integers",))
    assert states(home) == [State.BEGUN, State.LATER, State.LATER]
    write_numbers(home)
    passed(home, "a01_numbers")
    assert states(home) == [State.PASSED, State.OPEN, State.LATER]
    (home.root / "away").rename(home.root / "a02_words")
    (home.root / "a02_words" / WORDS).write_text(GOOD_WORDS)
    passed(home, "a02_words")
    assert states(home) == [State.PASSED, State.PASSED, State.OPEN]


def test_what_was_edited_since_it_passed_is_said_to_be_changed_until_it_passes_again(home):
    write_numbers(home)
    passed(home, "a01_numbers")
    write_numbers(home, double="return x")
    assert states(home)[0] is State.CHANGED
    passed(home, "a01_numbers", failing=("double.integers",))
    assert states(home)[0] is State.CHANGED
    write_numbers(home)
    assert states(home)[0] is State.PASSED
    text = (home.root / "a01_numbers" / TENSOR).read_bytes()
    (home.root / "a01_numbers" / TENSOR).write_bytes(text.replace(b"\n", b"\r\n"))  # saved on another system
    assert states(home)[0] is State.PASSED


def test_one_question_alone_proves_nothing(home):
    write_numbers(home)
    entry = progress.Entry("check", "a01_numbers", progress.now(), "", str(home.root), 2, 2, question="mean")
    progress.append(home.root, [entry])
    assert states(home)[0] is State.BEGUN
    progress.append(home.root, [replace(entry, question="", cases=0, passed=0)])
    assert states(home)[0] is State.BEGUN


def test_lines_that_were_edited_cut_short_or_made_up_do_not_count(home, tito, monkeypatch):
    monkeypatch.setenv("TITO_COURSE", str(home.root))
    write_numbers(home)
    passed(home, "a01_numbers", failing=("double.integers",))
    file = progress.log_file(home.root)
    line = json.loads(file.read_text())
    forged = [json.dumps({**line, "passed": line["cases"], "failing": []}), json.dumps(line)[:-9], "{}", "[]", "x"]
    with file.open("a") as stream:
        stream.write("\n".join(forged) + "\n")
    log = progress.read(home.root)
    assert (len(log.entries), log.damaged) == (1, 5)
    assert states(home)[0] is State.BEGUN
    assert message("progress.damaged", count=5, file=file) in tito("status")[1].splitlines()


def test_two_checks_at_once_and_a_repeated_line_lose_and_double_nothing(home):
    write_numbers(home)
    passed(home, "a01_numbers")
    passed(home, "a01_numbers", failing=("x.y",))
    file = progress.log_file(home.root)
    file.write_text(file.read_text() * 2)
    assert len(progress.read(home.root).entries) == 2


def test_every_version_that_a_check_has_seen_is_kept_once(home, monkeypatch):
    monkeypatch.setattr(progress, "VERSIONS", 3)
    shelf = home.root / ".tito" / "history" / "a01_numbers"
    times = iter(range(10, 60))
    monkeypatch.setattr(progress, "now", lambda: f"2027-01-01T00:00:{next(times)}+00:00")
    for factor in (1, 2, 2, 3, 4, 5):
        write_numbers(home, double=f"return {factor} * x")
        passed(home, "a01_numbers")
    kept = [(version / "tensor.py").read_text() for version in sorted(shelf.iterdir())]
    assert [f"return {factor} * x" in text for factor, text in zip((3, 4, 5), kept, strict=True)] == [True] * 3


def test_a_check_does_not_fail_for_want_of_a_diary(home, tito, monkeypatch):
    monkeypatch.setenv("TITO_COURSE", str(home.root))
    folder = write_numbers(home)
    (home.root / ".tito").write_text("a file where a folder should be")
    status, out, err = tito("check", "--folder", folder)
    assert (status, err) == (0, "")
    note = message("progress.unwritable", file=progress.log_file(home.root), reason="File exists")
    assert f"note: {note}" in out.splitlines()


def test_status_and_timeline_speak_of_capabilities(home, tito, monkeypatch):
    monkeypatch.setenv("TITO_COURSE", str(home.root))
    assert tito("status", "--timeline")[1] == "nothing has passed yet; begin with: tito check\n"
    folder = write_numbers(home)
    assert tito("check", "--folder", folder)[0] == 0
    status, out, err = tito("status")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Mini, test: 1 of 2 assignments, 0 of 1 milestones"
    assert next(line for line in lines if "a01" in line).startswith("  passed  a01  Can I count?  20")
    assert next(line for line in lines if "a02" in line) == "  open    a02  Can I speak?"
    assert next(line for line in lines if "1957" in line) == "  later   1957 first        Does it run?  after a02"
    minicourse.put_numbers(folder, minicourse.numbers(double="return x"))
    assert tito("check", "--folder", folder)[0] == 1
    assert "changed since: run tito check" in tito("status")[1]
    [line] = tito("status", "--timeline")[1].splitlines()
    assert line.endswith("a01_numbers        Can I count?")
