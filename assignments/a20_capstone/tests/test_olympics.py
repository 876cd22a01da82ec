"""Tasks 17 to 19: a report, an entry, and who wins."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "olympics"
title = "The Torch Olympics"
points = None


def _seed(rng):
    return int(rng.integers(1 << 30))


@test_case(name="a small classifier, and a submission in its file", points=1)
def classifier(student, rng):
    X = rng.normal(size=(7, 4)).astype("float32")
    out, w, count, default = student.mlp(_seed(rng), [4, 6, 3], X)
    hidden = np.maximum(X @ w["fc1.weight"] + w["fc1.bias"], 0)
    expect.close(out, hidden @ w["fc2.weight"] + w["fc2.bias"], rtol=1e-5, atol=1e-5)
    expect.equal([count, default], [4 * 6 + 6 + 6 * 3 + 3, 283])
    after = {"latency_ms_mean": float(rng.uniform(0.5, 2)), "model_size_mb": 0.5, "accuracy": 0.95}
    got = student.submission(BEFORE, after, student_name="Ada", techniques_applied=["int8"])
    better = got["improvements"]
    expect.close([better["speedup"], better["compression_ratio"]], [3 / after["latency_ms_mean"], 4.0])
    expect.close(better["accuracy_delta"], -0.01, atol=1e-9)
    expect.equal([got["student_name"], got["optimized"]["techniques_applied"]], ["Ada", ["int8"]])
    expect.equal([got["baseline"]["metrics"], "optimized" in student.submission(BEFORE)], [BEFORE, False])


BEFORE = {"latency_ms_mean": 3.0, "model_size_mb": 2.0, "accuracy": 0.96}


BASE = ["base", 0.97, 1.0, 1000, 800]


def _entry(rng, accuracy, name="e"):
    return [name, accuracy, float(rng.uniform(0.2, 0.9)), int(rng.integers(100, 900)), int(rng.integers(80, 700))]


@test_case(name="points in each event, and the front", points=2)
def points_of(student, rng):
    entries = [_entry(rng, 0.975), _entry(rng, 0.96), BASE]
    latency = [1 / e[2] for e in entries]
    memory, size = ([1000 / e[3] for e in entries], [800 / e[4] for e in entries])
    every = zip(latency, memory, size, strict=True)
    expect.close(student.scores(BASE, entries, "latency_sprint"), latency)
    expect.close(
        student.scores(BASE, entries, "memory_challenge"), [(m * s) ** 0.5 for m, s in zip(memory, size, strict=True)]
    )
    around = [(t * m * s) ** (1 / 3) for t, m, s in every]
    expect.close(student.scores(BASE, entries, "all_around"), around)
    expect.close(student.scores(BASE, entries, "extreme_push"), around)
    expect.close(student.scores(BASE, entries, "accuracy_contest"), [0.975 / 0.97, 0.96 / 0.97, 1.0])
    entries = [
        ["a", 0.97, 0.5, 500, 400],
        ["b", 0.97, 0.5, 500, 401],
        ["c", 0.9, 0.4, 500, 400],
        ["d", 0.99, 3, 900, 900],
    ]
    expect.equal(student.front([entries[i] for i in (1, 3, 0, 2)]), ["d", "a", "c"])
