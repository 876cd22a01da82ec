"""Task 10: no_grad and enable_grad, opened, nested, left by an exception, and as decorators."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "switches"
title = "Recording off and on"
points = None


@test_case(name="nothing is recorded under no_grad, and afterwards it is again", points=2)
def off(student, rng):
    x = rng.normal(size=3)
    expect.equal(student.recorded_under(x, ["no_grad"]), [[True, True], [False, False], [True, True]])


@test_case(
    name="switches inside switches restore what was before",
    points=1,
    hidden=True,
    failure_message="The inner with must put back what it found, not True. One switch may be opened twice.",
)
def nested(student, rng):
    x = rng.normal(size=3)
    kinds = [["no_grad", "enable_grad"][int(rng.integers(2))] for _ in range(4)]
    for switches in (kinds, ["no_grad", "no_grad", "enable_grad", "no_grad"], ["enable_grad", "no_grad"]):
        on = [True, *(kind == "enable_grad" for kind in switches)]
        expect.equal(student.recorded_under(x, switches), [[state, state] for state in on + on[-2::-1]])
    expect.equal(student.one_switch_twice(x), [False, True])


@test_case(
    name="an exception closes a switch too, and goes on",
    points=2,
    hidden=True,
    failure_message=(
        "Python calls __exit__ however the block ends. What it returns decides whether the exception is swallowed."
    ),
)
def exceptions(student, rng):
    x = rng.normal(size=3)
    expect.equal(student.after_an_exception(x, ["no_grad"]), [True, "'on purpose'"])
    expect.equal(
        student.after_an_exception(x, ["no_grad", "enable_grad", "no_grad"]), [True, False, True, "'on purpose'"]
    )


@test_case(
    name="as a decorator, with and without parentheses",
    points=1,
    hidden=True,
    failure_message=(
        "@no_grad() opens a new switch at every call of the function, recursive calls included, and keeps its name "
        "and text."
    ),
)
def decorators(student, rng):
    x, depth = rng.normal(size=3).astype("float32"), int(rng.integers(1, 5))
    states, after, values, after_bare, name, doc = student.decorated(x, depth)
    expect.equal(states, [False] * (depth + 1))
    expect.equal([after, after_bare], [True, True])
    expect.close(values, 2 * x)
    expect.equal([name, doc], ["descend", "Goes down."])
