"""Windows of a text: inputs and targets by index arithmetic."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "windows"
title = "Windows of a text"
points = None


def _windows(ids, seq_len, stride, indices):
    """Inputs and targets, one after the other."""
    starts = [int(i) * stride for i in indices]
    inputs = np.array([ids[s : s + seq_len] for s in starts])
    return inputs, np.array([ids[s + 1 : s + 1 + seq_len] for s in starts])


@test_case(name="targets are the inputs one place further", points=2)
def one_further(student, rng):
    ids = rng.integers(0, 65, size=50)
    indices = rng.permutation(9)[:4]
    expect.equal(student.windows(ids, 5, None, indices), _windows(ids, 5, 5, indices))
    expect.equal(student.window(ids, 5, None, 3), (ids[15:20], ids[16:21]))


@test_case(
    name="any stride, and the last window with a target",
    points=1,
    hidden=True,
    failure_message="A window counts only if its target, which ends one id later, is whole. -1 is the last window.",
)
def strides(student, rng):
    seq_len, stride = int(rng.integers(3, 7)), int(rng.integers(1, 9))
    for n, own, wanted in (
        (seq_len + 1, 1, 1),
        (seq_len + 2, 1, 2),
        (4 * seq_len, None, 3),
        (4 * seq_len + 1, None, 4),
    ):
        expect.equal(student.window_count(n, seq_len, own), wanted)
    ids = rng.integers(0, 65, size=60)
    last = (60 - 1 - seq_len) // stride
    expect.equal(student.window_count(60, seq_len, stride), last + 1)
    wanted = _windows(ids, seq_len, stride, [last, 0, 1])
    expect.equal(student.windows(ids, seq_len, stride, [-1, 0, 1]), wanted)
    expect.equal(student.window(ids, seq_len, stride, -1), (wanted[0][0], wanted[1][0]))


@test_case(
    name="a batch of windows costs no loop",
    points=1,
    hidden=True,
    failure_message="Beginnings (n, 1) and places 0 to seq_len broadcast to all positions at once: one index does it.",
)
def no_loop(student, rng):
    n = int(rng.integers(380, 420))
    few, many = student.steps_run("SequenceDataset.gather", 20), student.steps_run("SequenceDataset.gather", n)
    expect.between(few, 2, 400, "lines of Python run for 20 windows")
    expect.between(many, 2, few + 40, f"lines of Python run for {n} windows")
