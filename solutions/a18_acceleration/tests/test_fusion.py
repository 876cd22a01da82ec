"""Tasks 3 and 4: elementwise functions on a block, and chains of them in one pass over memory, forward and backward."""

from itertools import pairwise

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "fusion"
title = "One pass over memory"
points = None

A = np.sqrt(2 / np.pi)
B = 0.044715 * A


def _gelu(x):
    return 0.5 * x * (1 + np.tanh(A * x + B * x**3))


def _gelu_slope(x):
    t = np.tanh(A * x + B * x**3)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (A + 3 * B * x * x)


# What each stage does, and its derivative, in float64.
RULES = {
    "scale": (lambda x, c: c * x, lambda x, c: np.full_like(x, c)),
    "shift": (lambda x, c: x + c, lambda x, c: np.ones_like(x)),
    "square": (lambda x: x * x, lambda x: 2 * x),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "gelu": (_gelu, _gelu_slope),
}


def _chain(specs, x, g=None):
    """The chain's output, or with g the gradient for x."""
    value, slope = x.astype("float64"), np.ones(x.shape)
    for name, *numbers in specs:
        forward, derivative = RULES[name]
        slope *= derivative(value, *numbers)
        value = forward(value, *numbers)
    return value if g is None else g * slope


def _specs(rng, length):
    """A chain of different stages in any order."""
    c = float(np.round(rng.uniform(0.5, 1.5), 2))
    stages = [["scale", c], ["shift", round(1 - c, 2)], ["square"], ["tanh"], ["gelu"]]
    return [stages[i] for i in rng.permutation(len(stages))[:length]]


def _normal(rng, *shape, dtype="float32"):
    return rng.normal(size=shape).astype(dtype)


@test_case(name="GELU of a block, written into the array that is given", points=3)
def block(student, rng):
    x = _normal(rng, 5000)
    out, after, peak = student.gelu_block(x)
    expect.close(out, _gelu(x.astype("float64")), rtol=1e-5, atol=1e-6)
    expect.equal(after, x)
    expect.between(peak, 0, 4000, "bytes that gelu_block takes for a block of 20,000 bytes")


@test_case(name="the slope of GELU", points=2)
def slope(student, rng):
    x = np.concatenate([_normal(rng, 200), np.array([0.0, -0.75, 6.0, -6.0, 30.0, -30.0], "f4")])
    expect.close(student.gelu_slope(x), _gelu_slope(x.astype("float64")), rtol=1e-5, atol=1e-6)
    x = _normal(rng, 50, dtype="float64")
    got = student.gelu_slope(x)
    expect.close(got, _gelu_slope(x), rtol=1e-10, atol=1e-12)
    expect.dtype(got, "float64")


@test_case(name="blocks cover every element once", points=1)
def blocks(student, rng):
    for size, length in ((12, 4), (13, 4), (3, 4), (4, 4), (0, 4), (int(rng.integers(50, 99)), 7)):
        cuts = [*range(0, size, length), size]
        expect.equal(student.blocks(size, length), [[a, b] for a, b in pairwise(cuts)])


@test_case(name="fused_gelu of a tensor of any shape", points=2)
def gelu(student, rng):
    x = _normal(rng, 3, 4, 5)
    out, tracked = student.fused_gelu(x)
    expect.close(out, _gelu(x.astype("float64")), rtol=1e-5, atol=1e-6)
    expect.dtype(out, "float32")
    expect.equal(tracked, False)
    x = _normal(rng, 40_000)
    expect.close(student.fused_gelu(x)[0], _gelu(x.astype("float64")), rtol=1e-5, atol=1e-6)


@test_case(name="a chain gives what its stages give one after the other", points=3)
def chain(student, rng):
    for length in (1, 2, 3, 5):
        specs, x = _specs(rng, length), _normal(rng, 6, 10)
        out, after = student.fused(specs, x, 16)
        expect.close(out, _chain(specs, x), rtol=1e-4, atol=1e-5)
        expect.dtype(out, "float32")
        expect.equal(after, x)


@test_case(
    name="transposed, empty, single and double numbers",
    points=2,
    hidden=True,
    failure_message=(
        "The result has the shape and the dtype of x, whatever its layout in memory: read x in row order"
        " (np.ascontiguousarray) and give the result its shape at the end."
    ),
)
def kinds(student, rng):
    specs = _specs(rng, 4)
    turned = _normal(rng, 7, 9).T
    for x in (turned, _normal(rng, 4, 9)[:, ::2], _normal(rng, 0, 3), _normal(rng), _normal(rng, 33, dtype="float64")):
        out, _ = student.fused(specs, x, 16)
        expect.shape(out, x.shape)
        expect.close(out, _chain(specs, x), rtol=1e-4, atol=1e-5)
        expect.dtype(out, str(x.dtype))


@test_case(name="the gradient of a chain", points=3)
def gradient(student, rng):
    for specs in ([["shift", 0.3], ["gelu"]], _specs(rng, 1), _specs(rng, 4)):
        x, g = _normal(rng, 5, 9), _normal(rng, 5, 9)
        got, x_after, g_after = student.fused_gradient(specs, x, g, 16)
        expect.close(got, _chain(specs, x, g), rtol=1e-4, atol=1e-5)
        expect.equal(x_after, x)
        expect.equal(g_after, g)


@test_case(
    name="every stage's slope is taken at its own input",
    points=2,
    hidden=True,
    failure_message=(
        "The slope of a stage belongs at the number that went into it, not at the chain's input or its own output."
        " Compute the intermediate results of the block again, keep each, and walk back over them."
    ),
)
def own_input(student, rng):
    for specs in (
        [["shift", 0.7], ["square"], ["scale", 0.3], ["gelu"]],
        [["scale", 1.5], ["tanh"], ["shift", 1.0], ["square"]],
        [["gelu"], ["gelu"], ["tanh"], ["tanh"]],
        _specs(rng, 5),
    ):
        x, g = _normal(rng, 9, 7).T, _normal(rng, 9, 7).T
        got = student.fused_gradient(specs, x, g, 10)[0]
        expect.shape(got, x.shape)
        expect.close(got, _chain(specs, x, g), rtol=1e-4, atol=1e-5)
    x = _normal(rng, 20, dtype="float64")
    got = student.fused_gelu_gradient(x, g := _normal(rng, 20, dtype="float64"))
    expect.close(got, g * _gelu_slope(x), rtol=1e-10, atol=1e-12)


@test_case(
    name="blocks are all the memory that it takes",
    points=1,
    hidden=True,
    failure_message=(
        "A stage sees at most `block` elements at a time, and beyond the result only buffers of one block are made:"
        " nothing of the size of the whole array, forward or backward, and nothing kept for the way back."
    ),
)
def memory(student, rng):
    block = 4096
    specs, x = _specs(rng, 3), _normal(rng, 25 * block + int(rng.integers(1, 99)))
    peaks, nothing_saved, seen, size = student.fused_work(specs, x, block)
    expect.equal(seen, [block] * 25 + [x.size - 25 * block])
    expect.equal([nothing_saved, size], [True, x.size])
    for peak in peaks:
        expect.between(peak, -x.nbytes, 12 * block * x.itemsize, "bytes beyond the result")


@test_case(
    name="the time of a chain and its gradient, against the reference",
    points=1,
    hidden=True,
    failure_message="Much slower than the reference. Is there a loop over elements, or an array made for every stage?",
)
def time(student, reference, rng):
    # Measured: 1.0 to itself; one that goes over the whole array stage by stage is caught by the memory it takes.
    def draw():
        return (_normal(rng, 300_000),)

    x = draw()[0][:100]
    specs = [["scale", 0.5], ["gelu"], ["shift", 0.1], ["tanh"], ["square"]]
    expect.close(student.long_chain(x), _chain(specs, x, np.ones(100)).sum(), rtol=1e-3, atol=1e-3)
    expect.cpu_ratio(student.long_chain, reference.long_chain, draw, at_most=3, blocks=5)
