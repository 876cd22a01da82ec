"""Tasks 2, 3 and 5: FLOPs of single ops and of models, against counts by hand."""

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


@test_case(name="attention: two products, and six for each score", points=3)
def attention(student, rng):
    t, s, d, e, batch = _sizes(rng, 5, 3, 12)
    q, k, v = _arrays(rng, (batch, t, d), (batch, s, d), (batch, s, e))
    scores = batch * t * s
    expect.equal(student.work_of("attention", [q, k, v]), [2 * scores * (d + e), 6 * scores])
    expect.equal(student.work_of("formula", [q, k, v]), [2 * scores * (d + e), 6 * scores])
    expect.equal(student.work_of("attention", [q, k, v], is_causal=True), [2 * scores * (d + e), 6 * scores])


@test_case(name="an MLP by hand: the whole batch; by a shape the products of one sample", points=3)
def mlp(student, rng):
    n, a, b, c = _sizes(rng, 4, 4, 30)
    layers = [["Linear", [a, b], {}], ["ReLU", [], {}], ["Linear", [b, c], {}], ["Softmax", [], {}]]
    products, rest = 2 * n * (a * b + b * c), n * (2 * b + 6 * c)
    (x,) = _arrays(rng, (n, a))
    expect.equal(student.flops_of_layers(layers, x), [products, rest, products + rest])
    for shape in ((1, a), (n, a), (a,)):
        expect.equal(student.flops_of_layers(layers, shape)[2], products // n)
