"""Task 4: the bytes that an op has to move."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "bytes"
title = "Bytes moved"
points = None


def _arrays(rng, *shapes, dtype="float32"):
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def _sizes(rng, count, low=2, high=20):
    return [int(n) for n in rng.integers(low, high, size=count)]


@test_case(name="what goes in is read, what comes out is written", points=3)
def in_and_out(student, rng):
    n, k, m = _sizes(rng, 3)
    a, b = _arrays(rng, (n, k), (k, m))
    expect.equal(student.bytes_of("matmul", [a, b]), 4 * (n * k + k * m + n * m))
    x, weight, bias = _arrays(rng, (2, n, k), (k, m), (m,))
    expect.equal(student.bytes_of("linear", [x, weight, bias]), 4 * (2 * n * k + k * m + m + 2 * n * m))
    a, b = _arrays(rng, (n, 1), (1, m))
    expect.equal(student.bytes_of("add", [a, b]), 4 * (n + m + n * m))
    layers = [["Linear", [n, k], {}], ["ReLU", [], {}], ["Linear", [k, m], {"bias": False}]]
    (x,) = _arrays(rng, (3, n))
    first, last = 3 * n + n * k + k + 3 * k, 3 * k + k * m + 3 * m
    expect.equal(student.bytes_of_layers(layers, x), 4 * (first + 6 * k + last))


@test_case(name="views move nothing, numbers weigh nothing", points=2)
def views(student, rng):
    n, m = _sizes(rng, 2, 4)
    (x,) = _arrays(rng, (n, m))
    for op in ("reshape", "transpose"):
        expect.equal(student.bytes_of(op, [x]), 0)
    expect.equal(student.bytes_of("rows", [x], n - 2), 0)
    expect.equal(student.bytes_of("twice", [x]), 8 * n * m)
    expect.equal(student.bytes_of("sum", [x]), 4 * n * m + 4)


@test_case(
    name="an array that is given twice is read once, and every dtype has its size",
    points=2,
    hidden=True,
    failure_message="x * x needs x once. Count bytes, not elements: nbytes knows the dtype.",
)
def once(student, rng):
    n, m = _sizes(rng, 2)
    (x,) = _arrays(rng, (n, m))
    expect.equal(student.bytes_of("square", [x]), 8 * n * m)
    expect.equal(student.bytes_of("add", [x, x.copy()]), 12 * n * m)
    for dtype, size in (("float64", 8), ("float32", 4), ("float16", 2)):
        expect.equal(student.bytes_of("sqrt", [abs(x).astype(dtype)]), 2 * size * n * m)


@test_case(
    name="masks, targets and indices are read too, of a table only the rows that are asked for",
    points=3,
    hidden=True,
    failure_message=(
        "Arrays come among the attributes as well as among the inputs. An embedding of a thousand tokens reads as many"
        " rows, however long the table is."
    ),
)
def attributes(student, rng):
    t, s, d = _sizes(rng, 3)
    q, k, v = _arrays(rng, (t, d), (s, d), (s, d))
    mask = rng.random((t, s)) < 0.9
    expect.equal(student.bytes_of("attention", [q, k, v]), 8 * (t + s) * d)
    expect.equal(student.bytes_of("attention", [q, k, v], mask=mask), 8 * (t + s) * d + t * s)
    (x,) = _arrays(rng, (t, s))
    targets = rng.integers(0, s, size=t)
    expect.equal(student.bytes_of("cross_entropy", [x], targets), 4 * t * s + 8 * t + 4)
    rows = 10 * (t + s)  # more than are asked for, under any draw
    (table,) = _arrays(rng, (rows, d))
    for op in ("embedding", "picked"):
        indices = rng.integers(0, rows, size=(s, 2))
        expect.equal(student.bytes_of(op, [table], indices), 16 * s * d + 16 * s)
