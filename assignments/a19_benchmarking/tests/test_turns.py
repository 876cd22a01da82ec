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
