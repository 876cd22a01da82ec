"""Task 9: the loop on a stream that drifts."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "loop"
title = "The loop"
points = None

STRICT = {"alpha": 1e-10}  # a false alarm would fail the case; the drifts here have p-values below 1e-20


def _window(rng, count=120, moved=0.0):
    """Two clouds (count, 2) and their labels; moved clouds lie so that the old centres take one for the other."""
    y = rng.permutation(count) % 2
    centres = np.array([[moved - 2.0, 0.0], [moved + 2.0, 0.0]])
    return rng.normal(size=(count, 2)) + centres[y], y


@test_case(name="nothing happens while nothing changed, and low accuracy is a reason", points=2)
def quiet(student, rng):
    reference, labels = _window(rng, 400)
    windows = [(reference[i : i + 60], labels[i : i + 60]) for i in (0, 100, 200)]
    events, trained, _, count, _ = student.looped(reference, labels, windows, [1.0, 2.0, 3.0], **STRICT)
    expect.equal(events, [[None, 1]] * 3)
    expect.equal([trained, count], [0, 0])
    reference, labels = _window(rng, 400)
    X, y = reference[:120], 1 - labels[:120]
    for below, reason in ((0.7, "accuracy"), (None, None)):
        (found, _), *_ = student.looped(reference, labels, [(X, y)], [0.0], accuracy_below=below, **STRICT)[0]
        expect.equal(found and found[1], reason)


@test_case(name="drift leads to a better version in use", points=2)
def drifted(student, rng):
    reference, labels = _window(rng, 400)
    (found, current), *_ = student.looped(reference, labels, [_window(rng, 300, 4)], [5.0], **STRICT)[0]
    expect.equal([found[0], found[1], found[2], found[5], current], [5.0, "drift", 2, True, 2])
    expect.between(found[3], 0.1, 0.9, "share that the old version got right")
    expect.between(found[4], 0.8, 1.0, "share that the new version gets right")
