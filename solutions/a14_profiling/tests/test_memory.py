"""Task 7: the memory that a call needs at its worst moment, and what is left of it."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "memory"
title = "Memory"
points = None

# What Python itself allocates during a call of a few lines: far below the arrays of a quarter of a megabyte and more.
SLACK = 20_000


def _bytes(rng, count):
    return [int(n) for n in rng.integers(250_000, 500_000, size=count)]


def _about(actual, expected, what):
    expect.between(actual, expected - 2_000, expected + SLACK, what)


@test_case(name="the peak is the worst moment, not the end", points=3)
def peak(student, rng):
    first, second = _bytes(rng, 2)
    for passing, staying in ((3 * first, second), (first, 3 * second)):
        at_most, kept = student.memory(passing, staying)
        _about(at_most, max(passing, staying), "bytes at the worst moment")
        _about(kept, staying, "bytes at the end")


@test_case(
    name="what was there before does not count, and others go on tracing",
    points=3,
    hidden=True,
    failure_message=(
        "Subtract what is in use before the call, and forget the largest so far (reset_peak). If memory was traced"
        " already, it still is afterwards."
    ),
)
def beside_others(student, rng):
    others, first, second = _bytes(rng, 3)
    at_most, kept, tracing, now, held = student.memory_beside(others, 2 * first, second)
    _about(at_most, max(2 * first, second), "bytes at the worst moment")
    _about(kept, second, "bytes at the end")
    expect.equal([tracing, held], [True, others])
    _about(now, others, "bytes that the others still see")


@test_case(
    name="a model: its parameters, its activations, both",
    points=2,
    hidden=True,
    failure_message=(
        "In evaluation mode an activation can go when the next layer has read it: at the worst moment there are two."
        " The result is still there at the end; tracing is over."
    ),
)
def models(student, rng):
    n, a, b = (int(k) for k in rng.integers(200, 260, size=3))
    layers = [["Linear", [a, 2 * b], {}], ["ReLU", [], {}], ["Linear", [2 * b, 4], {"bias": False}]]
    use, tracing = student.memory_of_layers(layers, rng.normal(size=(n, a)).astype("float32"))
    parameters, pair = 4 * (2 * a * b + 2 * b + 8 * b), 16 * n * b
    expect.equal(use["parameter_bytes"], parameters)
    _about(use["peak_bytes"], pair, "bytes at the worst moment")
    expect.between(use["kept_bytes"], 16 * n, 16 * n + SLACK, "bytes at the end")
    expect.close(use["parameter_memory_mb"], parameters / 2**20, rtol=1e-6)
    expect.close(use["activation_memory_mb"], use["peak_bytes"] / 2**20, rtol=1e-6)
    expect.close(use["peak_memory_mb"], (parameters + use["peak_bytes"]) / 2**20, rtol=1e-6)
    expect.equal(tracing, False)
