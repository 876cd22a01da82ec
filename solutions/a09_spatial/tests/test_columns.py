"""Tasks 3 and 4: every window a column, and columns added back into images."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "columns"
title = "Windows as columns"
points = None

SETTINGS = (
    # image (C, H, W), kernel, stride, padding, dilation
    ((1, 5, 5), (3, 3), (1, 1), (0, 0), (1, 1)),
    ((2, 4, 6), (1, 2), (1, 1), (0, 0), (1, 1)),
    ((3, 7, 6), (3, 2), (2, 3), (0, 0), (1, 1)),
    ((2, 6, 5), (3, 2), (1, 1), (1, 2), (1, 1)),
    ((2, 8, 9), (2, 3), (1, 2), (0, 1), (3, 2)),
    ((3, 7, 7), (1, 1), (2, 2), (0, 0), (1, 1)),
    ((1, 9, 8), (3, 3), (2, 2), (2, 1), (2, 2)),
)


def _arguments(kernel_size, stride, padding, dilation):
    return {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}


def _places(shape, kernel, stride, padding, dilation):
    """(c, p, q, i, j) -> the pixel (c, row, column) of each number of the columns, as an index of five dimensions."""
    padded = [n + 2 * p for n, p in zip(shape[1:], padding, strict=True)]
    ho, wo = ((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(padded, kernel, stride, dilation, strict=True))
    c, p, q, i, j = np.indices((shape[0], *kernel, ho, wo))
    return c, p * dilation[0] + i * stride[0] - padding[0], q * dilation[1] + j * stride[1] - padding[1]


def _columns(x, *settings):
    c, row, column = _places(x.shape[1:], *settings)
    inside = (row >= 0) & (row < x.shape[2]) & (column >= 0) & (column < x.shape[3])
    taken = np.where(inside, x[:, c, row.clip(0, x.shape[2] - 1), column.clip(0, x.shape[3] - 1)], 0)
    return taken.reshape(len(x), c.shape[0] * c.shape[1] * c.shape[2], -1)


def _images(columns, shape, *settings):
    """Every number added to its pixel, in float64."""
    c, row, column = _places(shape[1:], *settings)
    inside = (row >= 0) & (row < shape[2]) & (column >= 0) & (column < shape[3])
    out = np.zeros(shape)
    for n, of_image in enumerate(columns):
        np.add.at(out[n], (c[inside], row[inside], column[inside]), of_image.reshape(c.shape)[inside])
    return out


@test_case(name="a column is a window, channel by channel and row by row", points=2)
def read_row_by_row(student, rng):
    x = rng.normal(size=(2, 3, 3, 4)).astype("float32")
    got = student.columns(x, kernel_size=[2, 3])
    expect.shape(got, (2, 18, 4))
    for n, j, (row, column) in ((n, j, divmod(j, 2)) for n in range(2) for j in range(4)):
        expect.equal(got[n, :, j], x[n, :, row : row + 2, column : column + 3].reshape(-1))
    expect.dtype(got, "float32")


@test_case(
    name="columns for every stride, padding and dilation",
    points=3,
    hidden=True,
    failure_message=(
        "Strides are steps from window to window, dilation the step from tap to tap. Padding is zeros on all four"
        " sides. A view of an image whose channels come last in memory has the same columns."
    ),
)
def every_setting(student, rng):
    for shape, *settings in SETTINGS:
        x = rng.normal(size=(2, *shape)).astype("float32")
        for channels_last in (False, True):
            expect.equal(student.columns(x, channels_last, **_arguments(*settings)), _columns(x, *settings))


@test_case(name="col2im adds where windows overlap", points=2)
def overlapping(student, rng):
    value = float(rng.normal())
    got = student.images(np.full((1, 4, 6), value, "float32"), [1, 1, 3, 4], kernel_size=2)
    expect.close(got, value * np.array([[[[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]]]]))
    columns = rng.normal(size=(1, 2, 4)).astype("float32")
    apart = student.images(columns, [1, 1, 1, 8], kernel_size=[1, 2], stride=2)
    expect.close(apart[0, 0, 0], columns[0].T.reshape(-1))


@test_case(
    name="col2im is the transpose of im2col for every setting",
    points=3,
    hidden=True,
    failure_message=(
        "Each number goes back to the pixel im2col took it from: row i * stride + p * dilation of the padded image."
        " Sums, and numbers that fell on the padding are dropped."
    ),
)
def transposed(student, rng):
    for shape, *settings in SETTINGS:
        n_columns = _places(shape, *settings)[0]
        columns = rng.normal(size=(2, int(np.prod(n_columns.shape[:3])), int(np.prod(n_columns.shape[3:]))))
        got = student.images(columns.astype("float32"), [2, *shape], **_arguments(*settings))
        expect.close(got, _images(columns, (2, *shape), *settings), rtol=1e-4, atol=1e-5)
        expect.dtype(got, "float32")


@test_case(
    name="windows are a view of the image",
    points=2,
    hidden=True,
    failure_message="`windows` copies nothing: what is written into the image afterwards shows in every window over it.",
)
def view(student, rng):
    x = rng.normal(size=(1, 2, 6, 7)).astype("float32")
    value = float(rng.uniform(5, 6))
    got = student.window_view(x, [2, 3], [1, 2], [3, 1], [0, 1, 3, 2], value)
    x[0, 1, 3, 2] = value
    expect.equal(got, _columns(x, (2, 3), (1, 2), (0, 0), (3, 1)).reshape(1, 2, 2, 3, 3, 3))
