"""Task 2: samples of several programs, on a machine whose time is known."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "turns"
title = "Taking turns"
points = None


def _seed(rng):
    return int(rng.integers(1 << 30))


@test_case(name="seconds of a call, on average over its inputs", points=1)
def average(student, rng):
    seconds = rng.uniform(1, 9, 7)
    expect.close(student.one_sample(seconds.tolist()), seconds.mean(), rtol=1e-9)


@test_case(name="a sample has as many calls as the clock needs", points=2)
def enough_calls(student, rng):
    for _ in range(5):
        seconds, error = float(rng.uniform(1e-4, 1e-3)), float(rng.uniform(0.01, 0.05))
        grain = 0.015625
        least = grain / error / seconds
        # A coarse clock may show up to a step more or less than there was.
        low, high = (2 ** int(np.ceil(np.log2(max(least * f, 1)))) for f in (1 - error, 1 + error))
        expect.between(student.calls(seconds, grain, error), low, high, "calls of a sample")
    expect.equal(student.calls(float(rng.uniform(2, 3)), 0.015625, 0.01), 1)


@test_case(
    name="making inputs does not count as time of the run, and a run that nobody can see is an error",
    points=2,
    hidden=True,
    failure_message=(
        "Make the inputs of all calls first, then look at the clock. calls_needed doubles up to 2^24 and gives up then."
    ),
)
def inputs_apart(student, rng):
    seconds = float(rng.uniform(1e-3, 2e-3))
    least = 0.0625 / 0.02 / seconds
    low, high = (2 ** int(np.ceil(np.log2(least * f))) for f in (0.98, 1.02))
    expect.between(student.calls(seconds, 0.0625, 0.02, 0.5), low, high, "calls of a sample")
    slow, quick = sorted(rng.uniform(1, 9, 2).tolist())
    samples, _ = student.in_turn({"a": quick, "b": slow}, 4, 1, draw_seconds=float(rng.uniform(5, 20)))
    expect.close(samples["a"], [quick] * 4, rtol=1e-9)
    expect.close(samples["b"], [slow] * 4, rtol=1e-9)


@test_case(name="a sample of every run in each round, and the warm-up is not among them", points=2)
def warmup(student, rng):
    seconds = dict(zip("abc", rng.uniform(1, 9, 3).tolist(), strict=True))
    rounds, warm = int(rng.integers(4, 9)), int(rng.integers(1, 5))
    samples, _ = student.in_turn(seconds, rounds, warm, _seed(rng), cold=50.0)
    expect.equal(sorted(samples), sorted(seconds))
    for name, one in seconds.items():
        expect.close(samples[name], [one] * rounds, rtol=1e-9)


@test_case(name="the order changes from round to round", points=2)
def order(student, rng):
    _, ran = student.in_turn({"a": 1.0, "b": 2.0}, 200, 3, _seed(rng))
    rounds = [ran[i : i + 2] for i in range(len(ran) - 400, len(ran), 2)]
    expect.equal([sorted(pair) for pair in rounds], [["a", "b"]] * 200)
    # Of 200 fair coins less than 60 or more than 140 show heads once in 100 million times.
    expect.between(sum(pair[0] == "a" for pair in rounds), 60, 140, "rounds of 200 in which a is first")


@test_case(
    name="the order is drawn, from the seed",
    points=2,
    hidden=True,
    failure_message=(
        "rng.permutation in each round, rng being made of the seed once. Whatever comes in a rhythm can fall in step with"
        " an order that alternates."
    ),
)
def drawn(student, rng):
    seeds = [_seed(rng) for _ in range(2)]
    seconds = {"a": 1.0, "b": 2.0, "c": 3.0}
    orders = [student.in_turn(seconds, 40, 0, seed)[1][-120:] for seed in (seeds[0], seeds[0], seeds[1])]
    expect.equal(orders[0], orders[1])
    expect.true(orders[0] != orders[2], "another seed gives another order")
    rounds = {"".join(orders[0][i : i + 3]) for i in range(0, 120, 3)}
    expect.between(len(rounds), 4, 6, "different orders of three runs in 40 rounds")


@test_case(
    name="in a round all runs get the same inputs, and in each round fresh ones",
    points=2,
    hidden=True,
    failure_message=(
        "Draw the inputs of a round once, before the first run of it. Whoever draws for each run compares inputs, too."
    ),
)
def same_inputs(student, rng):
    names, rounds, warm = list("abcd"[: int(rng.integers(2, 5))]), int(rng.integers(5, 9)), int(rng.integers(1, 4))
    seen, _ = student.inputs_seen(names, rounds, warm, _seed(rng))
    for name in names:
        expect.equal(seen[name], seen[names[0]])
        expect.equal(len(set(seen[name])), rounds)


@test_case(
    name="a coarse clock: samples are right to the share that was asked for",
    points=2,
    hidden=True,
    failure_message=(
        "Find the step of the clock with resolution, then the calls that the quickest run needs, and give that many to"
        " all runs. The time of a sample is divided by its calls."
    ),
)
def coarse(student, rng):
    seconds = dict(zip("ab", rng.uniform(2e-4, 9e-4, 2).tolist(), strict=True))
    samples, _ = student.in_turn(seconds, 5, 2, _seed(rng), grain=0.015625, look=1e-4)
    for name, one in seconds.items():
        expect.close(samples[name], [one] * 5, rtol=0.02)
    expect.equal([len(samples[name]) for name in seconds], [5, 5])


@test_case(
    name="a machine that becomes slower is as slow for all",
    points=3,
    hidden=True,
    failure_message=(
        "One round after the other, and in each of them every run once. If all of a is measured before all of b, the"
        " second pays for what became slower meanwhile."
    ),
)
def drift(student, rng):
    seconds, factor = float(rng.uniform(0.01, 0.02)), float(rng.uniform(1.1, 1.3))
    # The machine takes twice as long at the end as at the beginning.
    whole = 60 * seconds * (1 + factor)
    samples, _ = student.in_turn({"a": seconds, "b": factor * seconds}, 60, 2, _seed(rng), drift=1 / whole)
    ratio = np.median(samples["b"]) / np.median(samples["a"])
    expect.between(float(ratio), 0.97 * factor, 1.03 * factor, "ratio of medians")
    expect.between(samples["a"][-1] / samples["a"][0], 1.5, 4, "last sample by the first, on the slowing machine")


@test_case(
    name="one run, one round, no warm-up; and what cannot be measured",
    points=1,
    hidden=True,
    failure_message="A single run is measured like several. The checks at the beginning are given.",
)
def smallest_experiment(student, rng):
    one = float(rng.uniform(1, 9))
    samples, _ = student.in_turn({"only": one}, 1, 0)
    expect.close(samples["only"], [one], rtol=1e-9)
    expect.raises(ValueError, student.refused_turns, [], 3, 1)
    expect.raises(ValueError, student.refused_turns, ["a"], 0, 1, mentions=["0"])
    expect.raises(ValueError, student.refused_turns, ["a"], 3, -1, mentions=["-1"])
    expect.raises(RuntimeError, student.refused_clock, mentions=["0.001"])
