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


def _drifting(rng, experiments, pairs, factor=1.0):
    """Times (experiments, pairs) of two programs, the first `factor` times the second; the machine becomes up to four
    times slower, in its own way in every experiment, and single calls are interrupted."""
    level = np.exp(np.cumsum(rng.normal(0, 0.12, (experiments, pairs)), axis=1) + np.linspace(0, 1, pairs))
    both = []
    for own in (factor, 1.0):
        noise = 1 + 0.1 * rng.exponential(1, (experiments, pairs))
        noise[rng.random(noise.shape) < 0.05] *= 3
        both.append(own * level * noise)
    return both


def _half_of_the_ratios(rng, a, b):
    """Between which bounds the middle half of the ratios of two medians lies, if the pairs are drawn again."""
    picks = rng.integers(0, len(a), (1000, len(a)))
    return np.quantile(np.median(a[picks], axis=1) / np.median(b[picks], axis=1), [0.25, 0.75])


@test_case(name="the sign test counts wins", points=1)
def sign(student, rng):
    for n in (8, 15, 40):
        differences = rng.normal(0.4, 1, n)
        expect.close(student.sign_p(differences.tolist()), _sign(differences), rtol=1e-9)
        expect.close(student.sign_p((-differences).tolist()), _sign(differences), rtol=1e-9)
    expect.close(student.sign_p([0.5] * 6), 2 / 64, rtol=1e-9)


@test_case(
    name="ties speak for nobody, and nothing is likelier than certain",
    points=2,
    hidden=True,
    failure_message=(
        "Zeros are left out of n. Twice the probability of the rarer sign's count or fewer; at most 1, which is also the"
        " answer if nothing is left."
    ),
)
def ties(student, rng):
    signs = [1.0] * int(rng.integers(2, 5)) + [-1.0] * int(rng.integers(6, 9)) + [0.0] * int(rng.integers(1, 9))
    mixed = (rng.permutation(signs) * rng.uniform(1, 2, len(signs))).tolist()
    expect.close(student.sign_p(mixed), _sign(mixed), rtol=1e-9)
    for even in ([1.0, -1.0], [1.0, -2.0, 3.0, -1.0, 2.0, -0.5], [0.0, 0.0], []):
        expect.equal(student.sign_p(even), 1.0)


@test_case(name="Wilcoxon's test weighs wins by their ranks", points=2)
def ranks(student, rng):
    for n in (5, 9, 12):
        differences = rng.normal(0.5, 1, n)
        expect.close(student.rank_p(differences.tolist()), _wilcoxon(differences), rtol=1e-9)
        expect.close(student.rank_p((-differences).tolist()), _wilcoxon(differences), rtol=1e-9)
    # All six won, no matter by how much: two of 64 sums are as far out.
    expect.close(student.rank_p(rng.uniform(1, 2, 6).tolist()), 2 / 64, rtol=1e-9)


@test_case(
    name="ranks that are shared, zeros, and many pairs",
    points=2,
    hidden=True,
    failure_message=(
        "Equal sizes share the mean of their ranks, so doubled ranks are whole numbers. Zeros are left out before"
        " ranking. For 100 pairs add up probabilities rank by rank instead of going through all signs."
    ),
)
def shared(student, rng):
    for _ in range(4):
        differences = rng.integers(-3, 5, 11).astype(float)
        differences[:2] = 2, -1
        expect.close(student.rank_p(differences.tolist()), _wilcoxon(differences), rtol=1e-9)
    # Doubled ranks 3, 3, 7, 7: one sum is 6, the next is 7.
    for few in ([1.0, 1.0, -2.0, -2.0], [-1.0, -1.0, 2.0, 2.0]):
        expect.close(student.rank_p(few), _wilcoxon(few), rtol=1e-9)
    for nothing in ([], [0.0, 0.0], [1.0, -1.0]):
        expect.equal(student.rank_p(nothing), 1.0)
    # Many pairs: the normal distribution is close.
    differences = rng.normal(0.15, 1, 120)
    w = _ranks(np.abs(differences))[differences > 0].sum()
    z = (abs(w - 120 * 121 / 4) - 0.5) / math.sqrt(120 * 121 * 241 / 24)
    expect.close(student.rank_p(differences.tolist()), math.erfc(z / math.sqrt(2)), rtol=0.03, atol=2e-3)


@test_case(
    name="two equal programs are rarely told apart, two different ones mostly",
    points=3,
    hidden=True,
    failure_message=(
        "Experiments with two equal programs on a machine that becomes slower: at the level 0.05 at most one in twenty"
        " may raise an alarm. With a program that is 12 % faster most do."
    ),
)
def error_rates(student, rng):
    a, b = _drifting(rng, 2400, 20)
    p = student.p_values(np.log(a / b))
    expect.shape(p, (2400, 2))
    # At most 120 expected; more than 175 have a chance of less than one in a million. A test that is wrong twice as
    # often stays below with one of a few in a million.
    for kind, column in zip(("the sign test", "Wilcoxon's test"), p.T, strict=True):
        expect.between(int((column <= 0.05).sum()), 1, 175, f"false alarms of {kind} in 2400 experiments")
    a, b = _drifting(rng, 100, 40, 1.12)
    p = student.p_values(np.log(a / b))
    expect.between(int((p[:, 1] <= 0.05).sum()), 75, 100, "experiments of 100 in which a difference is found")


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


@test_case(
    name="the interval of the ratio holds the true ratio, whatever both shared",
    points=3,
    hidden=True,
    failure_message=(
        "Draw pairs, not samples: the same indices for both. Torn apart, the drift of the machine widens the interval"
        " until it says nothing. The middle 95 % of the ratios lie between the quantiles 0.025 and 0.975."
    ),
)
def bootstrap(student, rng):
    true = float(rng.uniform(1.1, 1.6))
    a, b = _drifting(rng, 120, 41, true)
    bounds = student.ratio_bounds(a, b)
    expect.shape(bounds, (120, 2))
    held = int(((bounds[:, 0] <= true) & (true <= bounds[:, 1])).sum())
    expect.between(held, 98, 120, "experiments of 120 in which the interval holds the true ratio")
    torn = student.ratio_bounds(a, rng.permuted(b, axis=1))
    narrow, wide = (float(np.median(x[:, 1] / x[:, 0])) for x in (bounds, torn))
    expect.between((wide - 1) / (narrow - 1), 1.5, 1e9, "width with pairs torn apart by width with pairs")
    half = student.ratio_bounds(a[:80], b[:80], 0.5)
    held = int(((half[:, 0] <= true) & (true <= half[:, 1])).sum())
    expect.between(held, 18, 62, "experiments of 80 in which a 50 % interval holds the true ratio")
    own = np.array([_half_of_the_ratios(rng, *pair) for pair in zip(a[:20], b[:20], strict=True)])
    widths = float(np.median((half[:20, 1] - half[:20, 0]) / (own[:, 1] - own[:, 0])))
    expect.between(widths, 0.88, 1.12, "width of a 50 % interval by that from the quantiles 0.25 and 0.75")
    # A pair of three is drawn twice or more often in a quarter of the draws, whichever it is.
    bounds = student.ratio_bounds(1 + 9 * np.eye(3), np.ones((3, 3)), 0.9)
    expect.close(bounds, [[1, 10]] * 3, rtol=1e-9)


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


@test_case(
    name="a verdict needs the test at its level and an interval without 1",
    points=2,
    hidden=True,
    failure_message=(
        "faster or slower needs a p-value of at most 1 - confidence, and an interval that lies above or below 1. The"
        " confidence is the comparison's own."
    ),
)
def levels(student, rng):
    quick = rng.uniform(1, 1.02, 7)
    # All of seven pairs won: p = 2/128, enough at 95 % and not at 99 %.
    slow = quick * rng.uniform(1.3, 1.6, 7)
    got = [student.compared(slow.tolist(), quick.tolist(), c)["verdict"] for c in (0.95, 0.99)]
    expect.equal(got, ["faster", "undecided"])
    # Won a little 19 times of 21 and lost a lot twice: the test is sure, the ratio of medians is not.
    often = np.repeat([1.0, 2.0], [10, 11]) * rng.uniform(1, 1.001, 21)
    mostly = often / 1.01
    mostly[rng.choice(10, 2, replace=False)] *= 2
    pairs = rng.permutation(21)
    got = [student.compared(*(x[pairs].tolist() for x in two))["verdict"] for two in ((often, mostly), (mostly, often))]
    expect.equal(got, ["undecided"] * 2)
    a, b = _drifting(rng, 60, 20)
    alarms = sum(v != "undecided" for v in student.verdicts(a, b))
    expect.between(alarms, 0, 14, "verdicts on 60 pairs of equal programs that are not undecided")
    expect.equal(student.compared([1.0] * 9, [1.0] * 9)["verdict"], "undecided")


@test_case(
    name="two programs on a machine that becomes slower and is disturbed",
    points=2,
    hidden=True,
    failure_message="compare measures in turn, on the same inputs; the baseline stands in the numerator.",
)
def programs(student, rng):
    # Near enough to 1 that torn pairs, which carry the drift, decide nothing; for pairs it is five deviations away.
    factor = float(rng.uniform(1.12, 1.2))
    seed = int(rng.integers(1 << 30))
    speedup, verdict, pairs, logs = student.compared_programs(0.01 * factor, 0.01, 40, seed, drift=1.0, shake=0.1)
    expect.between(speedup, 0.88 * factor, 1.12 * factor, "speedup")
    expect.equal([verdict, pairs], ["faster", 40])
    # On inputs that are not the same for both, a pair would differ by more than the machine shakes.
    expect.between(float(np.ptp(logs)), 0, 0.35, "range of the log ratios")
    speedup, verdict, _, _ = student.compared_programs(0.01, 0.01 * factor, 40, seed + 1, drift=1.0, shake=0.1)
    expect.between(speedup, 0.88 / factor, 1.12 / factor, "speedup")
    expect.equal(verdict, "slower")


@test_case(
    name="what is no comparison",
    points=1,
    hidden=True,
    failure_message="The checks of Comparison are given. Another number of samples is no set of pairs.",
)
def refused(student, rng):
    times = rng.uniform(1, 2, 6).tolist()
    expect.close(student.compared(times, [2 * t for t in times])["speedup"], 0.5, rtol=1e-9)
    expect.raises(ValueError, student.compared, times, times[:-1], mentions=["6", "5"])
    expect.raises(ValueError, student.compared, [], [])
    expect.raises(ValueError, student.compared, times, [0.0, *times[1:]])
