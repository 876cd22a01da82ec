"""From many losses to one: "mean", "sum" and "none", in every loss, and what they are for nothing at all."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "reduction"
title = "Reduction"
points = None


@test_case(name="sum and none beside mean", points=3)
def sum_and_none(student, rng):
    x, y = rng.normal(size=(2, 3, 4)).astype("float32")
    squares = (x.astype("float64") - y) ** 2
    expect.close(student.loss("mse_loss", x, y, reduction="none"), squares)
    expect.close(student.loss("mse_loss", x, y, reduction="sum"), squares.sum())
    expect.close(student.loss("mse_loss", x, y, reduction="mean"), squares.mean())
