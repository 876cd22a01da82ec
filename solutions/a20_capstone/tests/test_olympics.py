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


@test_case(
    name="a model is measured, reported and entered",
    points=1,
    hidden=True,
    failure_message=(
        "Latency is that of one sample, accuracy that of all; MB are 2^20 bytes of what is stored; the time of an entry is its own by the baseline's, on the clock that was given."
    ),
)
def report(student, rng):
    seed, X = _seed(rng), rng.normal(size=(40, 5)).astype("float32")
    out, _, count, _ = student.mlp(seed, [5, 8, 3], X)
    y = rng.integers(0, 3, size=40)
    got, kept, rows = student.benchmarked(seed, [5, 8, 3], X, y, 0.002)
    expect.close(got["accuracy"], float((out.argmax(axis=1) == y).mean()))
    expect.equal([got["parameter_count"], kept], [count, True])
    expect.close([got["model_size_mb"], got["latency_ms_mean"]], [4 * count / 2**20, 2.0])
    expect.close([got["latency_ms_std"], got["throughput_samples_per_sec"]], [0.0, 500.0], atol=1e-6)
    # Of all calls those that are timed are by far the most: 20, and some to warm up.
    expect.equal(max(set(rows), key=rows.count), 1)
    # At its worst moment a call holds the hidden activations of 40 samples at least.
    expect.between(got["peak_memory_mb"] * 2**20, 4 * count + 4 * 40 * 8, 200_000, "peak bytes of the test set")
    seed, X = _seed(rng), rng.normal(size=(30, 5)).astype("float32")
    out, _, count, _ = student.mlp(seed, [5, 8, 3], X)
    y = rng.integers(0, 3, size=30)
    got = student.entered(seed, [5, 8, 3], X, y)
    expect.close(got["accuracy"], float((out.argmax(axis=1) == y).mean()))
    expect.equal([got["name"], got["size_bytes"], got["techniques"]], ["me", 4 * count, ["none"]])
    # Against 100,000 hidden units: milliseconds to some tens of microseconds.
    expect.between(got["latency_ratio"], 0.0001, 0.9, "time by that of a much larger baseline")
    expect.between(got["memory_bytes"], 4 * count + 4 * 30 * 8, 200_000, "peak bytes")
    ratios, looked_at = student.entered_alike(seed, [5, 8, 3], X, y)
    # Whatever the machine does meanwhile, one of three is near 1 if each is what it should be.
    expect.between(min(ratios, key=lambda r: abs(np.log(r))), 0.67, 1.5, "time of the baseline by its own")
    expect.equal(looked_at, True)


BEFORE = {"latency_ms_mean": 3.0, "model_size_mb": 2.0, "accuracy": 0.96}


GOOD = {"name": "mine", "accuracy": 0.97, "latency_ratio": 0.5, "memory_bytes": 1000, "size_bytes": 200}


@test_case(
    name="an entry is checked field by field",
    points=2,
    hidden=True,
    failure_message="Missing, unknown, of the wrong kind, out of range, NaN, a bool for a number: all in one message.",
)
def checked(student, rng):
    expect.equal(student.validated(GOOD), {**GOOD, "techniques": []})
    expect.equal(student.validated({**GOOD, "accuracy": 1, "techniques": ["x"]})["techniques"], ["x"])
    wrong = [("accuracy", 1.01), ("accuracy", True), ("latency_ratio", float("nan")), ("latency_ratio", 0.0)]
    wrong += [("memory_bytes", 10.5), ("memory_bytes", 0), ("size_bytes", "9"), ("name", ""), ("name", "a\nb")]
    wrong += [("name", "x" * 61), ("techniques", "fast"), ("techniques", [1]), ("latency_ratio", -1.0)]
    for key, value in wrong:
        expect.raises(ValueError, student.validated, {**GOOD, key: value}, mentions=[key])
    lacking = {key: value for key, value in GOOD.items() if key != "size_bytes"}
    both = ["size_bytes is missing", "unknown field 'sise'"]
    expect.raises(ValueError, student.validated, {**lacking, "sise": 1}, mentions=both)


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


@test_case(
    name="who qualifies, and who does not comes last",
    points=1,
    hidden=True,
    failure_message=(
        "A point of accuracy may be lost, five in the extreme push, to the limit itself; in the accuracy contest nothing"
        " may be larger or slower. Who loses more has 0 points and no place."
    ),
)
def qualified(student, rng):
    lost = [_entry(rng, a) for a in (0.96, 0.9599, 0.92, 0.9199)]
    for event, wanted in (("latency_sprint", [True, False, False, False]), ("extreme_push", [True, True, True, False])):
        expect.equal([s > 0 for s in student.scores(BASE, lost, event)], wanted)
    larger = [
        ["x", 0.99, 1.01, 900, 700],
        ["x", 0.99, 0.9, 1001, 700],
        ["x", 0.99, 0.9, 900, 801],
        ["x", 0.99, 1.0, 1000, 800],
    ]
    expect.equal([s > 0 for s in student.scores(BASE, larger, "accuracy_contest")], [False, False, False, True])
    expect.true(all(s > 0 for s in student.scores(BASE, larger, "all_around")), "elsewhere all four have points")
    entries = [["bad", 0.5, 0.1, 10, 10], ["a", 0.96, 0.9, 900, 700], ["c", 0.97, 0.25, 500, 400]]
    got = student.ranked(BASE, [entries[i] for i in rng.permutation(3)])
    expect.equal([row[:2] for row in got], [[1, "c"], [2, "a"], [None, "bad"]])


@test_case(
    name="who shares a place",
    points=1,
    hidden=True,
    failure_message=(
        "The same score and accuracy share a place, in the order of their names, and the next one counts them all: 1, 2,"
        " 2, 4. Of the same score the higher accuracy comes first."
    ),
)
def places(student, rng):
    entries = [["d", 0.97, 0.5, 500, 400], ["b", 0.97, 0.5, 500, 400], ["a", 0.96, 0.9, 900, 700]]
    entries += [["c", 0.97, 0.25, 500, 400], ["e", 0.98, 0.5, 500, 400]]
    got = student.ranked(BASE, [entries[i] for i in rng.permutation(5)])
    expect.equal([row[:2] for row in got], [[1, "c"], [2, "e"], [3, "b"], [3, "d"], [5, "a"]])
    expect.raises(ValueError, student.ranked, BASE, [BASE, BASE], mentions=["base"])
