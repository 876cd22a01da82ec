"""Task 1: how many numbers there are to train, each parameter once."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "parameters"
title = "Parameters"
points = None


@test_case(name="weights and biases of all layers", points=2)
def all_layers(student, rng):
    a, b, c = (int(n) for n in rng.integers(3, 30, size=3))
    layers = [["Linear", [a, b], {}], ["ReLU", [], {}], ["Linear", [b, c], {"bias": False}]]
    expect.equal(student.parameters(layers), a * b + b + b * c)
    layers = [["Conv2d", [4, 6, [3, 5]], {"groups": 2}], ["BatchNorm2d", [6], {}], ["Flatten", [], {}]]
    expect.equal(student.parameters(layers), 6 * 2 * 15 + 6 + 12)
    expect.equal(student.parameters([["ReLU", [], {}]]), 0)


@test_case(
    name="a parameter that is used in two places is one",
    points=2,
    hidden=True,
    failure_message=(
        "GPT's head uses the weight of its embedding. Parameters are the same if they are one object, not if they are"
        " equal; an object that is no Module may name one of them several times."
    ),
)
def shared(student, rng):
    vocabulary, heads, layers, window = (int(n) for n in rng.integers(2, 6, size=4))
    width = 4 * heads
    block = 12 * width * width + 13 * width
    body = (vocabulary + window) * width + layers * block + 2 * width
    for tied, head in ((True, 0), (False, vocabulary * width)):
        expect.equal(student.parameters_of_gpt(tied, vocabulary, width, layers, heads, window), body + head)
    sizes = [int(n) for n in rng.integers(2, 9, size=3)]
    arrays = [rng.normal(size=(n, 3)).astype("float32") for n in sizes]
    expect.equal(student.parameters_named(arrays, [0, 1, 0, 2, 1]), 3 * sum(sizes))
    twins = [arrays[0], arrays[0].copy(), arrays[1]]
    expect.equal(student.parameters_named(twins, [2, 0, 1, 1]), 3 * (2 * sizes[0] + sizes[1]))
