"""Claims about every assignment's release. What takes seconds an assignment is tried here on a sample; all of it with

    pytest -m whole autograder/tests/test_every_release.py
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from autograder import explain
from autograder.build.markers import solution_lines
from autograder.build.text import logical_lines, read_text
from autograder.course import Assignment, load_course
from autograder.release import contents, newcomer, portable, traces
from autograder.release.contents import TOP
from autograder.release.proof import TELLING

ROOT = Path(__file__).resolve().parents[2]
COURSE = load_course(ROOT)
# An assignment whose kill matrix is not recorded is still being written.
WRITTEN = tuple(a for a in COURSE.written() if (COURSE.solution(a.key) / explain.KILLS).is_file())
SAMPLE = {"a05"}
SHORT = 5  # tokens: a call with an argument, an assignment of two names; less is no answer

sampled = pytest.mark.parametrize(
    "assignment",
    [pytest.param(a, id=a.short, marks=() if a.short in SAMPLE else pytest.mark.whole) for a in WRITTEN],
)
every = pytest.mark.parametrize("assignment", [pytest.param(a, id=a.short) for a in WRITTEN])


def answers(assignment: Assignment) -> dict[str, str]:
    """The lines of a solution that the stub does not have: without white space -> as they are written."""
    given: set[str] = set()
    found: dict[str, str] = {}
    for path in assignment.writes:
        source = read_text(COURSE.solution(assignment.key) / path)
        marked = solution_lines(source, path)
        for line in logical_lines(source):
            squeezed = "".join(line.tokens)
            if line.first not in marked:
                given.add(squeezed)
            elif len(line.tokens) >= SHORT:
                found[squeezed] = " ".join(line.tokens)
    return {squeezed: text for squeezed, text in found.items() if squeezed not in given}


@sampled
def test_a_release_holds_no_line_of_its_own_or_a_later_solution_and_arrives_everywhere(assignment):
    made = contents(COURSE, assignment)
    assert traces(COURSE, made) == []
    assert list(portable.problems(f"{TOP}/{path}" for path in made.files)) == []
    later = [a for a in WRITTEN if a.number >= assignment.number and a.key not in COURSE.closure(assignment.key)]
    assert not [path for path in made.files for a in later if path.startswith(f"solutions/{a.key}/")]


@every
def test_public_tests_compute_what_is_right_in_another_way_than_the_solution(assignment):
    """The part of the claim above that an edit of the tests breaks, for every assignment."""
    solution = set(answers(assignment).values())
    for file in sorted((COURSE.stub(assignment.key) / "tests").glob("*.py")):
        lines = [line.tokens for line in logical_lines(read_text(file)) if len(line.tokens) >= TELLING]
        assert not solution & {" ".join(tokens) for tokens in lines}, file.name


@sampled
def test_a_lab_runs_on_the_stub_up_to_the_first_blank_and_says_which_it_is(assignment, tmp_path):
    folder = Path(shutil.copytree(COURSE.stub(assignment.key), tmp_path / assignment.key))
    home = newcomer.Home(ROOT, folder, Path(sys.executable).parent)
    told = newcomer.lab_on_stub(assignment, home).told
    assert f"{assignment.key}: " in told
    assert told.endswith("yours to write")


@every
def test_no_hint_holds_a_line_of_the_solution_or_the_right_text_of_its_own_mistake(assignment):
    folder = COURSE.solution(assignment.key)
    handout = "".join(read_text(folder / "README.md").split())
    lines = {squeezed: text for squeezed, text in answers(assignment).items() if squeezed not in handout}
    assert lines
    for misconception in explain.load_misconceptions(folder):
        hint = "".join(misconception.hint.split())
        told = [text for squeezed, text in lines.items() if squeezed in hint]
        assert told == [], f"the hint of {misconception.id} holds an answer"


@every
def test_each_lab_asks_before_it_shows(assignment):
    source = read_text(COURSE.solution(assignment.key) / "lab.py")
    assert source.count("**Predict") >= 3


@pytest.mark.parametrize("short", ["a07", "a09"])
def test_labs_that_train_a_classifier_begin_with_the_two_checks(short):
    source = read_text(COURSE.solution(COURSE.assignment(short).key) / "lab.py")
    assert "np.log(10)" in source
    assert "twenty" in source


def test_the_gradient_checker_comes_before_every_rule():
    """a05 has students build the slow way that is always right first."""
    handout = read_text(COURSE.solution("a05_autograd") / "README.md")
    source = read_text(COURSE.solution("a05_autograd") / "tinytorch/core/autograd.py")
    first, second = (handout.index(f"### Task {n}:") for n in (1, 2))
    assert "gradcheck" in handout[first:second]
    assert source.index("def gradcheck") < source.index("defvjp(")
