"""Tasks 4 to 6: two statistics, their p-values, many features, and how often a detector cries wolf."""

import math
from itertools import combinations, pairwise

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "drift"
title = "Drift"
points = None


def _ks(a, b):
    """The greatest distance of the two distribution functions, from their definition."""
    return max(abs(float((a <= x).mean() - (b <= x).mean())) for x in [*a, *b])


def _tail(x):
    return min(1.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101)))


@test_case(name="the greatest distance of two distributions", points=2)
def distance(student, rng):
    for n, m in ((7, 12), (30, 5), (1, 1), (4, 4)):
        a, b = rng.normal(size=n), rng.normal(0.5, 2, size=m)
        expect.close(student.ks_distance(a, b), _ks(a, b), rtol=1e-9)
        expect.close(student.ks_distance(b, a), _ks(a, b), rtol=1e-9)


@test_case(
    name="equal values, within a sample and across",
    points=2,
    hidden=True,
    failure_message="All equal values are one step. Distances count after the whole step, not in the middle of it.",
)
def ties(student, rng):
    for top in (2, 3, 6):
        a, b = rng.integers(0, top, size=25).astype(float), rng.integers(0, top, size=40).astype(float)
        expect.close(student.ks_distance(a, b), _ks(a, b), rtol=1e-9, atol=1e-12)
        expect.close(student.ks_distance(b, a), _ks(a, b), rtol=1e-9, atol=1e-12)
    expect.close(student.ks_distance(np.array([1.0, 1.0, 2.0]), np.array([2.0, 1.0, 1.0])), 0.0)


@test_case(
    name="Kolmogorov's tail, and exact p-values of small samples",
    points=2,
    hidden=True,
    failure_message=(
        "Up to n m = EXACT the given paths_that_reach counts: it takes the whole number D n m. Beyond that it is"
        " Stephens' formula with r = √(n m / (n + m))."
    ),
)
def probability(student, rng):
    n, m = int(rng.integers(3, 5)), int(rng.integers(4, 7))
    orders = []
    for chosen in combinations(range(n + m), n):
        at = np.isin(np.arange(n + m), chosen)
        orders.append(np.abs(np.cumsum(at) / n - np.cumsum(~at) / m).max())
    a, b = np.sort(rng.normal(size=n)), np.sort(rng.normal(1, 1, size=m))
    d = _ks(a, b)
    expect.close(student.ks(a, b), [d, float(np.mean(np.array(orders) > d - 1e-9))], rtol=1e-6)
    n, m, d = int(rng.integers(90, 300)), int(rng.integers(300, 900)), float(rng.uniform(0.06, 0.15))
    r = math.sqrt(n * m / (n + m))
    expect.close(student.ks_p_value(d, n, m), _tail((r + 0.12 + 0.11 / r) * d), rtol=1e-6)
    x = [0.0, 0.1, *rng.uniform(0.35, 2.5, size=6).tolist(), 6.0]
    expect.close(student.tails(x), [1.0, 1.0, *(_tail(v) for v in x[2:])], rtol=1e-6, atol=1e-12)


def _index(p, q):
    p, q = np.asarray(p) + 0.5, np.asarray(q) + 0.5
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


@test_case(name="bins of the reference, open at both ends, of values that repeat too", points=2)
def bins(student, rng):
    reference = rng.normal(size=200)
    live = np.concatenate([rng.normal(2, 1, size=40), [-1e9, 1e9]])
    edges, counts = student.binned(reference, live, 8)
    wanted = np.quantile(reference, np.arange(1, 8) / 8)
    expect.close(edges, wanted)
    whole = np.concatenate([[-np.inf], wanted, [np.inf]])
    expect.equal(counts, np.array([((live >= a) & (live < b)).sum() for a, b in pairwise(whole)]))
    expect.equal(int(student.binned(reference, reference, 8)[1].sum()), 200)
    # Eighths of 80 steps fall on samples, so no edge is rounded.
    reference = rng.choice([0.0, 1.0, 5.0], size=81, p=[0.6, 0.3, 0.1])
    edges, counts = student.binned(reference, reference, 8)
    expect.equal(edges, np.unique(np.quantile(reference, np.arange(1, 8) / 8)))
    expect.equal(counts, np.bincount([(value >= edges).sum() for value in reference], minlength=len(edges) + 1))
    expect.close(student.psi(reference, reference), 0.0)


@test_case(name="the index of two samples, with empty bins and of many windows at once", points=2)
def index(student, rng):
    reference, live = rng.normal(size=300), rng.normal(0.4, 1.3, size=80)
    edges = np.quantile(reference, np.arange(1, 10) / 10)
    counts = [np.bincount(np.searchsorted(edges, x, side="right"), minlength=10) for x in (reference, live)]
    expect.close(student.psi(reference, live), _index(*counts))
    reference, live = rng.integers(0, 30, size=6), rng.integers(0, 5, size=(4, 6))
    live[:, 2], reference[4] = 0, 0
    expect.close(student.index(reference, live), [_index(reference, row) for row in live])
    expect.finite(student.psi(np.arange(50.0), np.full(20, 999.0)))


@test_case(
    name="what chance does to the index",
    points=2,
    hidden=True,
    failure_message=(
        "The shares of the bins are drawn from a Dirichlet distribution with the reference's counts, then a window of m"
        " from each draw of shares. The result is sorted."
    ),
)
def chance(student, rng):
    # A share of 4,000 draws lies within 0.04 of its probability but for once in 1e12 times.
    for n, m in ((40, 400), (800, 50)):
        counts = rng.multinomial(n, np.full(8, 1 / 8))
        drawn = student.chance(counts, m, 4000, int(rng.integers(1 << 30)))
        expect.shape(drawn, (4000,))
        expect.finite(drawn)
        expect.true(bool((drawn[1:] >= drawn[:-1]).all()), "the drawn indices are sorted")
        shares = rng.dirichlet(np.maximum(counts, 0.5), size=20_000)
        q = rng.multinomial(m, shares) + 0.5
        p = (counts + 0.5) / (counts + 0.5).sum()
        q = q / q.sum(axis=1, keepdims=True)
        own = ((q - p) * np.log(q / p)).sum(axis=1)
        for level in (0.2, 0.5, 0.9):
            share = float((drawn <= np.quantile(own, level)).mean())
            expect.between(share, level - 0.055, level + 0.055, "share of drawn indices below the right quantile")


def _expect_rejected(student, rng, k, rejected, alpha, above):
    """The smallest `rejected` of k p-values in any order, each just below what it is compared with. The next one is just
    above, and those after it are below theirs again, or above all levels."""
    limits = np.array([alpha / left for left in range(k, 0, -1)])
    p = np.array([rng.uniform(below, limit) for below, limit in zip([0, *limits[:-1]], limits, strict=True)])
    if rejected < k:
        p[rejected] = limits[rejected] * 1.001
        rest = p[rejected + 1 :]
        rest[:] = rng.uniform(1.01 * alpha, 1, rest.size) if above else np.maximum(rest, p[rejected] * 1.001)
    order = rng.permutation(k)
    expect.equal(student.holm(p[order], alpha), (np.arange(k) < rejected)[order])


@test_case(name="one level for many hypotheses, and a larger share of it for each that is left", points=1)
def many(student, rng):
    expect.equal(student.holm([0.01, 0.06, 0.03, 0.005], 0.05), np.array([True, False, False, True]))
    for rejected in rng.permutation(7)[:4].tolist():
        _expect_rejected(student, rng, 6, rejected, 0.05, above=True)
    expect.equal(student.holm([0.05], 0.05), np.array([True]))


@test_case(name="behind the first p-value that is too large everything is kept", points=1)
def kept(student, rng):
    # Compared with 0.0125, 0.0167, 0.025 and 0.05: the second is too large, and the third would pass.
    order = rng.permutation(4)
    p = np.array([0.001, 0.018, 0.024, 0.2])[order]
    expect.equal(student.holm(p, 0.05), np.array([True, False, False, False])[order])
    for rejected in (0, 1):
        _expect_rejected(student, rng, 6, rejected, 0.05, above=False)


@test_case(name="a report of all features, and data that is refused", points=2)
def report(student, rng):
    reference = rng.normal(size=(150, 4))
    # Every fifth of the sorted values: no sample speaks less of drift. The order in a window says nothing.
    window = rng.permuted(np.sort(reference, axis=0)[2::5], axis=0)
    place = int(rng.integers(4))
    window[:, place] += 3
    drifted, statistics, p_values, features = student.checked(reference, window)
    pairs = [student.ks(reference[:, i], window[:, i]) for i in range(4)]
    expect.close(statistics, [_ks(reference[:, i], window[:, i]) for i in range(4)])
    expect.close(p_values, [p for _, p in pairs], rtol=1e-6, atol=1e-12)
    expect.equal([drifted, features], [True, [place]])
    expect.raises(ValueError, student.ks_distance, np.zeros(0), np.ones(3), mentions=["empty"])
    expect.raises(ValueError, student.ks_distance, np.ones(3), np.array([1.0, np.nan]), mentions=["NaN"])
    window = np.ones((5, 3))
    window[2, 1] = np.nan
    expect.raises(ValueError, student.checked, np.ones((9, 3)), window, mentions=["1", "NaN"])
    expect.raises(ValueError, student.checked, np.ones((9, 3)), np.ones((5, 2)), mentions=["2", "3"])


@test_case(
    name="an index is judged by what chance does",
    points=1,
    hidden=True,
    failure_message=(
        "The p-value is (1 + drawn indices at least as large) / (1 + drawn indices), with the window's own m. Draws with"
        " just the window's index are as large as it is."
    ),
)
def judged(student, rng):
    reference, window = rng.normal(size=(400, 2)), rng.normal(size=(60, 2))
    window[:, 1] += 2
    _, statistics, p_values, features = student.checked(reference, window, method="psi", samples=2000)
    wanted = []
    for i in (1, 0):
        edges = np.quantile(reference[:, i], np.arange(1, 10) / 10)
        counts, live = (
            np.bincount(np.searchsorted(edges, x[:, i], side="right"), minlength=10) for x in (reference, window)
        )
        wanted.insert(0, _index(counts, live))
    expect.close(statistics, wanted)
    drawn = student.chance(counts, 60, 20_000, 1)
    share = float((drawn >= statistics[0]).mean())
    # Of 2,000 draws, 6 standard deviations are 0.067 at most.
    expect.between(p_values[0], share - 0.08, share + 0.08, "p-value of a window without drift")
    expect.close(p_values[1], 1 / 2001, rtol=1e-9, atol=1e-12)
    expect.equal(features, [0, 1] if p_values[0] <= 0.01 else [1])
    # As many values below the reference's median as above it: the index is 0, as it is of every other such draw, and
    # all draws are at least as large.
    half, samples = int(rng.integers(1, 4)), int(rng.integers(100, 1000))
    window = reference[rng.permutation(np.argsort(reference[:, 0])[[*range(half), *range(-half, 0)]]), 0]
    drifted, index, p_value, features = student.checked(reference[:, 0], window, method="psi", bins=2, samples=samples)
    expect.close([index, p_value], [[0.0], [1.0]], rtol=1e-9, atol=1e-9)
    expect.equal([drifted, features], [False, []])


def _streams(rng, shift=0.0, count=5, windows=60, n=1000, m=40, k=6):
    """References (count, n, k) and windows (count, windows, m, k), where one feature is shifted."""
    references = rng.normal(size=(count, n, k)).astype("float32")
    live = rng.normal(size=(count, windows, m, k)).astype("float32")
    live[..., int(rng.integers(k))] += shift
    return references, live


def _expect_level(student, rng, method):
    # 300 windows at level 0.05: 15 alarms are expected. Given the reference the level is another one, 0.075 at the
    # very most over five references; even then more than 57 come less than once in 1e9 times. Six features at 0.05 each
    # raise 80.
    found = student.alarms(*_streams(rng), method=method, alpha=0.05)
    expect.between(found, 0, 57, "alarms in 300 windows without drift, at level 0.05")
    # A shift of a deviation and a half in 40 values is nine standard errors.
    found = student.alarms(*_streams(rng, 1.5, 2, 15), method=method, alpha=0.05)
    expect.equal(found, 30)


@test_case(
    name="alarms without drift and with it, by Kolmogorov and Smirnov",
    points=2,
    hidden=True,
    failure_message="The level holds for all features together, and a shift of 1.5 deviations is found always.",
)
def level_of_ks(student, rng):
    _expect_level(student, rng, "ks")


@test_case(
    name="alarms without drift and with it, by the index",
    points=2,
    hidden=True,
    failure_message="The level holds for all features together, and a shift of 1.5 deviations is found always.",
)
def level_of_index(student, rng):
    _expect_level(student, rng, "psi")
