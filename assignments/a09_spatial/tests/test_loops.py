"""Task 2: convolution in loops, the definition that everything else is compared with."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "loops"
title = "Convolution in loops"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@test_case(name="in loops: a window is a sum of products plus the bias", points=2)
def one_window(student, rng):
    x, weight, bias = _arrays(rng, (2, 3, 2, 4), (2, 3, 2, 4), (2,))
    got = student.convolved_in_loops(x, weight, bias)
    expect.shape(got, (2, 2, 1, 1))
    for n, o in np.ndindex(2, 2):
        expect.close(got[n, o, 0, 0], (x[n].astype("float64") * weight[o]).sum() + bias[o], atol=1e-5)
    expect.close(student.convolved_in_loops(x, weight, None), got - bias[:, None, None], atol=1e-5)
    expect.dtype(got, "float32")


@test_case(name="in loops: a kernel with a single 1 moves the image, padding surrounds it", points=2)
def single_one(student, rng):
    (x,) = _arrays(rng, (1, 1, 5, 6))
    weight = np.zeros((1, 1, 3, 2), "float32")
    weight[0, 0, 2, 0] = 1
    expect.close(student.convolved_in_loops(x, weight, None), x[:, :, 2:, :5])
    one = np.ones((1, 1, 1, 1), "float32")
    around = np.zeros((1, 1, 7, 10), "float32")
    around[:, :, 1:6, 2:8] = x
    expect.close(student.convolved_in_loops(x, one, None, padding=[1, 2]), around)
