"""Task 3: parameters and layers, found wherever they are, each once and under the right name."""

from itertools import pairwise

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "parameters"
title = "Finding parameters"
points = None


@test_case(name="parameters of nested modules, with dotted names", points=4)
def nested_names(student, rng):
    n, hidden, classes = (int(i) for i in rng.choice(np.arange(2, 30), size=3, replace=False))
    expected = {
        "scale": (n,),
        "block.first.weight": (n, hidden),
        "block.first.bias": (hidden,),
        "block.second.weight": (hidden, n),
        "head.weight": (n, classes),
        "head.bias": (classes,),
    }
    expect.equal(student.shapes_by_name(n, hidden, classes), [6, expected])


@test_case(name="parameters() hands out the tensors the network computes with", points=2)
def the_tensors_themselves(student, rng):
    n, hidden, classes = (int(i) for i in rng.choice(np.arange(2, 7), size=3, replace=False))
    sizes = [n, n * hidden, hidden, hidden * n, n * classes, classes]
    numbers = rng.normal(size=sum(sizes)).astype("float32")
    x = rng.normal(size=(4, n)).astype("float32")
    scale, w1, b1, w2, w3, b3 = np.split(numbers.astype("float64"), np.cumsum(sizes)[:-1])
    inner = np.maximum(x @ w1.reshape(n, hidden) + b1, 0) @ w2.reshape(hidden, n)
    expected = (inner * scale) @ w3.reshape(n, classes) + b3
    expect.close(student.output_of_filled(n, hidden, classes, numbers, x), expected, rtol=1e-4, atol=1e-4)


@test_case(name="shared parameters come once", points=3)
def shared(student, rng):
    n = int(rng.integers(2, 9))
    names = [["first.weight", (n, n)], ["first.bias", (n,)], ["other.bias", (n,)]]
    expect.equal(student.shared(n), [names, 3, n * n + 2 * n])


@test_case(name="a network counts its parameters", points=1)
def counted(student, rng):
    sizes = [int(n) for n in rng.choice(np.arange(2, 60), size=5, replace=False)]
    total = sum(n * m + m for n, m in pairwise(sizes))
    expect.equal(student.counted(sizes), total)


@test_case(name="a network draws itself as a tree", points=1)
def drawn_as_tree(student, rng):
    n, hidden, classes = (int(i) for i in rng.integers(2, 99, size=3))
    lines = [
        "Net(",
        "  (block): Block(",
        f"    (first): Linear(in_features={n}, out_features={hidden}, bias=True)",
        "    (bend): ReLU()",
        f"    (second): Linear(in_features={hidden}, out_features={n}, bias=False)",
        "  )",
        f"  (head): Linear(in_features={n}, out_features={classes}, bias=True)",
        ")",
    ]
    expect.equal(student.drawing(n, hidden, classes).split("\n"), lines)
