"""Task 2: what all optimizers share: checks, `zero_grad`, and the walk over groups and stretches in `step`."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "stepping"
title = "Steps, groups and checks"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@test_case(name="a step changes the array that the parameter holds", points=2)
def in_place(student, rng):
    start, gradient = _arrays(rng, (2, 3), (2, 3))
    held, data = student.same_array(start, gradient, 0.5)
    expect.close(data, start - 0.5 * gradient)
    expect.close(held, start - 0.5 * gradient)


@test_case(name="zero_grad leaves no gradient", points=1)
def zero_grad(student, rng):
    starts = _arrays(rng, (2,), (3,))
    gradients, _ = student.cleared(starts, starts)
    expect.equal(gradients, [None, None])


@test_case(name="step_count counts steps, not parameters", points=1)
def counting(student, rng):
    steps = int(rng.integers(2, 6))
    expect.equal(student.counted([3, 4, 5, 6], steps), steps)


@test_case(name="a parameter without a gradient stays where it is", points=1)
def no_gradient(student, rng):
    starts, gradients = _arrays(rng, (2,), (3,), (2, 2)), _arrays(rng, (2,), (3,), (2, 2))
    gradients[1] = None
    (got,) = student.trained("SGD", starts, [gradients], lr=0.5, weight_decay=0.5)
    expect.close(got[0], 0.75 * starts[0] - 0.5 * gradients[0])
    expect.equal(got[1], starts[1])
    expect.close(got[2], 0.75 * starts[2] - 0.5 * gradients[2])


@test_case(name="an option out of range is refused with its name and value", points=1)
def options(student, rng):
    starts, bad = _arrays(rng, (2,)), -float(rng.integers(1, 9))
    expect.equal(student.constructed("SGD", starts, lr=0.5), [1, 0.5])
    expect.raises(ValueError, student.constructed, "SGD", starts, lr=bad, mentions=["lr", str(bad)])
    expect.raises(ValueError, student.constructed, "Adam", starts, eps=bad, mentions=["eps", str(bad)])


@test_case(name="no parameters, and parameters without requires_grad, are refused", points=1)
def refused(student, rng):
    starts = _arrays(rng, (2,), (3, 4))
    expect.equal(student.constructed("SGD", starts, lr=0.5), [2, 0.5])
    expect.raises(ValueError, student.constructed, "SGD", [])
    expect.raises(ValueError, student.frozen, starts[1], mentions=["(3, 4)"])
