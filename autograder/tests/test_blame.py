"""Blame: seeded faults are found on any stack, every swap that is named was tried, and a lean on one's own work is none.

The search is asked about invented stacks first, whose truth is known; then zips on the miniature milestone of `stage`,
and the real `xor`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from pathlib import Path

import pytest

from autograder import build
from autograder.blame import Blame, Search, Step, of_runner
from autograder.course import Course, load_course
from autograder.errors import GraderError, UserError
from autograder.judge.cases import CaseResult, Status, Verdict
from autograder.milestone import Runner
from autograder.tests import stage
from autograder.tests.stage import NUMBERS, SONGS, WORDS, numbers, songs, words, zipped

KEYS = tuple(f"a{n:02d}" for n in range(1, 14))
Fails = Callable[[frozenset[str]], bool]


def verdict(status: Status) -> Verdict:
    return Verdict("m", (CaseResult("f", "c", "1.1", "the case", False, 1, status, "m", "said", 0),))


def searched(fails: Fails, flaky: float = 0.0) -> tuple[Search, list[frozenset[str]], set[frozenset[str]]]:
    """A finished search, its swaps and its culprits."""

    chance = random.Random(0)

    def judge(layers: Iterable[str], draws: int) -> Verdict:
        return verdict(Status.FAILED if fails(frozenset(layers)) or chance.random() < flaky else Status.PASSED)

    search = Search(KEYS, judge, lambda step: None)
    swaps, culprits = search.run()
    assert all(culprit.case is not None for culprit in culprits)
    return search, [frozenset(swap) for swap in swaps], {frozenset(culprit.layers) for culprit in culprits}


def broken(*parts: Iterable[str]) -> Fails:
    """A stack in which each of these parts fails as soon as all of its layers are there."""
    return lambda layers: any(layers >= set(part) for part in parts)


def test_every_single_fault_is_found_in_few_runs():
    for key in KEYS:
        search, swaps, culprits = searched(broken({key}))
        assert (swaps, culprits) == ([frozenset({key})], {frozenset({key})})
        assert search.runs <= 12


def test_every_pair_of_faults_is_found_and_both_have_to_go():
    for pair in combinations(KEYS, 2):
        search, swaps, culprits = searched(broken(*({key} for key in pair)))
        assert (swaps, culprits) == ([frozenset(pair)], {frozenset({key}) for key in pair})
        assert search.runs <= 24


def test_every_pair_that_fails_only_together_is_found_and_either_is_a_cure():
    for pair in combinations(KEYS, 2):
        search, swaps, culprits = searched(broken(pair))
        assert sorted(swaps, key=sorted) == [frozenset({key}) for key in pair]
        assert culprits == {frozenset(pair)}
        assert search.runs <= 24


@pytest.mark.parametrize(
    ("parts", "swaps"),
    [
        ([{"a01"}, {"a05"}, {"a09"}], [{"a01", "a05", "a09"}]),
        ([{"a02", "a05"}, {"a02", "a09"}], [{"a02"}]),  # one layer meets both: the smallest swap, not one for each
        ([{"a02", "a05"}, {"a09"}], [{"a09", "a05"}, {"a09", "a02"}]),
        ([{"a01", "a02", "a03"}], [{"a03"}, {"a02"}, {"a01"}]),
    ],
)
def test_the_swap_is_the_smallest_that_cures(parts, swaps):
    _, found, _ = searched(broken(*parts))
    assert found == swaps


def test_a_layer_that_leans_on_a_student_s_own_lower_layer_is_not_blamed_for_another_fault():
    """a05 needs the student's own a01 and fails without it; the fault is in a09. Blaming a05 would be a false cure."""

    def fails(layers: frozenset[str]) -> bool:
        return "a09" in layers or ("a05" in layers and "a01" not in layers)

    _, swaps, culprits = searched(fails)
    assert (swaps, culprits) == ([{"a09"}], {frozenset({"a09"})})


def test_a_fault_below_is_found_though_a_layer_above_leans_on_it():
    def fails(layers: frozenset[str]) -> bool:
        return "a01" in layers or ("a05" in layers and "a01" not in layers)

    _, swaps, _ = searched(fails)
    assert [not fails(frozenset(KEYS) - swap) for swap in swaps] == [True] * len(swaps)
    assert swaps[0] == {"a01", "a05"}


def test_a_stack_that_passes_has_no_culprit_and_costs_one_run():
    search, swaps, culprits = searched(broken())
    assert (search.runs, search.by_chance, swaps, culprits) == (1, False, [], set())


def test_a_part_that_misses_its_mark_once_by_chance_is_not_taken_for_a_failing_one():
    """One run in ten fails for no fault of the layers: every single fault and every pair is still found."""
    assert all(searched(broken({key}), flaky=0.1)[1] == [{key}] for key in KEYS)
    assert all(searched(broken(*({k} for k in pair)), flaky=0.1)[1] == [set(pair)] for pair in combinations(KEYS, 2))
    search = Search(KEYS, lambda layers, draws: verdict(Status.FAILED if draws == 0 else Status.PASSED), lambda s: None)
    assert (search.run(), search.by_chance, search.runs) == (((), ()), True, 2)


def test_nobody_is_blamed_where_the_reference_fails_or_the_judge_does():
    with pytest.raises(GraderError, match=r"not reached on the reference alone \('the case' ends as failed\)"):
        searched(lambda layers: True)
    search = Search(KEYS, lambda layers, draws: verdict(Status.GRADER_ERROR), lambda step: None)
    with pytest.raises(GraderError, match="the judge failed on a01, .*: said"):
        search.run()


# Zips on the miniature milestone.

A01, A02, A03 = "a01_numbers", "a02_words", "a03_songs"
FINE = {NUMBERS: numbers(), WORDS: words(), SONGS: songs()}
FAULTS = {
    A01: (NUMBERS, numbers("return 2 * x + 1")),
    A02: (WORDS, words("return '?' * double(n)")),
    A03: (SONGS, songs("return shout(n)")),
}
RAISES = {
    A01: (NUMBERS, numbers("return 1 / 0")),
    A02: (WORDS, words("return shut(n)")),
    A03: (SONGS, songs("import os; os._exit(0)")),
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    made = stage.write(tmp_path_factory.mktemp("blame") / "course")
    build.build(made, [A02])
    return made


@pytest.fixture(scope="module")
def choir(course: Course) -> Iterator[Runner]:
    with Runner(course, course.milestone("choir")) as made:
        yield made


@pytest.fixture
def accuse(choir: Runner, tmp_path: Path) -> Callable[[dict[str, str]], Blame]:
    def find(files: dict[str, str]) -> Blame:
        return of_runner(choir, [zipped(tmp_path / "ann.zip", files)])

    return find


@pytest.mark.parametrize(
    ("faults", "keys"),
    [(FAULTS, (A01,)), (FAULTS, (A02,)), (RAISES, (A03,)), (FAULTS, (A01, A03)), (RAISES, (A01, A02))],
)
def test_seeded_faults_in_zips_are_found(faults, keys, accuse):
    found = accuse({**FINE, **dict(faults[key] for key in keys)})
    assert not found.reached
    assert found.own == (A01, A02, A03)
    assert found.swaps == (keys,)
    assert {culprit.layers for culprit in found.culprits} == {(key,) for key in keys}


def test_the_layer_that_gave_a_wrong_answer_is_blamed_and_not_the_one_that_raised_on_it(accuse):
    """`tito milestone run` gives up the layer in which the exception arose; blame looks further."""
    found = accuse({**FINE, NUMBERS: numbers("return 'two'")})
    assert found.swaps == ((A01,),)
    assert found.culprits[0].case.status is Status.ERROR


def test_two_layers_that_only_fail_together_are_told_as_a_pair(accuse):
    """One says a word more and the other a word less than each should, and only together does anybody hear it."""
    pair = {
        NUMBERS: numbers("return 2 * x", top="loud = True"),
        WORDS: "import tinytorch.core.tensor as lower\n\n\ndef shout(n):\n"
        "    return ('?' if hasattr(lower, 'loud') else '!') * lower.double(n)\n",
    }
    found = accuse({**FINE, **pair})
    assert [culprit.layers for culprit in found.culprits] == [(A01, A02)]
    assert sorted(found.swaps) == [(A01,), (A02,)]


def test_a_layer_that_cannot_be_used_is_to_blame_though_the_rest_reaches_the_milestone(accuse):
    found = accuse({**FINE, WORDS: "def shout(:\n"})
    assert (found.reached, found.culprits, found.swaps) == (True, (), ())
    assert [(choice.assignment, "Python cannot read this" in choice.reason) for choice in found.refused] == [
        (A02, True)
    ]


def test_a_layer_that_was_not_handed_in_is_nobody_s_fault(accuse):
    found = accuse({NUMBERS: numbers(), SONGS: songs()})
    assert (found.reached, found.refused, found.own) == (True, (), (A01, A03))


def test_the_command_says_whom_and_why_and_what_helps(course, tmp_path, monkeypatch, tito):
    monkeypatch.setenv("TITO_COURSE", str(course.root))
    path = zipped(tmp_path / "ann.zip", {**FINE, WORDS: FAULTS[A02][1]})
    status, out, err = tito("blame", path, "--milestone", "choir")
    assert (status, err) == (1, "")
    for words_of_it in (
        "run  1  fails   a01 + a02 + a03\n",
        "choir: not reached on the student's a01 + a02 + a03, the rest reference",
        "to blame: a02_words (Words)",
        "with this layer alone on the reference the milestone fails",
        "sings what it is asked to (failed)",
        "smallest swap: a02\n",
        f"tito grade a02 {path}",
        " runs in ",
    ):
        assert words_of_it in out
    status, out, _ = tito("blame", zipped(tmp_path / "ben.zip", FINE), "-m", "choir", "--quiet")
    assert (status, "nothing is to blame" in out, "run  1" in out) == (0, True, False)
    assert tito("blame", path, "-m", "choirs")[0] == 2
    assert tito("blame", tmp_path / "nobody.zip", "-m", "choir")[0] == 2


def test_every_run_is_told_before_and_after(choir, tmp_path):
    steps: list[Step] = []
    found = of_runner(choir, [zipped(tmp_path / "ann.zip", {**FINE, SONGS: FAULTS[A03][1]})], told=steps.append)
    assert [step.number for step in steps[::2]] == list(range(1, found.runs + 1))
    assert [step.verdict is None for step in steps] == [True, False] * found.runs
    assert steps[0].layers == (A01, A02, A03)


def test_an_upload_of_nothing_is_refused_in_one_line(choir, tmp_path):
    with pytest.raises(UserError):
        of_runner(choir, [zipped(tmp_path / "ann.zip", {"essay.txt": "words"})])


# The real thing: faults of a kind that students make, in the text of the reference.

XOR = {
    "a02_activations": ("tinytorch/core/activations.py", "no_list_of_parameters"),
    "a04_losses": ("tinytorch/core/losses.py", "sum_for_mean"),
}


def test_on_the_real_xor_two_seeded_misconceptions_are_both_found(tmp_path):
    from autograder.explain import load_misconceptions

    course = load_course()
    for key, (path, name) in XOR.items():
        text = (course.solution(key) / path).read_text()
        (member,) = [m for m in load_misconceptions(course.solution(key)) if m.id == name]
        for edit in member.edits:
            assert text.count(edit.find) == 1
            text = text.replace(edit.find, edit.put)
        stage.put(tmp_path / key / path, text)
    with Runner(course, course.milestone("xor")) as runner:
        found = of_runner(runner, [tmp_path / key for key in XOR])
    assert found.own == tuple(XOR)
    assert found.swaps == (tuple(XOR),)
    assert {culprit.layers for culprit in found.culprits} == {(key,) for key in XOR}
