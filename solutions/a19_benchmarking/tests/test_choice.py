"""Task 8: what each optimization gains and costs, measured side by side."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "choice"
title = "Which optimization is worth it"
points = None


def _data(rng, n=30):
    inputs = rng.normal(size=(n, 4)).astype("float32")
    return inputs, np.where(rng.random(n) < 0.8, inputs.argmax(1), (inputs.argmax(1) + 1) % 4)


def _accuracy(data, weight):
    return float(np.mean([((x @ weight).argmax(1) == y).mean() for x, y in data]))


@test_case(name="speedup, accuracy and size of each beside the base model", points=3)
def gains(student, rng):
    eye, data = np.eye(4, dtype="float32"), [_data(rng), _data(rng, 17)]
    seconds, other = float(rng.uniform(0.02, 0.03)), rng.normal(size=(4, 4)).astype("float32")
    found, same, _ = student.analyzed([seconds, eye], {"quick": [seconds / 2, other]}, data, 12)
    quick = found["improvements"]["quick"]
    change = _accuracy(data, other) - _accuracy(data, eye)
    expect.close([quick["speedup"], quick["accuracy_change"]], [2, change], rtol=1e-6, atol=1e-9)
    expect.equal([quick["verdict"], quick["size_ratio"], same], ["faster", 1.0, True])
    expect.close(found["base_metrics"]["latency_ms"], 1e3 * seconds, rtol=1e-6)
    expect.close(found["base_metrics"]["accuracy"], _accuracy(data, eye), rtol=1e-9)


@test_case(
    name="on a machine that slows down, with a front of three metrics",
    points=3,
    hidden=True,
    failure_message=(
        "All models take turns in one measure_in_turn. The front is that of accuracy (max), latency_ms (min) and"
        " stored_bytes (min), the base model among the points."
    ),
)
def front(student, rng):
    eye, data, seconds = np.eye(4, dtype="float32"), [_data(rng, 200)], float(rng.uniform(0.02, 0.03))
    wrong = np.roll(eye, 1, axis=0)
    models = {"alike": [seconds, eye], "quick": [seconds / 2, wrong], "slow": [2 * seconds, wrong]}
    found, same, asked = student.analyzed(
        [seconds, eye], models, data, 24, int(rng.integers(1 << 30)), drift=1 / (108 * seconds), shake=0.02
    )
    gains = found["improvements"]
    expect.between(gains["quick"]["speedup"], 1.85, 2.15, "speedup of the quick model")
    expect.between(gains["slow"]["speedup"], 0.46, 0.54, "speedup of the slow model")
    expect.between(gains["alike"]["speedup"], 0.95, 1.05, "speedup of an equal model")
    expect.equal([gains["quick"]["verdict"], gains["slow"]["verdict"]], ["faster", "slower"])
    expect.equal(same, True)
    expect.between(len({x.tobytes() for x in asked}), 12, 24, "different samples in 24 rounds")
    on_front = found["pareto_front"]
    expect.true("quick" in on_front and "slow" not in on_front, "the quick model is on the front, the slow one is not")
    expect.true("base" in on_front or "alike" in on_front, "one of the two most accurate models is on the front")
    expect.equal(sorted(found["optimized_results"]), ["alike", "quick", "slow"])
