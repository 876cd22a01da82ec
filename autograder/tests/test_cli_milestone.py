"""`tito milestone list` and `tito milestone run` as a user meets them, on a miniature course (see `stage`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Course
from autograder.errors import GraderError
from autograder.judge.bench import Bench
from autograder.tests import stage
from autograder.tests.stage import EXTRA, NUMBERS, SONGS, WORDS, numbers, songs, words, zipped


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return stage.write(tmp_path_factory.mktemp("stage") / "course")


@pytest.fixture
def here(course: Course, tito: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in; `tito` finds the course with milestones."""
    monkeypatch.setenv("TITO_COURSE", str(course.root))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_list_tells_of_each_milestone_what_it_asks_and_whether_it_can_run(here, tito):
    status, out, err = tito("milestone", "list")
    assert (status, err) == (0, "")
    entries = out.split("\n" + " " * 18)
    assert entries[0] == "choir        1957  Does it sing?"
    assert [line.strip() for line in out.splitlines() if line.startswith(" " * 18)] == [
        "must reach: every song", "ready", "must reach: every song in time", "ready",
        "must reach: nothing", "not yet: a04_extra is not written",
        "must reach: nothing", "not yet: milestones/unjudged is not written",
    ]  # fmt: skip


def test_run_shows_what_is_printed_the_layers_the_cases_and_leaves_result_and_pictures(here, tito):
    zipped(here / "ann.zip", {NUMBERS: numbers(), SONGS: songs(), EXTRA: "x = 1\n"})
    zipped(here / "bad.zip", {WORDS: "def shout(:\n"})
    status, out, err = tito("milestone", "run", "choir", "--submission", "ann.zip", "--submission", "bad.zip")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "1957 Choir: Does it sing?"
    assert lines[1:4] == ["the choir sings", "sing of ann", "double of ann"]
    after = lines[lines.index("  a01_numbers: student (ann.zip)") :]
    assert (
        after[1] == f"  a02_words: reference: bad.zip: {WORDS}:1: Python cannot read this: invalid syntax: def shout(:"
    )
    assert after[2:4] == ["  a03_songs: student (ann.zip)", "ann.zip: a04_extra plays no part in choir"]
    assert after[4].startswith("ok sings what it is asked to  (")
    assert after[6:] == [
        "choir: reached (every song)",
        "wrote runs/choir/result.json", "wrote runs/choir/first.png", "wrote runs/choir/all.png",
    ]  # fmt: skip
    result = json.loads((here / "runs/choir/result.json").read_text())
    assert (result["reached"], result["pictures"]) == (True, ["first.png", "all.png"])
    assert (here / "runs/choir/all.png").read_text() == "!! !!"
    assert (here / "runs/choir/log.txt").read_text().startswith("the choir sings\nsing of ann\ndouble of ann\n")


def test_a_milestone_that_is_not_reached_ends_with_status_one_and_what_was_expected(here, tito):
    zipped(here / "ann.zip", {WORDS: words("return '?'")})
    status, out, err = tito("milestone", "run", "choir", "--submission", "ann.zip", "--out", "out", "--seed", 4)
    assert (status, err) == (1, "")
    assert "no (failed) sings what it is asked to" in out
    assert "    came:     ['? ?'" in out
    assert "choir: not reached (every song)\n" in out
    result = json.loads((here / "out" / "result.json").read_text())
    assert (result["reached"], result["seed"]) == (False, 4)


def test_an_exchange_is_told_when_it_happens_and_at_the_end(here, tito):
    zipped(here / "ann.zip", {WORDS: words("return 1 / 0")})
    status, out, _ = tito("milestone", "run", "choir", "--submission", "ann.zip")
    assert status == 0
    told = "ann.zip: it raised while the milestone ran: your code raised ZeroDivisionError: division by zero"
    first, last = [line for line in out.splitlines() if told in line]
    assert first.startswith("again, with the reference for a02_words: ann.zip: ")
    assert last.startswith("  a02_words: reference: ann.zip: ")
    assert out.index(first) > out.index("shout of ann")


def test_what_a_program_says_does_not_steer_the_terminal(here, tito):
    evil = "\\x1b[31m\\x07[bold]red[/]\\u202e\\x9b"
    body = f"print({evil!r}.encode().decode('unicode_escape'), 'gr\\u00fc\\u00dfe'); return [{evil!r}.encode().decode('unicode_escape')]"
    zipped(here / "ann.zip", {SONGS: songs(body)})
    status, out, _ = tito("milestone", "run", "choir", "--submission", "ann.zip")
    assert status == 1
    assert "[bold]red[/]" in out and "grüße" in out
    assert all(c.isprintable() or c == "\n" for c in out.replace("\ufffd", "?"))


def test_answers_that_cannot_be_drawn_cost_the_picture_only(here, tito):
    zipped(here / "ann.zip", {SONGS: songs("return []")})
    status, out, err = tito("milestone", "run", "choir", "--submission", "ann.zip")
    assert (status, err) == (1, "")
    assert "no picture: AttributeError: 'list' object has no attribute 'upper'\n" in out
    assert sorted(p.name for p in (here / "runs" / "choir").iterdir()) == ["log.txt", "result.json"]


def test_a_failure_of_the_grader_ends_with_status_three(here, tito, monkeypatch):
    def observe(*_: Any) -> Any:
        raise GraderError("no room")

    monkeypatch.setattr(Bench, "observe", observe)
    status, out, _ = tito("milestone", "run", "choir")
    assert status == 3
    assert "choir: grader error: a person has to look" in out


def test_what_cannot_run_is_one_line_and_status_two(here, tito):
    zipped(here / "junk.zip", {"notes.txt": "x"})
    (here / "plain.zip").write_text("hello")
    for arguments, why in {
        ("later",): "error: milestone later cannot run yet: a04_extra is not written\n",
        ("unjudged",): "error: milestone unjudged cannot run yet: milestones/unjudged is not written\n",
        ("opera",): "error: no milestone is called 'opera'; choose one of choir, hurried, later, unjudged\n",
        ("choir", "--submission", "plain.zip"): "error: plain.zip is not a zip file",
        ("choir", "--submission", "junk.zip"): "error: junk.zip holds no layer that choir runs on; it runs on a01",
        ("choir", "--submission", "none.zip"): "error: there is no file or folder none.zip; check the path\n",
    }.items():
        status, _, err = tito("milestone", "run", *arguments)
        assert status == 2
        assert err.startswith(why)
    assert not (here / "runs").exists()


def test_one_case_alone_can_be_run_and_does_not_make_a_milestone_reached(here, tito):
    status, out, _ = tito("milestone", "run", "choir", "--case", "sings")
    assert status == 0
    assert "ok sings what it is asked to" in out and "- nobody knows the labels" in out
    assert "choir: passed in what was run" in out
    result = json.loads((here / "runs/choir/result.json").read_text())
    assert result["reached"] is False
    assert {case["case"]: case["status"] for case in result["cases"]}["sings"] == "passed"
    status, out, err = tito("milestone", "run", "choir", "--case", "dances")
    assert (status, out.count("ok")) == (2, 0)
    assert "choir has no case dances; choose of sings" in err
