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
