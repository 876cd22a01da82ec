"""Tasks 10 to 12: who gets what, how many are needed, and how often an experiment is wrong."""

import hashlib
import math
from itertools import combinations
from statistics import NormalDist

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "abtest"
title = "A/B tests"
points = None

Z = NormalDist().inv_cdf


@test_case(name="the arm of a user, the same on every machine, and what it counts", points=1)
def arm(student, rng):
    users = [f"u{i}" for i in rng.integers(0, 10**9, size=60)]
    first = [int.from_bytes(hashlib.sha256(f"blue\n{user}".encode()).digest()[:8], "big") / 2**64 for user in users]
    for share in (0.5, 0.2):
        expect.equal(student.arms(users, "blue", share), ["b" if x < share else "a" for x in first])
    users = [f"u{i}" for i in rng.integers(0, 10**9, size=2000)]
    trials, successes = student.recorded(users, [user < "u5" for user in users], [0.2, 0.05])
    own = student.arms(users, "x")
    expect.equal(trials, {arm: own.count(arm) for arm in ("a", "b")})
    pairs = list(zip(users, own, strict=True))
    expect.equal(successes, {arm: sum(user < "u5" and got == arm for user, got in pairs) for arm in ("a", "b")})


@test_case(name="arms of one experiment say nothing about those of another", points=1)
def apart(student, rng):
    users = [f"u{i}" for i in rng.integers(0, 10**9, size=2000)]
    names = ["blue", "green", f"x{int(rng.integers(10**9))}"]
    for one, other in combinations([student.arms(users, name) for name in names], 2):
        # Half of 2,000 with a deviation of 22.
        same = sum(a == b for a, b in zip(one, other, strict=True))
        expect.between(same, 850, 1150, "users of the same arm in two experiments")


def _z(sa, na, sb, nb):
    p = (sa + sb) / (na + nb)
    z = (sb / nb - sa / na) / math.sqrt(p * (1 - p) * (1 / na + 1 / nb))
    return [z, 2 * (1 - NormalDist().cdf(abs(z)))]


def _counts(rng):
    """Successes and trials of both arms."""
    na, nb = (int(n) for n in rng.integers(40, 900, size=2))
    return int(rng.binomial(na, 0.3)), na, int(rng.binomial(nb, 0.36)), nb


@test_case(name="z with the variance of one common rate, and counts that cannot be", points=1)
def significance(student, rng):
    for counts in [_counts(rng) for _ in range(3)]:
        z, _ = student.two_proportions(*counts)
        expect.close(z, _z(*counts)[0], rtol=1e-6, atol=1e-9)
    for counts in ((0, 9, 0, 7), (9, 9, 7, 7)):
        z, _ = student.two_proportions(*counts)
        expect.close(z, 0.0)
    expect.raises(ValueError, student.two_proportions, 5, 4, 1, 9, mentions=["5", "4"])
    expect.raises(ValueError, student.two_proportions, 0, 0, 1, 9)


@test_case(name="the p-value of a z counts both tails", points=1)
def tails(student, rng):
    # Of the z that came, so that a wrong z does not spoil it.
    for counts in [_counts(rng) for _ in range(3)]:
        z, p_value = student.two_proportions(*counts)
        expect.between(z, -40, 40, "z")
        expect.close(p_value, 2 * (1 - NormalDist().cdf(abs(float(z)))), rtol=1e-6, atol=1e-9)
    for counts in ((0, 9, 0, 7), (9, 9, 7, 7)):
        _, p_value = student.two_proportions(*counts)
        expect.close(p_value, 1.0)


def _size(base, lift, alpha=0.05, power=0.8):
    a, b, mean = base, base + lift, base + lift / 2
    spread = Z(1 - alpha / 2) * math.sqrt(2 * mean * (1 - mean)) + Z(power) * math.sqrt(a * (1 - a) + b * (1 - b))
    return math.ceil((spread / lift) ** 2)


@test_case(name="how many trials, for one look and for more", points=2)
def size(student, rng):
    plans = [
        [0.2, 0.01],
        [0.5, -0.1, 0.01, 0.9],
        [float(rng.uniform(0.1, 0.4)), float(rng.uniform(0.03, 0.2)), 0.1, 0.7],
    ]
    expect.equal(student.sizes(plans), [_size(*plan) for plan in plans])
    expect.raises(ValueError, student.sizes, [[0.9, 0.2]], mentions=["1.1"])
    expect.raises(ValueError, student.sizes, [[0.3, 0.0]])
    for looks in (1, 5):
        c = student.bounds([looks], 0.05)[0]
        factor = ((c + Z(0.8)) / (Z(0.975) + Z(0.8))) ** 2
        wanted = math.ceil(math.ceil(_size(0.3, 0.05) * factor) / looks) * looks
        expect.between(student.planned(0.3, 0.05, 0.05, 0.8, looks), wanted - looks, wanted + looks, "planned trials")


@test_case(
    name="the bound of planned looks",
    points=1,
    hidden=True,
    failure_message="Draw experiments without a difference and take the quantile of the greatest |z| of all their looks.",
)
def bound(student, rng):
    # Pocock's constants for two-sided tests; 100,000 draws put the quantile within 0.04 of them, 0.08 at level 0.01.
    expect.close(student.bounds([1, 2, 5, 10], 0.05), [1.95996, 2.178, 2.413, 2.555], rtol=0, atol=0.045)
    expect.close(student.bounds([1, 3], 0.01), [2.57583, 2.873], rtol=0, atol=0.08)


@test_case(name="a verdict at the planned size and not before", points=2)
def at_the_end(student, rng):
    n = _size(0.2, 0.1)
    less, more = int(0.1 * n), int(0.4 * n)
    for first, second, state in ((less, more, "b better"), (more, less, "a better"), (more, more, "undecided")):
        steps = [["a", first, n], ["b", second, n - 1], ["b", 0, 1], ["a", 5, 5]]
        answers, trials = student.verdicts([0.2, 0.1], steps)
        expect.equal([answer[0] for answer in answers], ["running", "running", state, state])
        expect.close(answers[2][1:3], _z(first, n, second, n), rtol=1e-6, atol=1e-9)
        expect.equal([answers[0][1:], trials], [[None, None, 0], {"a": n, "b": n}])


@test_case(
    name="looks are taken where they were planned",
    points=1,
    hidden=True,
    failure_message=(
        "A look is due when both arms have their part. It is taken once: trials between two looks decide nothing, and"
        " its |z| has to exceed the bound of all looks."
    ),
)
def at_planned_looks(student, rng):
    plan = [0.3, 0.1, 0.05, 0.8, 4]
    step = student.planned(*plan) // 4
    c = student.bounds([4], 0.05)[0]
    spread = math.sqrt(2 * 0.3 * 0.7 * step)
    # At the first look |z| is just below the bound, then far above it between the looks, and at the second one near 0.
    below = int(0.3 * step + (c - 0.25) * spread)
    steps = [["a", int(0.3 * step), step], ["b", below, step], ["b", step // 2, step // 2], ["a", step // 2, step // 2]]
    steps += [["a", step // 2, step - step // 2], ["b", 0, step - step // 2]]
    answers, _ = student.verdicts(plan, steps)
    expect.equal([answer[0] for answer in answers[:4]], ["running"] * 4)
    expect.equal([answer[3] for answer in answers], [0, 1, 1, 1, 1, 2])
    early, trials = student.verdicts(plan, [["a", 0, step], ["b", step // 2, step], ["b", 1, 1]])
    expect.equal([early[1][0], early[2], trials], ["b better", early[1], {"a": step, "b": step}])
    # Twice the plan at once, with one rate: the last look is taken, and it was the last one.
    late, _ = student.verdicts(plan, [["a", 2 * step, 8 * step], ["b", 2 * step, 8 * step]])
    expect.equal([late[1][0], late[1][3]], ["undecided", 4])


def _outcomes(rng, count, looks, step, a, b):
    return np.stack([rng.binomial(step, a, size=(count, looks)), rng.binomial(step, b, size=(count, looks))], axis=2)


def _decided(counts):
    return sum(counts.get(state, 0) for state in ("a better", "b better"))


@test_case(
    name="wrong verdicts come as often as they may",
    points=2,
    hidden=True,
    failure_message="Of experiments without a difference at most alpha may end with a verdict, with one look or with five.",
)
def first_kind(student, rng):
    # Of 1,500 experiments 75 are expected to be wrong. At 0.057 (the normal approximation, and the drawn bound) 144 are
    # reached less than once in 1e9 times; five looks with the bound of one are wrong 213 times.
    for looks in (1, 5):
        plan = [0.3, 0.1, 0.05, 0.8, looks]
        step = student.planned(*plan) // looks
        counts = student.experiments(plan, _outcomes(rng, 1500, looks, step, 0.3, 0.3))
        expect.between(_decided(counts), 20, 144, "verdicts in 1,500 experiments without a difference")
        expect.equal(counts.get("running", 0), 0)


@test_case(
    name="a real difference is found as surely as planned",
    points=2,
    hidden=True,
    failure_message="With a difference of lift the share of verdicts is the power, with several looks a little more.",
)
def second_kind(student, rng):
    # 1,200 of 1,500 with a deviation of 15.5: six of them are 93. Five looks have a power of 0.83.
    for looks in (1, 5):
        plan = [0.3, 0.1, 0.05, 0.8, looks]
        step = student.planned(*plan) // looks
        counts = student.experiments(plan, _outcomes(rng, 1500, looks, step, 0.3, 0.4))
        expect.between(counts.get("b better", 0), 1090, 1310 + 80 * (looks > 1), "verdicts for b in 1,500 experiments")
        expect.between(counts.get("a better", 0), 0, 5, "verdicts for a in 1,500 experiments where b is better")
