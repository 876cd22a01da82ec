"""The proofs in miniature: the same runs as `tito prove`, over a handful of submissions to the miniature course."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from autograder import explain, record
from autograder.batch import ledger
from autograder.course import Course, load_course
from autograder.errors import GraderError, UserError
from autograder.prove import programs, runs, stacks
from autograder.prove.leavings import different, leavings
from autograder.tests import minicourse, stage
from autograder.validate import mixtures


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The miniature course with a kill matrix and one mixture, as `validate --write` and `explain --record` make them."""
    from autograder import build

    made = load_course(minicourse.write(tmp_path_factory.mktemp("prove") / "course"))
    folder = made.solution("a01_numbers")
    kills = {**minicourse.KILLS, "of": "these files"}
    record.write_json(folder / explain.KILLS, kills)
    every = frozenset(kills["cases"])
    fails = frozenset().union(*(frozenset(cases) for cases in kills["misconceptions"].values()))
    one = mixtures.Program(mixtures.MIXED, "both", tuple(kills["misconceptions"]), fails, every)
    mixtures.write(folder / mixtures.MIXTURES, kills, [one])
    build.build(made)
    return made


def made(course: Course, count: int) -> tuple[programs.Program, ...]:
    return programs.make(course, course.assignment("a01"), count)


# What is handed in.


def test_every_kind_is_there_in_its_share_and_no_two_are_the_same_bytes(course):
    several = made(course, 100)
    kinds = Counter(program.kind for program in several)
    assert kinds == {**programs.SHARES, programs.MISCONCEPTION: 100 - sum(programs.SHARES.values())}
    judged = [tuple(sorted(p.files.items())) for p in several if p.kind != programs.MALFORMED]
    assert len(set(judged)) == len(judged)
    assert len({program.name for program in several}) == 100
    assert several == made(course, 100)


def test_the_scores_are_those_of_the_kill_matrix_and_of_reason(course):
    scores = {}
    for program in made(course, 100):
        scores.setdefault(program.kind, set()).add(program.score)
    assert scores[programs.SOLUTION] == {10}
    assert scores[programs.STUB] == {0}
    assert scores[programs.MISCONCEPTION] == {7, 5}  # rows_only, squares
    assert scores[programs.MIXTURE] == {2}
    assert scores[programs.MALICIOUS] == {0, 10}
    assert scores[programs.MALFORMED] == {0, 10}


def test_without_a_kill_matrix_or_mixtures_nothing_is_claimed(course, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(course.root, root)
    other = load_course(root)
    file = other.solution("a01_numbers") / mixtures.MIXTURES
    file.write_text(file.read_text().replace("these files", "others"))
    with pytest.raises(UserError, match="mixtures of a01_numbers are missing or out of step; run: tito explain a01"):
        made(other, 20)
    file.unlink()
    (other.solution("a01_numbers") / explain.KILLS).unlink()
    with pytest.raises(UserError, match="has no kill matrix; run: tito validate a01 --write"):
        made(other, 20)
    with pytest.raises(UserError, match="fewer than ten"):
        made(course, 4)


# The runs.


def test_all_scores_are_right_and_kills_change_nothing(course, tmp_path):
    """The run on a cluster is in `test_cluster`."""
    # Those that sleep for seconds are left to the command.
    several = [p for p in made(course, 100) if not ("sleeps" in p.name or p.kind == programs.MALFORMED)][:12]
    several += [p for p in made(course, 100) if p.kind == programs.MALFORMED][:4]
    told: list[str] = []
    proof = runs.Proof(course, course.assignment("a01"), several, tmp_path, told.append)
    assert proof.grade_undisturbed(2) == []
    assert proof.grade_killed(2, 2, seed=1) == runs.Disturbed(2, ())
    assert [line.split(",")[0] for line in told] == ["kill 1 of 2", "kill 2 of 2"]
    _killed_after_its_last_word(proof)
    _what_is_wrong_is_told(proof, tmp_path)


def _killed_after_its_last_word(proof: runs.Proof) -> None:
    """SIGKILL meets the command when its batch is done and before it has ended: nothing is left to go on with."""

    def start(*words, **more):
        process = runs.Proof.start(proof, *words, **more)
        process.communicate()
        process.poll, process.communicate, process.returncode = lambda: None, lambda: ("", None), -9
        return process

    proof.start = start
    try:
        assert proof.grade_killed(2, 1) == runs.Disturbed(1, ())
        with pytest.raises(GraderError, match="the batch was done before kill 1 of 2"):
            proof.grade_killed(2, 2)
    finally:
        del proof.start


def _what_is_wrong_is_told(proof: runs.Proof, place: Path) -> None:
    """The same runs against other expectations, or spoiled afterwards: nothing would be proved if these passed."""
    first = next(p for p in proof.programs if p.kind == programs.MISCONCEPTION)
    rejected = next(p for p in proof.programs if p.rejected)
    other = [
        replace(first, score=first.score + 1),
        replace(rejected, rejected=False, fails=frozenset()),
        replace(first, fails=frozenset(["double.integers"])),
    ]
    for program in other:
        proof.programs = (program, *(p for p in proof.programs if p.name != program.name))
        (wrong,) = proof.wrong(proof.undisturbed)
        assert wrong.program == program
        proof.programs = (first, rejected, *(p for p in proof.programs if p.name not in (first.name, rejected.name)))
    before = leavings(place / "killed")
    file = place / "killed" / first.name / "results.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "score": 1.25}))
    with runs.Gradebook(place / "killed" / runs.NAME) as book:
        book.db.execute("UPDATE gradings SET score = score + 1 WHERE attempt = 1")
    assert different(before, leavings(place / "killed")) == ["gradings", f"{first.name}/results.json"]
    with runs.Gradebook(proof.undisturbed / runs.NAME) as book:
        numbers = [attempt.id for attempt in ledger.attempts(book)]
    proof.programs = proof.programs[1:]
    assert len(numbers) == len(proof.programs) + 1
    with pytest.raises(GraderError, match="graded but never handed in"):
        proof.wrong(proof.undisturbed)


def test_the_cost_is_start_up_and_then_each_submission():
    model = runs.model_of(runs.Rate(1, 10, 25.0, 22.0), 2.0)
    assert (model.submission, model.startup) == (2.0, 2.0)
    assert model.wall == pytest.approx(1.15)
    cost = model.cost(7200, 4)
    assert cost.core_hours == pytest.approx((4 * 2 + 7200 * 2) / 3600)
    assert cost.hours == pytest.approx((2 + 7200 * 2 * 1.15 / 4) / 3600)


# Blame.

WRONG = {
    "a02_words": (stage.WORDS, '"!" * int(double(n))', '"?" * int(double(n))'),
    "a03_songs": (stage.SONGS, 'f"{shout(n)} {shout(n)}"', 'f"{shout(n)}"'),
}


def test_seeded_faults_of_whole_stacks_are_blamed_on_their_layers(tmp_path):
    """Every misconception of the miniature course, alone and with one of another layer; one the choir does not notice."""
    course = stage.write(tmp_path / "course")
    for key, (path, find, put) in WRONG.items():
        edit = f"{{find: '{find}', put: '{put}'}}"
        text = f"- {{id: wrong, title: T, file: {path}, edits: [{edit}], loses: [c], hint: H, read: R}}\n"
        (course.solution(key) / explain.MISCONCEPTIONS).write_text(text)
    told: list[str] = []
    score = stacks.try_blame(course, course.milestone("choir"), 9, 9, told.append)
    assert score.layers == 3
    assert sorted(tried.name for tried in score.singles) == ["a01 squares", "a02 wrong", "a03 wrong"]
    assert len(score.doubles) == 3
    assert all(tried.right for tried in (*score.singles, *score.doubles))
    assert score.unnoticed == 1 and any("reached all the same" in line for line in told)
    one = score.singles[0]
    assert not replace(one, faults=score.singles[1].faults).right


def test_a_milestone_s_miniature_stands_in_its_place_in_a_course_that_is_otherwise_the_real_one():
    course = load_course()
    milestone = course.milestone("backprop")
    with stacks.in_small(course, milestone) as small:
        assert small.root != course.root
        assert small.home(small.milestone("backprop")).resolve() == course.home(milestone) / stacks.MINIATURE
        assert small.solution("a05_autograd").resolve() == course.solution("a05_autograd")
    with stacks.in_small(course, course.milestone("xor")) as same:
        assert same is course
