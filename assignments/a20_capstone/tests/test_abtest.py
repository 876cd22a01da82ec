"""Tasks 10 to 12: who gets what, how many are needed, and how often an experiment is wrong."""

import hashlib
import math
from statistics import NormalDist

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "abtest"
title = "A/B tests"
points = None

Z = NormalDist().inv_cdf


@test_case(name="the arm of a user, apart in every experiment", points=2)
def arm(student, rng):
    users = [f"u{i}" for i in rng.integers(0, 10**9, size=60)]
    first = [int.from_bytes(hashlib.sha256(f"blue\n{user}".encode()).digest()[:8], "big") / 2**64 for user in users]
    for share in (0.5, 0.2):
        expect.equal(student.arms(users, "blue", share), ["b" if x < share else "a" for x in first])
    users = [f"u{i}" for i in rng.integers(0, 10**9, size=2000)]
    one, other = student.arms(users, "blue"), student.arms(users, "green")
    # Half of 2,000 with a deviation of 22.
    expect.between(sum(a == b for a, b in zip(one, other, strict=True)), 850, 1150, "users of the same arm in both")
    trials, successes = student.recorded(users, [user < "u5" for user in users], [0.2, 0.05])
    own = student.arms(users, "x")
    expect.equal(trials, {arm: own.count(arm) for arm in ("a", "b")})
    pairs = list(zip(users, own, strict=True))
    expect.equal(successes, {arm: sum(user < "u5" and got == arm for user, got in pairs) for arm in ("a", "b")})


def _z(sa, na, sb, nb):
    p = (sa + sb) / (na + nb)
    z = (sb / nb - sa / na) / math.sqrt(p * (1 - p) * (1 / na + 1 / nb))
    return [z, 2 * (1 - NormalDist().cdf(abs(z)))]


@test_case(name="z and the two-sided p-value, and counts that cannot be", points=2)
def significance(student, rng):
    for _ in range(3):
        na, nb = (int(n) for n in rng.integers(40, 900, size=2))
        sa, sb = int(rng.binomial(na, 0.3)), int(rng.binomial(nb, 0.36))
        expect.close(student.two_proportions(sa, na, sb, nb), _z(sa, na, sb, nb), rtol=1e-6, atol=1e-9)
    expect.equal([student.two_proportions(0, 9, 0, 7), student.two_proportions(9, 9, 7, 7)], [[0.0, 1.0]] * 2)
    expect.raises(ValueError, student.two_proportions, 5, 4, 1, 9, mentions=["5", "4"])
    expect.raises(ValueError, student.two_proportions, 0, 0, 1, 9)


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
