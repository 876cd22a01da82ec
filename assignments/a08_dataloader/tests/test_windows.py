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
