"""Task 5: state out as named arrays, state in by copying."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "state"
title = "State"
points = None


@test_case(name="state_dict names every parameter", points=2)
def names(student, rng):
    n, hidden, classes = (int(i) for i in rng.choice(np.arange(2, 30), size=3, replace=False))
    expected = {
        "scale": (n,),
        "block.first.weight": (n, hidden),
        "block.first.bias": (hidden,),
        "block.second.weight": (hidden, n),
        "head.weight": (n, classes),
        "head.bias": (classes,),
    }
    expect.equal(student.state(n, hidden, classes), expected)


@test_case(name="state carries a network over into another", points=3)
def round_trip(student, rng):
    n, hidden, classes = (int(i) for i in rng.choice(np.arange(2, 7), size=3, replace=False))
    sizes = [n, n * hidden, hidden, hidden * n, n * classes, classes]
    numbers = rng.normal(size=sum(sizes)).astype("float32")
    scale, w1, b1, w2, w3, b3 = np.split(numbers, np.cumsum(sizes)[:-1])
    expected = {
        "scale": scale,
        "block.first.weight": w1.reshape(n, hidden),
        "block.first.bias": b1,
        "block.second.weight": w2.reshape(hidden, n),
        "head.weight": w3.reshape(n, classes),
        "head.bias": b3,
    }
    expect.equal(student.carried_over(n, hidden, classes, numbers), expected)
