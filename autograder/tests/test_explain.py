"""From failing cases to misconceptions: one or several, alike, near, or nothing said; blanks are no opinion."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
import yaml

from autograder.errors import GraderError
from autograder.explain import (
    KILLS,
    MISCONCEPTIONS,
    SURE,
    TOLD,
    Match,
    Misconception,
    explain,
    in_words,
    load_misconceptions,
    load_vectors,
    weigh,
)
from autograder.judge.cases import CaseResult, Status, Verdict

ALL = "abcdefghij"


def named(identity: str) -> Misconception:
    edit = {"find": "x", "put": "y"}
    return Misconception(
        id=identity,
        title=f"Title of {identity}",
        file="f.py",
        edits=(edit,),
        loses=("t",),
        hint=f"Hint of {identity}.\n",
        read="README.md#x",
    )


def verdict(failing: Iterable[str], unwritten: Iterable[str] = "", **other: Iterable[str]) -> Verdict:
    """Cases `q.a` to `q.j`; `other` gives further statuses by name."""
    statuses = {**dict.fromkeys(failing, Status.FAILED), **dict.fromkeys(unwritten, Status.ERROR)}
    for name, letters in other.items():
        statuses.update(dict.fromkeys(letters, Status[name.upper()]))
    cases = [
        CaseResult("q", letter, f"1.{n}", letter, False, 1, statuses.get(letter, Status.PASSED), "", "", 0,
            letter in set(unwritten))
        for n, letter in enumerate(ALL, 1)
    ]  # fmt: skip
    return Verdict("a01", tuple(cases))


VECTORS = {"broad": "abcd", "narrow": "ab", "other": "efg", "twin": "efg", "tiny": "j", "silent": ""}
KNOWN = tuple(named(name) for name in VECTORS)
KEYS = {name: frozenset(f"q.{letter}" for letter in letters) for name, letters in VECTORS.items()}


def told(found: Verdict) -> dict[str, float]:
    return {match.misconception.id: round(match.confidence, 3) for match in explain(found, KNOWN, KEYS)}


@pytest.mark.parametrize(
    ("failing", "named"),
    [
        ("abcd", ["broad"]),
        ("ab", ["narrow"]),
        ("j", ["tiny"]),
        ("efg", ["other", "twin"]),
        ("abcdj", ["broad", "tiny"]),
        ("abj", ["narrow", "tiny"]),
        ("abcdefg", ["other", "twin", "broad"]),
        ("abcdefgj", ["broad", "other", "twin", "tiny"]),
        ("abcde", []),  # broad and something else, or something else altogether
        ("abc", []),  # broad of which one passes, narrow and one more: too close to call
        ("ef", []),
        ("a", []),
        ("hi", []),
        ("abh", []),
        ("", []),
    ],
)
def test_what_the_failing_cases_speak_for_is_named_and_a_guess_is_not(failing, named):
    assert sorted(told(verdict(failing))) == sorted(named)


def test_every_way_of_failing_counts_alike():
    assert set(told(verdict("a", error="b", timed_out="c", crashed="d"))) == {"broad"}


def test_what_is_not_written_yet_or_was_not_judged_is_left_out_on_both_sides():
    assert set(told(verdict("ab", unwritten="cd"))) == {"broad", "narrow"}
    assert set(told(verdict("abcd", unwritten="efg"))) == {"broad"}
    assert set(told(verdict("ab", skipped="cd"))) == {"broad", "narrow"}
    assert set(told(verdict("ab", grader_error="cdj"))) == {"broad", "narrow"}


def cases(*numbers: int) -> frozenset[str]:
    return frozenset(map(str, numbers))


BROAD, JUDGED = {"one": cases(*range(8))}, cases(*range(40))


def said(*numbers: int, vectors: dict[str, frozenset[str]] = BROAD) -> list[tuple[str, ...]]:
    return [found.names for found in weigh(cases(*numbers), JUDGED, vectors)]


def test_a_near_vector_is_named_when_it_accounts_for_nearly_everything():
    assert said(*range(9)) == [("one",)]  # and one more fails
    assert said(*range(1, 8)) == [("one",)]  # but one passes
    assert said(*range(6)) == said(*range(1, 9)) == []
    (exact,), (near,) = weigh(cases(*range(8)), JUDGED, BROAD), weigh(cases(*range(9)), JUDGED, BROAD)
    assert TOLD <= near.confidence < SURE < exact.confidence <= 1


def test_work_in_which_everything_fails_is_no_misconception_however_many_cases_that_has():
    assert said(*range(40)) == []
    assert said(*range(30), vectors={"one": cases(*range(20)), "two": cases(*range(15))}) == []


def test_where_two_pairs_fit_alike_neither_is_named_but_what_both_hold_is():
    vectors = {"a": cases(1, 2), "b": cases(3, 4), "c": cases(1, 3), "d": cases(2, 4)}
    assert said(1, 2, 3, 4, vectors=vectors) == []
    assert said(1, 2, 3, 4, 5, 6, vectors={**vectors, "e": cases(4, 5, 6)})[0] == ("e",)


def test_three_at_once_are_named():
    vectors = {"a": cases(1, 2), "b": cases(3, 4), "c": cases(5, 6), "d": cases(7)}
    assert {name for names in said(1, 2, 3, 4, 5, 6, vectors=vectors) for name in names} == {"a", "b", "c"}


def test_nothing_written_at_all_is_no_misconception():
    assert told(verdict("", unwritten=ALL)) == {}
    assert told(verdict("", skipped=ALL)) == {}


def test_a_misconception_all_of_whose_cases_are_left_out_is_not_named():
    assert set(told(verdict("abcd", unwritten="j"))) == {"broad"}


def test_one_that_was_never_measured_is_never_named():
    assert explain(verdict("abcd"), KNOWN, {}) == ()
    assert explain(verdict("abcd"), (), KEYS) == ()


def test_the_words_tell_the_idea_the_place_and_how_sure_it_is():
    first, second = Match(named("one"), 0.987), Match(named("two"), 0.987)
    assert in_words(()) == ""
    assert in_words((first,)) == "This looks like (99 % sure):\n- Title of one. Hint of one. Read: README.md#x"
    assert in_words((Match(named("one"), 0.8),)).startswith("This may be (80 % sure):\n- Title of one.")
    assert in_words((Match(named("one"), 0.99999),)).startswith("This looks like (99 % sure):")
    assert in_words((first, second)).splitlines() == [
        "The cases that fail fit one of these; see which one is yours (99 % sure):",
        "- Title of one. Hint of one. Read: README.md#x",
        "- Title of two. Hint of two. Read: README.md#x",
    ]
    apart = (Match(named("one"), 0.95, 0), Match(named("two"), 0.72, 1))
    assert [line.split(" (")[0] for line in in_words(apart).splitlines()[::2]] == ["This looks like", "This may be"]


# The files.


def test_the_misconceptions_and_their_vectors_are_read_from_the_solution(mini):
    folder = mini.solution("a01_numbers")
    assert [m.id for m in load_misconceptions(folder)] == ["rows_only", "squares"]
    assert load_vectors(folder)["squares"] == {"double.integers", "double.matrix"}
    assert load_misconceptions(mini.solution("a02_words")) == ()
    assert load_vectors(mini.solution("a02_words")) == {}


GOOD = {
    "id": "x", "title": "T", "file": "f.py", "edits": [{"find": "a", "put": "b"}], "loses": ["t"], "hint": "h",
    "read": "README.md#r",
}  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([{**GOOD, "edits": []}], "edits"),
        ([{**GOOD, "loses": []}], "loses"),
        ([{**GOOD, "hnit": "x"}], "hnit"),
        ([{k: v for k, v in GOOD.items() if k != "hint"}], "hint"),
        ([{**GOOD, "edits": [{"find": "a"}]}], "put"),
        (GOOD, "tuple"),
        (None, "tuple"),
        ([GOOD, GOOD], "two misconceptions share an id; every id stands once"),
    ],
)
def test_a_wrong_file_of_misconceptions_is_a_fault_of_the_course_with_its_path(content, words, tmp_path):
    file = tmp_path / MISCONCEPTIONS
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(GraderError, match=f"(?s){re.escape(str(file))}.*{words}"):
        load_misconceptions(tmp_path)


def test_broken_files_are_told_and_not_taken_for_missing_ones(tmp_path):
    with pytest.raises(GraderError, match=MISCONCEPTIONS):
        load_misconceptions(tmp_path)
    (tmp_path / MISCONCEPTIONS).write_text("- [")
    with pytest.raises(GraderError, match=MISCONCEPTIONS):
        load_misconceptions(tmp_path)
    (tmp_path / KILLS).write_text('{"misconceptions"')
    with pytest.raises(GraderError, match=f"{KILLS}.*tito validate"):
        load_vectors(tmp_path)
    (tmp_path / KILLS).write_text('{"cases": []}')
    with pytest.raises(GraderError, match=f"{KILLS}.*tito validate"):
        load_vectors(tmp_path)
