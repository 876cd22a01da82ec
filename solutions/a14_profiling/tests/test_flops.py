"""Tasks 2, 3 and 5: FLOPs of single ops and of models, against counts by hand."""

import math

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "flops"
title = "FLOPs"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def _sizes(rng, count, low=2, high=9):
    return [int(n) for n in rng.integers(low, high, size=count)]


@test_case(name="linear: two for each weight and row, one for each bias", points=2)
def linear(student, rng):
    n, a, b = _sizes(rng, 3, 3, 30)
    x, weight, bias = _arrays(rng, (n, a), (a, b), (b,))
    expect.equal(student.work_of("linear", [x, weight]), [2 * n * a * b, 0])
    expect.equal(student.work_of("linear", [x, weight, bias]), [2 * n * a * b, n * b])
    (x,) = _arrays(rng, (3, n, a))
    expect.equal(student.work_of("linear", [x, weight, bias]), [6 * n * a * b, 3 * n * b])


@test_case(name="matrix products with vectors and batches", points=2)
def matmul(student, rng):
    n, k, m, batch = _sizes(rng, 4, 2, 20)
    for shapes, flops in (
        (((n, k), (k, m)), 2 * n * k * m),
        (((n, k), (k,)), 2 * n * k),
        (((k,), (k, m)), 2 * k * m),
        (((k,), (k,)), 2 * k),
        (((batch, n, k), (k, m)), 2 * batch * n * k * m),
        (((batch, 1, n, k), (3, k, m)), 6 * batch * n * k * m),
    ):
        expect.equal(student.work_of("matmul", _arrays(rng, *shapes)), [flops, 0])


def _plane(size, kernel, stride, padding, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


@test_case(name="convolution: a window for each number of the output", points=3)
def conv2d(student, rng):
    n, c, o, side = _sizes(rng, 3) + _sizes(rng, 1, 9, 14)
    x, weight, bias = _arrays(rng, (n, c, side, side), (o, c, 3, 3), (o,))
    for stride in (1, 2):
        numbers = n * o * _plane(side, 3, stride, 0) ** 2
        expect.equal(student.work_of("conv2d", [x, weight], stride=stride), [2 * numbers * c * 9, 0])
        expect.equal(student.work_of("conv2d", [x, weight, bias], stride=stride), [2 * numbers * c * 9, numbers])


@test_case(
    name="convolution with groups, padding, dilation and windows that are no squares",
    points=3,
    hidden=True,
    failure_message=(
        "Each output number is a sum over one window of the channels of its own group, which the shape of the weight"
        " tells. The output itself tells how many there are."
    ),
)
def conv2d_settings(student, rng):
    n, per, groups, each = _sizes(rng, 4, 2, 5)
    h, w = _sizes(rng, 2, 9, 15)
    x, weight, bias = _arrays(rng, (n, per * groups, h, w), (each * groups, per, 2, 3), (each * groups,))
    for settings in (
        {"stride": (2, 1), "padding": (0, 0), "dilation": (1, 1)},
        {"stride": (1, 3), "padding": (2, 1), "dilation": (1, 1)},
        {"stride": (2, 2), "padding": (1, 2), "dilation": (3, 2)},
    ):
        plane = [_plane(*s) for s in zip((h, w), (2, 3), *settings.values(), strict=True)]
        numbers = n * each * groups * math.prod(plane)
        got = student.work_of("conv2d", [x, weight], None, groups=groups, **settings)
        expect.equal(got, [2 * numbers * per * 6, 0])
        got = student.work_of("conv2d", [x, weight, bias], groups=groups, **settings)
        expect.equal(got, [2 * numbers * per * 6, numbers])


@test_case(name="attention: two products, and six for each score", points=3)
def attention(student, rng):
    t, s, d, e, batch = _sizes(rng, 5, 3, 12)
    q, k, v = _arrays(rng, (batch, t, d), (batch, s, d), (batch, s, e))
    scores = batch * t * s
    expect.equal(student.work_of("attention", [q, k, v]), [2 * scores * (d + e), 6 * scores])
    expect.equal(student.work_of("formula", [q, k, v]), [2 * scores * (d + e), 6 * scores])
    expect.equal(student.work_of("attention", [q, k, v], is_causal=True), [2 * scores * (d + e), 6 * scores])


@test_case(
    name="attention in tiles, and with leading dimensions that are stretched",
    points=2,
    hidden=True,
    failure_message=(
        "A score exists once for each matrix of q and k together. If v alone has more matrices, only the second product"
        " runs more often. _scores knows which scores the tiles leave out."
    ),
)
def attention_more(student, rng):
    t, d, e, batch, heads = _sizes(rng, 5, 3, 8)
    q, k, v = _arrays(rng, (batch, 1, t, d), (heads, 5, d), (5, e))
    scores = batch * heads * t * 5
    expect.equal(student.work_of("attention", [q, k, v]), [2 * scores * (d + e), 6 * scores])
    q, k, v = _arrays(rng, (t, d), (1, 6, d), (batch, 6, e))
    expect.equal(student.work_of("attention", [q, k, v]), [2 * t * 6 * (d + batch * e), 36 * t])
    q, k, v = _arrays(rng, (batch, 7, d), (batch, 7, d), (batch, 7, e))
    computed = batch * (7 * 3 + 4 * 3 + 1 * 1)
    got = student.work_of("tiled_attention", [q, k, v], is_causal=True, block=3)
    expect.equal(got, [2 * computed * (d + e), 6 * computed])
    got = student.work_of("tiled_attention", [q, k, v], block=3)
    expect.equal(got, [98 * batch * (d + e), 294 * batch])


@test_case(
    name="pooling by its window, batch normalisation by its mode, the rest by the table",
    points=2,
    hidden=True,
    failure_message=(
        "Pooling looks at every tap of every window. Batch normalisation in evaluation mode computes no statistics."
    ),
)
def others(student, rng):
    n, c = _sizes(rng, 2)
    (x,) = _arrays(rng, (n, c, 8, 9))
    for op in ("max_pool2d", "avg_pool2d"):
        expect.equal(student.work_of(op, [x], (2, 3)), [0, n * c * 4 * 3 * 6])
        expect.equal(student.work_of(op, [x], (3, 2), stride=1), [0, n * c * 6 * 8 * 6])
    expect.equal(student.work_of_normalising(x, True), [0, 7 * x.size])
    expect.equal(student.work_of_normalising(x, False), [0, 3 * x.size])
    expect.equal(student.work_of("gelu", [x]), [0, 5 * x.size])
    expect.equal(student.work_of("gelu", [x], "tanh"), [0, 9 * x.size])
    expect.equal(student.work_of("softmax", [x], -1), [0, 5 * x.size])
    a, b = _arrays(rng, (n, 1), (1, c))
    expect.equal(student.work_of("add", [a, b]), [0, n * c])
    expect.equal(student.work_of("sum", [x]), [0, x.size])
    expect.equal(student.work_of("transpose", [a]), [0, 0])


@test_case(name="an MLP by hand: the whole batch; by a shape the products of one sample", points=3)
def mlp(student, rng):
    n, a, b, c = _sizes(rng, 4, 4, 30)
    layers = [["Linear", [a, b], {}], ["ReLU", [], {}], ["Linear", [b, c], {}], ["Softmax", [], {}]]
    products, rest = 2 * n * (a * b + b * c), n * (2 * b + 6 * c)
    (x,) = _arrays(rng, (n, a))
    expect.equal(student.flops_of_layers(layers, x), [products, rest, products + rest])
    for shape in ((1, a), (n, a), (a,)):
        expect.equal(student.flops_of_layers(layers, shape)[2], products // n)


@test_case(
    name="a CNN by hand",
    points=2,
    hidden=True,
    failure_message=(
        "Layer by layer: what comes out of a convolution is what it counts by; padding and stride decide how many"
        " numbers reach the next one."
    ),
)
def cnn(student, rng):
    n, c, o, classes = _sizes(rng, 4, 2, 6)
    layers = [
        ["Conv2d", [c, 2 * o, 5], {"stride": 2, "padding": 2}],  # 13 -> 7
        ["BatchNorm2d", [2 * o], {}],
        ["ReLU", [], {}],
        ["MaxPool2d", [3], {"stride": 2}],  # 7 -> 3
        ["Conv2d", [2 * o, 4 * o, 3], {"padding": 1, "groups": 2, "bias": False}],
        ["AvgPool2d", [3], {}],  # 3 -> 1
        ["Flatten", [], {}],
        ["Linear", [4 * o, classes], {}],
    ]
    products = 2 * n * (2 * o * 49 * 25 * c + 4 * o * 9 * 9 * o + 4 * o * classes)
    rest = n * (2 * o * 49 * (1 + 3 + 1) + 2 * o * 9 * 9 + 4 * o * 9 + classes)
    (x,) = _arrays(rng, (n, c, 13, 13))
    expect.equal(student.flops_of_layers(layers, x), [products, rest, products + rest])
    expect.equal(student.flops_of_layers(layers, (7 * n, c, 13, 13))[2], products // n)


@test_case(
    name="a GPT by hand",
    points=2,
    hidden=True,
    failure_message=(
        "Four projections, two products of attention, two layers of the MLP in each block; the head multiplies with"
        " every row of the embedding, tied or not."
    ),
)
def gpt(student, rng):
    b, t, heads, layers, vocabulary = _sizes(rng, 5, 2, 6)
    d = 4 * heads
    ids = rng.integers(0, vocabulary, size=(b, t))
    block = 8 * b * t * d * d + 4 * b * t * t * d + 16 * b * t * d * d
    products = layers * block + 2 * b * t * d * vocabulary
    # Of a block: two norms, nine biases (in units of d), GELU of four, two additions; of a score: scale and softmax.
    rest = layers * ((14 + 9 + 36 + 2) * b * t * d + 6 * b * heads * t * t) + (1 + 7) * b * t * d
    for tied in (True, False):
        got = student.flops_of_gpt(ids, tied, vocabulary, d, layers, heads, t)
        expect.equal(got, [products, rest, products + rest])


@test_case(
    name="a kernel does the work of its op, and an unknown op is an error",
    points=2,
    hidden=True,
    failure_message=(
        "The tables are about ops: ask a Kernel for its op. An op that is in no table is a ValueError that names the op"
        " and define_flops; what is counted as 0 is a wrong total that nobody notices."
    ),
)
def kernels_and_unknown(student, rng):
    n, a, b = _sizes(rng, 3, 3, 20)
    (x,) = _arrays(rng, (n, a))
    before, after, names = student.work_with_a_kernel([["Linear", [a, b], {}]], x)
    expect.equal([before, after], [[2 * n * a * b, n * b]] * 2)
    expect.equal(names, ["quick"])
    expect.raises(ValueError, student.work_of_an_unknown_op, x, mentions=["Function:Cube", "define_flops"])
    expect.equal(student.work_of_a_new_op(x, 2), [0, 2 * x.size])
