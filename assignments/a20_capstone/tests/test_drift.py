"""Tasks 4 to 6: two statistics, their p-values, many features, and how often a detector cries wolf."""

from itertools import pairwise

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


@test_case(name="the greatest distance of two distributions", points=2)
def distance(student, rng):
    for n, m in ((7, 12), (30, 5), (1, 1), (4, 4)):
        a, b = rng.normal(size=n), rng.normal(0.5, 2, size=m)
        expect.close(student.ks_distance(a, b), _ks(a, b), rtol=1e-9)
        expect.close(student.ks_distance(b, a), _ks(a, b), rtol=1e-9)


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
