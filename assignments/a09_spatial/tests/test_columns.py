"""Tasks 3 and 4: every window a column, and columns added back into images."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "columns"
title = "Windows as columns"
points = None


@test_case(name="a column is a window, channel by channel and row by row", points=2)
def read_row_by_row(student, rng):
    x = rng.normal(size=(2, 3, 3, 4)).astype("float32")
    got = student.columns(x, kernel_size=[2, 3])
    expect.shape(got, (2, 18, 4))
    for n, j, (row, column) in ((n, j, divmod(j, 2)) for n in range(2) for j in range(4)):
        expect.equal(got[n, :, j], x[n, :, row : row + 2, column : column + 3].reshape(-1))
    expect.dtype(got, "float32")


@test_case(name="col2im adds where windows overlap", points=2)
def overlapping(student, rng):
    value = float(rng.normal())
    got = student.images(np.full((1, 4, 6), value, "float32"), [1, 1, 3, 4], kernel_size=2)
    expect.close(got, value * np.array([[[[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]]]]))
    columns = rng.normal(size=(1, 2, 4)).astype("float32")
    apart = student.images(columns, [1, 1, 1, 8], kernel_size=[1, 2], stride=2)
    expect.close(apart[0, 0, 0], columns[0].T.reshape(-1))
