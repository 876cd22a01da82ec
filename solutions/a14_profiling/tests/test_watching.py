"""Tasks 5 and 8: measuring changes nothing: no observer, no wrapper and no mode stays behind."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "watching"
title = "Watching without a trace"
points = None


@test_case(name="ops are reported inside, and only there", points=1)
def inside(student, rng):
    x = rng.normal(size=(3, int(rng.integers(2, 9)))).astype("float32")
    expect.equal(student.observed(x), ["mul", "sub", "sum"])


@test_case(
    name="nobody watches any more after an error",
    points=2,
    hidden=True,
    failure_message="What comes after a `yield` does not run when the block raises; what stands in `finally` does.",
)
def after_errors(student, rng):
    x = rng.normal(size=(3, int(rng.integers(2, 9)))).astype("float32")
    expect.equal(student.observed_after_an_error(x), [["mul", "sum", "ValueError"], False])


@test_case(
    name="a model whose profile ended in an error is as it was",
    points=3,
    hidden=True,
    failure_message=(
        "Wrapped forwards, observers, the tracing of memory and the mode: each has to be undone in `finally`, and a"
        " layer that had no forward of its own has none afterwards."
    ),
)
def models_after_errors(student, rng):
    a, b = (int(n) for n in rng.integers(2, 9, size=2))
    layers = [["Linear", [a, b], {}], ["ReLU", [], {}], ["Dropout", [], {}]]
    x = rng.normal(size=(3, a)).astype("float32")
    for method in ("profile", "count_work", "count_bytes", "measure_memory", "measure_latency"):
        got = student.after_an_error(method, layers, x)
        expect.equal(got, [[[False, True]] * 4, False, False, "out of cheese"])


@test_case(
    name="a model that was measured is as it was",
    points=2,
    hidden=True,
    failure_message="`ready` switches to evaluation mode and back: running averages stay, whatever is measured.",
)
def unchanged(student, rng):
    layers = [["Conv2d", [2, 3, 3], {}], ["BatchNorm2d", [3], {}], ["Dropout", [], {}]]
    x = rng.normal(size=(2, 2, 5, 5)).astype("float32")
    for method in ("count_flops", "count_bytes", "measure_memory", "measure_latency", "profile"):
        before, after, training = student.changed_by(method, layers, x)
        expect.equal(len(before), 2)
        for was, now in zip(before, after, strict=True):
            expect.equal(now, was)
        expect.equal(training, [True] * 4)


@test_case(
    name="a forward that a layer had of its own is called, and comes back",
    points=2,
    hidden=True,
    failure_message=(
        "A layer may have had an attribute `forward` before. Then the profile runs that one, and afterwards it is there"
        " again."
    ),
)
def own_forward(student, rng):
    x = rng.normal(size=(3, int(rng.integers(2, 6)))).astype("float32")
    before, after, own, seen, without, expected, (during, later) = student.forwards(x, 3.0)
    expect.equal(after, before)
    expect.equal(own, [True, False])
    expect.equal(seen, ["linear", "mul", "relu"])
    expect.close(without, expected)
    expect.true(during > 0, "a profile looks at its clock")
    expect.equal(later, during)
