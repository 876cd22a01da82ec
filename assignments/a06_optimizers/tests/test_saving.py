"""Task 8: an optimizer's state, taken out and put back exactly."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "saving"
title = "Saving and loading"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@test_case(name="state_dict holds steps and arrays of each parameter", points=1)
def contents(student, rng):
    starts, gradients = _arrays(rng, (2, 3), (4,)), _arrays(rng, (2, 3), (4,))
    got = student.saved("SGD", starts, [gradients], lr=0.5, momentum=0.9)
    entries = {str(k): {"step": 1, "momentum_buffer": g} for k, g in enumerate(gradients)}
    expect.equal(got["state"], entries)
    expect.equal([got["step_count"], got["param_groups"][0]["lr"], got["param_groups"][0]["params"]], [1, 0.5, [0, 1]])


@test_case(name="stopped and resumed is bit-equal to one run", points=1)
def resumed(student, rng):
    starts = _arrays(rng, (3, 4), (2,))
    steps = [_arrays(rng, (3, 4), (2,)) for _ in range(8)]
    whole, resumed, count = student.stopped_and_resumed("Adam", starts, steps, 5, lr=0.1)
    expect.close(whole[0], starts[0], atol=0.9)
    expect.equal(resumed, whole)
    expect.equal(count, 8)
