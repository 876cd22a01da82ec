"""Task 9: the bytes of a model."""

from itertools import pairwise

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "sizes"
title = "Sizes"
points = None


@test_case(name="a perceptron and LeNet-5 become 3.9 times smaller", points=2)
def smaller(student):
    for kind, parameters in (("MLP", 101_770), ("LeNet", 61_706)):
        before, after = student.sizes_of(kind)
        expect.equal(before, 4 * parameters)
        expect.between(before / max(after, 1), 3.9, 4.0, "how many times smaller")


@test_case(
    name="what is shared counts once; buffers and grids count",
    points=2,
    hidden=True,
    failure_message=(
        "Running statistics have to be stored, a layer under two names only once, and the grid of a layer's inputs takes "
        "5 bytes. per_channel is for all layers; None leaves it to their kind."
    ),
)
def counted(student, rng):
    width = int(rng.integers(3, 30))
    expect.equal(student.size_with_sharing(width), 4 * (width * width + width) + 16 * width)
    sizes = [int(n) for n in rng.integers(2, 40, size=4)]
    expect.equal(student.size_of_perceptron(sizes), sum(4 * (a * b + b) for a, b in pairwise(sizes)))
    for kind, layers in (("MLP", 2), ("LeNet", 5)):
        plain, calibrated = student.sizes_of(kind), student.sizes_of(kind, calibrated=True)
        expect.equal(calibrated[1] - plain[1], 5 * layers)
    default = student.sizes_of("LeNet")[1]
    expect.equal(student.sizes_of("LeNet", per_channel=False)[1], default - 20 * 4)
    expect.equal(student.sizes_of("LeNet", per_channel=True)[1], default + 211 * 4)
