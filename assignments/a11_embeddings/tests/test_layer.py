"""Task 4: the layer that holds a table."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "layer"
title = "Embedding"
points = None


@test_case(name="a layer looks tokens up in a table of its own", points=3)
def looks_up(student, rng):
    rows, dim = int(rng.integers(4, 9)), int(rng.integers(10, 15))
    expect.equal(student.layer_parameters(rows, dim), [[[rows, dim], "float32", True]])
    weight, tokens = rng.normal(size=(rows, dim)).astype("float32"), rng.integers(0, rows, size=(2, 3))
    expect.equal(student.layer_called(tokens, weight), weight[tokens])


@test_case(name="rows of tokens that occur are trained, the padding row is not", points=2)
def trained(student, rng):
    rows, steps = int(rng.integers(6, 10)), int(rng.integers(2, 5))
    padding, other, twice = (int(i) for i in 1 + rng.permutation(rows - 1)[:3])
    tokens = [[padding, other], [twice, twice]]
    before, after, _ = student.layer_trained(rows, 3, padding, tokens, steps, 0.25)
    moved = np.zeros((rows, 3))
    moved[other], moved[twice] = -0.25 * steps, -0.5 * steps
    expect.close(after - before, moved, atol=1e-5)
    expect.equal(after[padding], np.zeros(3, "float32"))
