"""Task 6: accuracy, latency and memory of models, measured alike."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "models"
title = "A benchmark of several models"
points = None


def _data(rng, n, classes=4):
    """Inputs (n, classes) and labels of which a model with the weight eye is right about three quarters."""
    inputs = rng.normal(size=(n, classes)).astype("float32")
    labels = np.where(rng.random(n) < 0.75, inputs.argmax(1), rng.integers(0, classes, n))
    return inputs, labels


@test_case(name="accuracy is measured", points=2)
def accuracy(student, rng):
    inputs, labels = _data(rng, 60)
    weight = rng.normal(size=(4, 4)).astype("float32")
    expected = ((inputs @ weight).argmax(1) == labels).mean()
    got, recorded, training = student.accuracy(weight, inputs, labels)
    expect.close(got, expected, rtol=1e-9)
    expect.equal([recorded, training], [False, True])


@test_case(
    name="accuracy of a loader whose last batch is smaller, and of data without labels",
    points=2,
    hidden=True,
    failure_message=(
        "Count right answers and samples and divide once: a mean over batches gives a small batch as much weight as a"
        " large one. Without labels there is nothing to measure, and nothing to report."
    ),
)
def batches(student, rng):
    inputs, labels = _data(rng, 35)
    labels[32:] = (inputs[32:].argmax(1) + 1) % 4  # the last batch is all wrong
    got, _, _ = student.accuracy(np.eye(4), inputs, labels, batch_size=8)
    expect.close(got, (inputs.argmax(1) == labels).mean(), rtol=1e-9)
    expect.raises(ValueError, student.accuracy_without_labels, inputs)
    expect.raises(ValueError, student.benchmark_without_data)


@test_case(name="latency of models in milliseconds", points=1)
def latency(student, rng):
    # Parts of a power of two: sums of them are exact, so no sample differs from the others by rounding.
    seconds = dict(zip(("base", "quick", "slow"), (rng.integers(10, 50, 3) / 1024).tolist(), strict=True))
    got = student.benchmark(seconds, np.eye(4), (1, 4), 2, 8, int(rng.integers(1 << 30)))
    for name, one in seconds.items():
        expect.close(got["latency"][name], [1e3 * one] * 8, rtol=1e-6)
    expect.equal(got["units"], ["ms"] * 3)
    expect.equal([got["same"], got["training"]], [True, False])


@test_case(
    name="all models in turn, on the same fresh inputs; rows of a comparison, the best first",
    points=3,
    hidden=True,
    failure_message=(
        "measure_in_turn with all models at once and the draw that is given; milliseconds; the arguments in its order:"
        " rounds are measurement_runs, warmup is warmup_runs. Accuracies in the order of the data sets."
    ),
)
def in_turn(student, rng):
    one = float(rng.uniform(0.01, 0.02))
    seconds = {"base": 2 * one, "same": 2 * one, "quick": one}
    data = [_data(rng, 40), _data(rng, 23)]
    whole = 12 * 5 * one
    got = student.benchmark(seconds, np.eye(4), (1, 4), 1, 12, int(rng.integers(1 << 30)), data, drift=1 / whole)
    expect.equal([got["same"], got["fresh"], got["training"]], [True, 12, False])
    medians = {name: float(np.median(values)) for name, values in got["latency"].items()}
    expect.between(
        medians["base"] / medians["same"], 0.9, 1.1, "ratio of two equal models on a machine that slows down"
    )
    expect.between(got["latency"]["quick"][-1] / got["latency"]["quick"][0], 1.3, 4, "last latency by the first")
    rows = got["rows"]["latency"]
    expect.equal([rows[0]["name"], rows[0]["verdict"]], ["quick", "faster"])
    expect.close(rows[0]["gain"], medians["base"] / medians["quick"], rtol=1e-9)
    for row in rows:
        expect.close(row["median"], medians[row["name"]], rtol=1e-9)
    right = [float((x.argmax(1) == y).mean()) for x, y in data]
    for name in seconds:
        expect.close(got["accuracy"][name], right, rtol=1e-9)


@test_case(
    name="memory: what is stored and the worst moment of a call; names of models",
    points=1,
    hidden=True,
    failure_message="stored_size and the peak_bytes of assignment 14's measure_memory, added up, in MB of 2^20 bytes.",
)
def memory(student, rng):
    numbers = int(rng.integers(1 << 17, 1 << 18))
    total, parts = student.memory(np.eye(4), (2, 4), numbers)
    expect.equal(parts["stored_bytes"], 64)
    expect.between(parts["peak_bytes"], 8 * numbers, 8 * numbers + 60_000, "bytes at the peak")
    expect.close(total, (64 + parts["peak_bytes"]) / 2**20, rtol=1e-9)
    expect.equal(student.names_of(["timed", "linear", "timed"]), ["Timed", "Linear", "Timed_2"])
