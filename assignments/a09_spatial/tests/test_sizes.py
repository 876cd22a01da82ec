"""Task 1: how many windows fit along one direction."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "sizes"
title = "Output sizes"
points = None


@test_case(name="padding counts at both ends, strides round down", points=2)
def padding_and_stride(student, rng):
    n, k = int(rng.integers(10, 40)), int(rng.integers(1, 8))
    settings = [[n, k], [n, n], [28, 5], [32, 3, 1, 1], [32, 3, 2, 1], [7, 2, 2], [8, 3, 2], [9, 3, 2], [5, 3, 7]]
    expect.equal(student.output_sizes(settings), [n - k + 1, 1, 24, 32, 16, 3, 3, 4, 1])
