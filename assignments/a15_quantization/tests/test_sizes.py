"""Task 9: the bytes of a model."""

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
