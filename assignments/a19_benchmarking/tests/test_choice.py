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
