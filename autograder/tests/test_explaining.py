"""How often students are told the truth: on every program that the course keeps, and on programs made here."""

from __future__ import annotations

import ast
from dataclasses import replace

import numpy as np
import pytest

from autograder import record
from autograder.course import Course, load_course
from autograder.errors import GraderError, UserError
from autograder.explain import KILLS, Edit
from autograder.tests import minicourse
from autograder.tests.test_explain import named
from autograder.validate import mixtures
from autograder.validate.explaining import Score, measure
from autograder.validate.mixtures import MIXED, MIXTURES, Plan, Program, Recording, mixed, rewritten


def kept() -> dict[str, Recording]:
    """What was judged of the real course: `tito explain --record` makes these, in a minute or two an assignment."""
    course = load_course()
    found = {a.key: mixtures.read(course.solution(a.key)) for a in course.written()}
    return {key: recording for key, recording in found.items() if recording is not None}


def test_of_all_mixtures_kept_most_are_told_rightly_and_hardly_any_wrongly():
    scores = {key: measure(recording) for key, recording in kept().items()}
    total = sum(scores.values(), Score())
    assert total.mixed >= 200
    assert total.right >= 0.80 * total.mixed
    assert total.wrong <= 0.05 * total.mixed
    for key, score in scores.items():
        assert score.right >= 0.60 * score.mixed, key
        assert score.wrong <= 0.10 * score.mixed, key


def test_correct_programs_written_differently_are_told_nothing_and_each_misconception_alone_is_told():
    scores = [measure(recording) for recording in kept().values()]
    assert all(score.correct >= 1 and score.correct_told == 0 for score in scores)
    assert all(score.alone_right == score.alone and score.alone_wrong == 0 for score in scores)


def test_what_is_kept_was_judged_and_not_worked_out():
    """Somewhere two misconceptions together fail other cases than the two alone."""
    odd = [
        program.name
        for recording in kept().values()
        for program in recording.programs
        if program.kind == MIXED
        and program.fails != frozenset().union(*(recording.vectors[name] for name in program.holds)) & program.judged
    ]
    assert odd


JUDGED = frozenset("abcdef")


@pytest.mark.parametrize(
    ("fails", "counts"),
    [
        ("abcd", {"right": 1, "both": 1, "wrong": 0}),
        ("abe", {"right": 0, "both": 0, "wrong": 0}),
        ("ef", {"right": 0, "both": 0, "wrong": 1}),
    ],
)
def test_right_both_and_wrong_are_counted_as_a_student_would(fails, counts):
    vectors = {"one": frozenset("ab"), "two": frozenset("cd"), "three": frozenset("ef")}
    program = Program(MIXED, "one + two", ("one", "two"), frozenset(fails), JUDGED)
    score = measure(Recording("", vectors, (program,)))
    assert {name: getattr(score, name) for name in counts} == counts
    assert score.mixed == 1


# Making them.


def test_edits_that_get_in_each_other_s_way_make_no_mixture():
    first = named("one").model_copy(update={"edits": (Edit(find="a = 1", put="a = 2"),)})
    apart = first.model_copy(update={"edits": (Edit(find="b = 1", put="b = 3"),)})
    over = first.model_copy(update={"edits": (Edit(find="a = 1\nb", put="c"),)})
    broken = first.model_copy(update={"edits": (Edit(find="b = 1", put="b = ("),)})
    sources = {"f.py": "a = 1\nb = 1\n"}
    assert mixed(sources, (first, apart)) == {"f.py": "a = 2\nb = 3\n"}
    assert mixed(sources, (first, over)) is None
    assert mixed(sources, (first, broken)) is None


SOURCE = '''
def scaled(x, low):
    """Doc."""  # a comment
    total = x.sum()
    if total < low:
        total = total + 1
    else:
        total = total * 2
    return total
'''


def test_a_program_written_differently_does_the_same_in_other_words():
    text = rewritten(SOURCE)
    assert "total_here" in text and "low > total_here" in text and "a comment" not in text
    made: dict = {}
    given: dict = {}
    exec(text, made)
    exec(SOURCE, given)
    for low in (0, 100):
        assert made["scaled"](np.arange(4), low) == given["scaled"](np.arange(4), low)


def test_names_that_an_inner_function_shares_are_left_alone():
    text = "def f():\n    n = 1\n    def g():\n        return n\n    return g()\n"
    assert ast.dump(ast.parse(rewritten(text))) == ast.dump(ast.parse(text))


@pytest.fixture
def own(tmp_path, monkeypatch, tito) -> Course:
    """A miniature course of one's own, to be written to."""
    course = load_course(minicourse.write(tmp_path / "own"))
    record.write_json(course.solution("a01_numbers") / KILLS, {**minicourse.KILLS, "of": "these files"})
    monkeypatch.setenv("TITO_COURSE", str(course.root))
    return course


def test_programs_are_judged_kept_and_measured_by_one_command(own, tito):
    """The two misconceptions of the miniature course do not touch each other: together they fail what both fail."""
    folder = own.solution("a01_numbers")
    status, out, _ = tito("explain", "a01", "--record", "--mixtures", 3, "--mutants", 2, "--mistakes")
    recording = mixtures.read(folder)
    assert status == 0
    one, *others = recording.programs
    assert (one.kind, one.holds) == (MIXED, ("rows_only", "squares"))
    assert one.fails == {"double.integers", "double.matrix", "mean.matrix", "mean.same"}
    assert [p.kind for p in others] == ["unknown", "unknown", "correct"]
    assert others[-1].fails == frozenset()
    assert all(p.fails for p in others[:-1])
    assert "a01" in out and "100 %" in out
    assert mixtures.in_step(folder, recording)
    assert not mixtures.in_step(folder, replace(recording, of="x"))


def test_an_assignment_of_which_nothing_is_kept_is_named(own, tito, tmp_path):
    status, out, _ = tito("explain")
    assert status == 1
    assert "nothing kept of a01_numbers, a02_words" in out
    with pytest.raises(UserError, match="a02_words has no kills.json; run: tito validate a02 --write"):
        mixtures.make(own, own.assignment("a02"), Plan())
    (tmp_path / MIXTURES).write_text("{}")
    with pytest.raises(GraderError, match=r"mixtures.json cannot be read .* --record"):
        mixtures.read(tmp_path)
