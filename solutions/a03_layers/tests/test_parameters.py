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


@test_case(
    name="attributes in the order in which they were assigned",
    points=1,
    hidden=True,
    failure_message="Names are found in the order of assignment, not of the alphabet.",
)
def order(student, rng):
    names = ["".join(rng.choice(list("abcdefgh"), size=5)) + str(i) for i in range(12)]
    sizes = [int(n) for n in rng.integers(1, 9, size=12)]
    expect.equal(
        student.named_shapes_of_attributes(names, sizes), [[n, (s,)] for n, s in zip(names, sizes, strict=True)]
    )


@test_case(
    name="a module's own parameters come before those inside",
    points=1,
    hidden=True,
    failure_message=(
        "However deep modules are nested: first the parameters a module holds itself, then those of the layers inside."
    ),
)
def own_first(student, rng):
    depth = int(rng.integers(9, 13))
    names = [f"{rng.choice(list('abc'))}{i}" for i in range(depth)]
    sizes = [int(n) for n in rng.integers(1, 9, size=depth)]
    paths = [".".join([*names[:i], "w"]) for i in range(depth)]
    expect.equal(student.nested(names, sizes), [[p, (s,)] for p, s in zip(paths, sizes, strict=True)])


@test_case(
    name="equal is not the same",
    points=1,
    hidden=True,
    failure_message="Two parameters that happen to hold equal numbers are two. Sharing is a question of identity.",
)
def equal_is_not_same(student, rng):
    n = int(rng.integers(2, 9))
    names = [
        [f"{side}.{part}", shape] for side in ("left", "right") for part, shape in (("weight", (n, n)), ("bias", (n,)))
    ]
    expect.equal(student.twins(n), names)


@test_case(
    name="lists, tuples and dicts are looked into",
    points=3,
    hidden=True,
    failure_message=(
        "A list of layers in an attribute `stack` gives stack.0, stack.1, ...; keys of a dict take the place of the "
        "number. Lists of lists too. Numbers and text in them are passed over."
    ),
)
def containers(student, rng):
    sizes = [int(n) for n in rng.integers(2, 9, size=3)]
    keys = ["".join(rng.choice(list("abcdefgh"), size=4)) + str(i) for i in range(3)]
    expected = [["pair.1", (sizes[-1],)]]
    for i, n in enumerate(sizes):
        expected += [[f"stack.{i}.weight", (n, n)], [f"stack.{i}.bias", (n,)]]
    expected += [["pair.0.gain", (sizes[0],)]]
    expected += [[f"arms.{key}.gain", (n,)] for key, n in zip(keys, sizes, strict=True)]
    expected += [[f"grid.{i}.0.gain", (n,)] for i, n in enumerate(sizes)]
    expected += [["chain.1.gain", (sizes[0],)]]
    expect.equal(student.bag(sizes, keys), expected)


@test_case(
    name="layers that are no Modules bring their parameters",
    points=1,
    hidden=True,
    failure_message=(
        "Activations and other objects with forward(x) and parameters() are layers: the tensors that their "
        "parameters() returns are numbered, and they appear among modules()."
    ),
)
def plain_layers(student, rng):
    n, rows = int(rng.integers(2, 9)), int(rng.integers(2, 9))
    names = [["0.weight", (n, n)], ["0.bias", (n,)], ["1.0", (n,)], ["1.1", (1,)], ["extra.0", (n,)], ["extra.1", (1,)]]
    kinds = ["Sequential", "Linear", "PlainLayer", "Tanh", "PlainLayer"]
    expect.equal(student.plain_layers(n, np.ones((rows, n))), [names, (rows, n), kinds])


@test_case(
    name="what is a parameter, and what is not",
    points=2,
    hidden=True,
    failure_message=(
        "A marked tensor is a parameter even when it is frozen. Constants, buffers, arrays, classes and results of "
        "a computation are none."
    ),
)
def kinds(student, rng):
    n = int(rng.integers(2, 9))
    expected = [[["marked", (n, 1)], ["plain", (n, 2)]], [["marked", (n, 1)]], ["average"]]
    expect.equal(student.mixed(n), expected)


@test_case(
    name="a child may know its parent",
    points=1,
    hidden=True,
    failure_message="A layer that is held by one of its own children is not entered again, or the search never ends.",
)
def cycles(student, rng):
    n = int(rng.integers(2, 9))
    names = [["last", (n,)], ["child.own.weight", (n, 1)], ["child.own.bias", (1,)]]
    expect.equal(student.family(n), [names, ["", "child", "child.own"], [name for name, _ in names]])


@test_case(
    name="modules() and children()",
    points=2,
    hidden=True,
    failure_message=(
        "named_modules() begins with the module itself under the name '', then everything below it, each before "
        "what is inside it; named_children() are the layers it holds itself. Each comes once."
    ),
)
def modules(student, rng):
    n, hidden, classes = (int(i) for i in rng.integers(2, 9, size=3))
    below = [
        ["block", "Block"],
        ["block.first", "Linear"],
        ["block.bend", "ReLU"],
        ["block.second", "Linear"],
        ["head", "Linear"],
    ]
    expected = [[["", "Net"], *below], [["block", "Block"], ["head", "Linear"]], ["Block", "Linear", "ReLU", "Linear"]]
    expect.equal(student.module_names(n, hidden, classes), expected)
    expect.equal(student.module_names_of_tied(n), [["", "first", "other"], ["first", "other"]])


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
