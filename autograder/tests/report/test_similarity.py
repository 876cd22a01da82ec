"""Resemblance: copies are found under other names and layouts, and what everybody was given counts for nothing."""

from __future__ import annotations

import random

import pytest

from autograder.report.similarity import Likeness, compare
from autograder.validate.mixtures import rewritten

STUB = '''
"""Given."""

import numpy as np


def given(x, how):
    """Everybody has this, and it is long enough to be found."""
    total = np.asarray(x).sum(axis=0, keepdims=True)
    for n, (a, b) in enumerate(zip(how, how[1:])):
        total = total + n * a - b / (1 + np.abs(total))
    return total if how else np.zeros_like(total)


def yours(x):
    raise NotImplementedError("yours")
'''


def program(seed: int, lines: int = 25) -> str:
    """A solution of one's own: the given part and a body that no other seed has."""
    chance = random.Random(seed)
    names = chance.sample(["alpha", "beta", "gamma", "delta", "eps", "zeta", "eta", "theta", "iota"], 6)
    body = []
    for _ in range(lines):
        a, b, c = chance.sample(names, 3)
        body.append(
            chance.choice(
                [
                    f"    {a} = {b} * {chance.randint(2, 99)} + {c}[{chance.randint(0, 9)}:]",
                    f"    if {a} > {b} and not {c}:\n        {b} = {c} - {chance.randint(2, 99)}",
                    f"    {a}, {b} = np.{chance.choice(['dot', 'outer', 'stack'])}({b}, {c}), {a}",
                    f"    for {a} in range({chance.randint(2, 99)}):\n        {b} += {c} ** {chance.randint(2, 9)}",
                    f"    {a} = [{b} for {b} in {c} if {b} % {chance.randint(2, 9)}]",
                    f"    while {a}: {a} = {a} // {chance.randint(2, 9)} | {b}",
                ]
            )
        )
    return STUB.replace('    raise NotImplementedError("yours")', "\n".join(body) + "\n    return x")


def members(found: Likeness) -> list[tuple[int, ...]]:
    return [cluster.members for cluster in found.clusters]


OTHERS = {n: program(n) for n in range(10, 16)}


def test_independent_work_on_one_stub_does_not_resemble():
    found = compare(OTHERS, STUB)
    assert (members(found), found.compared, found.short) == ([], 6, 0)


@pytest.mark.parametrize(
    ("copy", "least"),
    [
        (lambda text: text, 1.0),
        (lambda text: text.replace("alpha", "x1").replace("beta", "somewhat_longer") + "\n# my own\n", 0.95),
        (lambda text: text.replace("    ", "  ").replace(" = ", "="), 0.9),
        (rewritten, 0.6),
        (lambda text: text.replace("return x", "\n".join(program(99, 4).splitlines()[-5:])), 0.7),
    ],
    ids=["itself", "names", "layout", "rewritten", "with something added"],
)
def test_a_copy_is_found_however_it_is_dressed(copy, least):
    found = compare({**OTHERS, 1: program(1), 2: copy(program(1))}, STUB)
    assert members(found) == [(1, 2)]
    (pair,) = found.clusters[0].pairs
    assert pair.left_share >= least


def test_what_was_given_is_no_resemblance_even_laid_out_anew():
    short = {1: STUB, 2: rewritten(STUB), 3: STUB.replace("total", "summe")}
    found = compare({**short, **OTHERS}, STUB)
    assert members(found) == []
    assert found.short >= 1


def test_what_most_have_is_nobody_s_own():
    """The same helper from the lecture in every submission."""
    helper = program(7).split("def yours(x):\n")[1].replace("    return x", "    return 0")
    shared = {n: text + "\n\ndef helper(x):\n" + helper for n, text in OTHERS.items()}
    found = compare(shared, STUB)
    assert (members(found), found.shared) == ([], None)


def test_a_solution_that_went_round_most_of_the_course_is_not_hidden_by_being_common():
    """Seven of ten hand in one solution, each with names of their own and a line more: no pair, but a list of the seven."""
    ring = {
        n: program(1).replace("alpha", f"mine{n}").replace("beta", f"b{n}") + f"\n\nDEBUG_{n} = {n} if {n} else None\n"
        for n in range(1, 8)
    }
    alone = {n: program(n) for n in (20, 21, 22)}
    found = compare({**ring, **alone}, STUB)
    assert members(found) == []
    assert found.shared.members == tuple(ring)
    marked = [line.text for line in found.shared.lines if line.same]
    assert len(marked) >= 20 and not any("DEBUG" in text for text in marked)
    assert not any(line.text.strip() in STUB for line in found.shared.lines)
    assert compare({**dict(list(ring.items())[:4]), **alone, **OTHERS}, STUB).shared is None


def test_chains_make_one_cluster_and_identical_copies_one_pair_each():
    first, second = program(1), program(2)
    half = first + second.split("def yours(x):\n")[1].replace("    return x", "")
    found = compare({**OTHERS, 1: first, 2: half, 3: first, 4: first}, STUB, threshold=0.4)
    assert members(found) == [(1, 2, 3, 4)]
    pairs = [(pair.left, pair.right) for pair in found.clusters[0].pairs]
    assert {(1, 3), (1, 4), (1, 2)} == set(pairs)


def test_two_uploads_of_one_student_are_not_compared():
    sources = {**OTHERS, 1: program(1), 2: program(1), 3: program(1) + "\ny = 1"}
    found = compare(sources, STUB, apart=[frozenset((1, 2)), frozenset((1, 3)), frozenset((2, 3))])
    assert members(found) == []


def test_the_lines_that_both_have_are_marked_under_their_own_numbers_and_the_stub_s_are_left_out():
    text = program(1)
    changed = text.replace("    return x", "    return np.linalg.svd(np.eye(len(x)) @ x.T)[0].mean(), {'a': x}")
    found = compare({**OTHERS, 1: text, 2: changed}, STUB)
    (pair,) = found.clusters[0].pairs
    lines = changed.splitlines()
    assert all(lines[line.number - 1] == line.text for line in pair.right_lines)
    assert all(line.text.strip() not in STUB for line in pair.right_lines)
    same = [line.same for line in pair.right_lines]
    assert all(same[:-2]) and not same[-1]


def test_hostile_or_empty_text_is_compared_without_a_fault():
    sources = {1: "", 2: "\x00" * 500, 3: "((((" * 5000, 4: "'" * 9999, 5: "\\\n" * 5000, 6: "é‮" * 3000}
    found = compare(sources, STUB)
    assert found.compared + found.short == 6
    assert compare({}, STUB).clusters == ()
