"""Task 4: tests and intervals for pairs. Each p-value is computed here by counting all cases; error rates by drawing."""

import itertools
import math

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "pairs"
title = "Two programs, pair by pair"
points = None


def _sign(differences):
    given = [d for d in differences if d != 0]
    k = min(sum(d > 0 for d in given), sum(d < 0 for d in given))
    return min(1.0, 2 * sum(math.comb(len(given), i) for i in range(k + 1)) / 2 ** len(given))


def _ranks(sizes):
    return np.array([(sizes < s).sum() + ((sizes == s).sum() + 1) / 2 for s in sizes])


def _wilcoxon(differences):
    """By going through all 2^n signs."""
    given = np.array([d for d in differences if d != 0])
    ranks = _ranks(np.abs(given))
    sums = np.array(list(itertools.product([0, 1], repeat=len(given)))) @ ranks
    came = ranks[given > 0].sum()
    return min(1.0, 2 * min((sums <= came + 1e-9).mean(), (sums >= came - 1e-9).mean()))


@test_case(name="the sign test counts wins", points=1)
def sign(student, rng):
    for n in (8, 15, 40):
        differences = rng.normal(0.4, 1, n)
        expect.close(student.sign_p(differences.tolist()), _sign(differences), rtol=1e-9)
        expect.close(student.sign_p((-differences).tolist()), _sign(differences), rtol=1e-9)
    expect.close(student.sign_p([0.5] * 6), 2 / 64, rtol=1e-9)


@test_case(name="Wilcoxon's test weighs wins by their ranks", points=2)
def ranks(student, rng):
    for n in (5, 9, 12):
        differences = rng.normal(0.5, 1, n)
        expect.close(student.rank_p(differences.tolist()), _wilcoxon(differences), rtol=1e-9)
        expect.close(student.rank_p((-differences).tolist()), _wilcoxon(differences), rtol=1e-9)
    # All six won, no matter by how much: two of 64 sums are as far out.
    expect.close(student.rank_p(rng.uniform(1, 2, 6).tolist()), 2 / 64, rtol=1e-9)


@test_case(name="the speedup is the baseline's time by the candidate's", points=2)
def speedup(student, rng):
    candidate = rng.uniform(1, 2, 15)
    baseline = candidate * rng.uniform(0.9, 2.5, 15)
    candidate[3] *= 40
    candidate[8] = baseline[8]  # nobody wins this one
    got = student.compared(baseline.tolist(), candidate.tolist())
    expect.close(got["speedup"], np.median(baseline) / np.median(candidate), rtol=1e-9)
    expect.equal(got["wins"], int((candidate < baseline).sum()))
    expect.close(got["log_ratios"], np.log(baseline / candidate), rtol=1e-7, atol=1e-9)
    expect.close(got["sign_p"], _sign(np.log(baseline / candidate)), rtol=1e-9)


@test_case(name="faster, slower, undecided", points=2)
def verdict(student, rng):
    quick = rng.uniform(1, 1.2, 20)
    slow = quick * rng.uniform(1.3, 1.6, 20)
    expect.equal(student.compared(slow.tolist(), quick.tolist())["verdict"], "faster")
    expect.equal(student.compared(quick.tolist(), slow.tolist())["verdict"], "slower")
    alike = quick * np.tile([1.1, 1 / 1.1], 10)
    expect.equal(student.compared(quick.tolist(), alike.tolist())["verdict"], "undecided")
    # Four pairs won cannot be told from four coins.
    expect.equal(student.compared(slow[:4].tolist(), quick[:4].tolist())["verdict"], "undecided")
