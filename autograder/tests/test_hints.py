"""`tito hint`: three levels, only for public cases, and an idea only when what fails speaks for it."""

from __future__ import annotations

# ruff: noqa: F811 - fixtures come from `homes`
import json

import pytest

from autograder import hints
from autograder.messages import message
from autograder.tests.homes import home, releases, write_numbers  # noqa: F401


@pytest.fixture
def ask(home, tito, monkeypatch):
    monkeypatch.setenv("TITO_COURSE", str(home.root))
    monkeypatch.chdir(home.root / "a01_numbers")

    def asked(*words: object) -> list[str]:
        status, out, err = tito("hint", *words)
        return [line.strip() for line in out.splitlines()] if status == 0 else [err.strip().removeprefix("error: ")]

    return asked


def test_what_ships_holds_public_cases_and_bare_ideas_alone(releases):
    data = json.loads(releases["a01"].files["hints/a01_numbers.json"])
    assert set(data) == {"sections", "ideas"}
    assert set(data["sections"]) == {"double.integers", "mean.vector"}
    # rows_only fails hidden cases only, so it is not among them.
    assert data["ideas"] == [{"fails": ["double.integers"], "hint": "Twice is not squared.", "read": "README.md#doubling"}]


def test_the_levels_say_what_is_looked_at_where_to_read_and_what_to_think_about(ask, home):
    write_numbers(home, double="return np.asarray(x) ** 2")
    more = [message("hint.more", short="a01", case="double.integers", level=level) for level in (2, 3)]
    assert ask() == [
        "double.integers (level 1 of 3)", "Doubling: doubles integers.", "Doubling.",
        "It asks for double (see tests/probes.py).", more[0],
    ]  # fmt: skip
    for case in ("double", "integers", "double.integers", "doubles integers"):
        assert ask("a01", case, "-l", 2)[1:] == ["Read: README.md#doubling", more[1]]
    assert ask("a01", "double", "-l", 3)[1:] == ["Twice is not squared. Read: README.md#doubling"]


def test_an_idea_is_not_told_where_nothing_is_written_or_something_else_fails(ask, home):
    nothing = message("hint.no_idea")
    assert ask("a01", "double", "-l", 3)[1:] == [nothing]  # the stub
    write_numbers(home, mean="return 0.0")
    assert ask("a01", "double", "-l", 3)[1:] == [nothing]
    assert ask("a01", "mean", "-l", 2)[1] == message("hint.no_section")


def test_when_everything_passes_or_the_case_is_unknown_that_is_said(ask, home):
    write_numbers(home)
    assert ask() == [message("hint.nothing_failing", key="a01_numbers")]
    known = "double.integers, mean.vector"
    # A hidden case is as unknown as one that does not exist.
    for case in ("matrix", "nonsense"):
        assert ask("a01", case) == [message("hint.no_case", key="a01_numbers", case=case, known=known)]


def test_without_the_file_of_hints_the_remedy_is_said(ask, home):
    (home.root / "hints" / "a01_numbers.json").unlink()
    assert ask("a01", "double", "-l", 2) == [message("hint.no_hints", key="a01_numbers")]


def test_a_section_is_found_by_what_the_case_asks_for_when_no_idea_leads_to_one():
    handout = "## Step by step\n\n### Task 1: one\n\n`half` it\n\n### Task 2: double\n\n`double(x)`\n\n## What\n\ndouble"
    case = hints.PublicCase("double.integers", "t", "f", "a", 1, ("double",))
    assert hints._section(case, [], handout) == "README.md#task-2-double"


def test_in_the_course_s_own_repository_the_hints_are_those_that_would_ship(mini, releases):
    made = hints.load(mini, mini.assignment("a01"))
    assert json.loads(releases["a01"].files["hints/a01_numbers.json"])["sections"] == made.sections
