"""Tasks 7 and 8: the largest and the mean of every window."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "pooling"
title = "Pooling"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def _areas(shape, kernel, stride, padding):
    """(i, j, rows, columns) of every window, the slices cut to the image."""
    (kh, kw), (sh, sw), (ph, pw) = kernel, stride, padding
    ho, wo = (shape[2] + 2 * ph - kh) // sh + 1, (shape[3] + 2 * pw - kw) // sw + 1
    for i, j in np.ndindex(ho, wo):
        top, left = i * sh - ph, j * sw - pw
        yield i, j, slice(max(top, 0), min(top + kh, shape[2])), slice(max(left, 0), min(left + kw, shape[3]))


def _cells(size, cells):
    return [slice(i * size // cells, -(-(i + 1) * size // cells)) for i in range(cells)]


@test_case(name="the largest of every window", points=2)
def largest(student, rng):
    (x,) = _arrays(rng, (2, 3, 4, 7))
    got = student.pooled("max_pool2d", x, 2)
    expect.shape(got, (2, 3, 2, 3))
    for i, j in np.ndindex(2, 3):
        expect.equal(got[:, :, i, j], x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max(axis=(2, 3)))
    expect.dtype(got, "float32")


@test_case(name="the gradient goes to the largest", points=2)
def to_the_largest(student, rng):
    x, g = _arrays(rng, (2, 3, 4, 6), (2, 3, 2, 2))
    expected = np.zeros_like(x)
    for n, c, i, j in np.ndindex(2, 3, 2, 2):
        window = x[n, c, 2 * i : 2 * i + 2, 3 * j : 3 * j + 3]
        row, column = np.unravel_index(window.argmax(), (2, 3))
        expected[n, c, 2 * i + row, 3 * j + column] = g[n, c, i, j]
    expect.close(student.pooling_gradient("max_pool2d", x, g, [2, 3]), expected)


@test_case(
    name="padding is never the largest, and a pixel may win twice",
    points=3,
    hidden=True,
    failure_message=(
        "A window of negative numbers at the border has a negative maximum: pad with minus infinity. Where windows"
        " overlap, the largest of several gets the sum of their gradients."
    ),
)
def negative_borders(student, rng):
    for kernel, stride, padding in (((3, 3), (1, 1), (1, 1)), ((3, 2), (2, 1), (1, 0)), ((2, 4), (1, 3), (1, 2))):
        x = -rng.permutation(2 * 2 * 6 * 7).reshape(2, 2, 6, 7).astype("float32") - 1
        expected, areas = [], list(_areas(x.shape, kernel, stride, padding))
        g = rng.normal(size=(2, 2, areas[-1][0] + 1, areas[-1][1] + 1)).astype("float32")
        to_x = np.zeros(x.shape)
        for i, j, rows, columns in areas:
            area = x[:, :, rows, columns]
            top = area.max(axis=(2, 3), keepdims=True)
            expected.append(top[:, :, 0, 0])
            to_x[:, :, rows, columns] += (area == top) * g[:, :, i : i + 1, j : j + 1]
        settings = {"stride": stride, "padding": padding}
        got = student.pooled("max_pool2d", x, kernel, **settings)
        expect.equal(got, np.stack(expected, axis=-1).reshape(g.shape))
        expect.close(student.pooling_gradient("max_pool2d", x, g, kernel, **settings), to_x, atol=1e-5)


@test_case(
    name="of equals the first one gets the gradient",
    points=2,
    hidden=True,
    failure_message="Ties are common after a ReLU. The whole gradient goes to the first in row order, as in PyTorch.",
)
def ties(student, rng):
    x = np.zeros((1, 2, 4, 4), "float32")
    x[0, 1] = np.kron(np.array([[0, 1], [1, 0]]), [[0, 1], [1, 0]])
    (g,) = _arrays(rng, (1, 2, 2, 2))
    expected = np.zeros_like(x)
    expected[0, 0, ::2, ::2] = g[0, 0]
    expected[0, 1, 0, 0], expected[0, 1, 2, 2] = g[0, 1, 0, 0], g[0, 1, 1, 1]
    expected[0, 1, 0, 3], expected[0, 1, 2, 1] = g[0, 1, 0, 1], g[0, 1, 1, 0]
    expect.close(student.pooling_gradient("max_pool2d", x, g, 2), expected)


@test_case(name="the mean of every window, and its gradient", points=2)
def mean(student, rng):
    x, g = _arrays(rng, (2, 3, 4, 7), (2, 3, 2, 3))
    got = student.pooled("avg_pool2d", x, 2)
    expect.shape(got, (2, 3, 2, 3))
    for i, j in np.ndindex(2, 3):
        expect.close(got[:, :, i, j], x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean(axis=(2, 3)))
    expected = np.zeros_like(x)
    expected[:, :, :, :6] = np.kron(g, np.full((2, 2), 0.25))
    expect.close(student.pooling_gradient("avg_pool2d", x, g, 2), expected)


@test_case(
    name="the padding counts in a mean, or only pixels do",
    points=2,
    hidden=True,
    failure_message=(
        "With count_include_pad=False the sum is divided by how many taps lie in the image, which differs from window"
        " to window; on the way back as well."
    ),
)
def counting(student, rng):
    kinds = [((3, 3), (1, 2), (1, 1)), ((4, 2), (1, 2), (2, 0)), ((2, 3), (2, 1), (0, 0))]
    for kernel, stride, padding in (*kinds, ((2, 2), (1, 1), (1, 0)), ((2, 3), (1, 1), (0, 1))):
        x = rng.normal(size=(2, 2, 6, 5)).astype("float32")
        areas = list(_areas(x.shape, kernel, stride, padding))
        for count_include_pad in (True, False):
            g = rng.normal(size=(2, 2, areas[-1][0] + 1, areas[-1][1] + 1)).astype("float32")
            expected, to_x = np.zeros(g.shape), np.zeros(x.shape)
            for i, j, rows, columns in areas:
                area = x[:, :, rows, columns].astype("float64")
                count = kernel[0] * kernel[1] if count_include_pad else area[0, 0].size
                expected[:, :, i, j] = area.sum(axis=(2, 3)) / count
                to_x[:, :, rows, columns] += g[:, :, i : i + 1, j : j + 1] / count
            settings = {"stride": stride, "padding": padding, "count_include_pad": count_include_pad}
            got = student.pooled("avg_pool2d", x, kernel, **settings)
            expect.close(got, expected, atol=1e-5)
            expect.dtype(got, "float32")
            expect.close(student.pooling_gradient("avg_pool2d", x, g, kernel, **settings), to_x, atol=1e-5)


@test_case(name="adaptive pooling to one cell is the mean of a channel", points=2)
def one_cell(student, rng):
    x, g = _arrays(rng, (2, 3, 5, 4), (2, 3, 1, 1))
    got = student.pooled("adaptive_avg_pool2d", x, 1)
    expect.close(got, x.mean(axis=(2, 3), keepdims=True), atol=1e-5)
    expect.dtype(got, "float32")
    expect.close(student.pooling_gradient("adaptive_avg_pool2d", x, g, 1), np.broadcast_to(g / 20, x.shape))


@test_case(
    name="adaptive cells cover images that cannot be divided evenly",
    points=2,
    hidden=True,
    failure_message=(
        "Cell i goes from floor(i * H / cells) up to ceil((i + 1) * H / cells): neighbours may share a row, and there"
        " may be more cells than rows."
    ),
)
def uneven_cells(student, rng):
    for plane, cells in (((7, 5), (3, 2)), ((4, 6), (4, 4)), ((2, 3), (3, 5))):
        x, g = _arrays(rng, (2, 2, *plane), (2, 2, *cells))
        expected, to_x = np.zeros(g.shape), np.zeros(x.shape)
        for i, rows in enumerate(_cells(plane[0], cells[0])):
            for j, columns in enumerate(_cells(plane[1], cells[1])):
                area = x[:, :, rows, columns].astype("float64")
                expected[:, :, i, j] = area.mean(axis=(2, 3))
                to_x[:, :, rows, columns] += g[:, :, i : i + 1, j : j + 1] / area[0, 0].size
        expect.close(student.pooled("adaptive_avg_pool2d", x, cells), expected, atol=1e-5)
        expect.close(student.pooling_gradient("adaptive_avg_pool2d", x, g, cells), to_x, atol=1e-5)


@test_case(
    name="pooled integers are float32",
    points=1,
    hidden=True,
    failure_message="A mean of integers is no integer, and float64 is not what anyone asked for: _floats comes first.",
)
def integers(student, rng):
    x = rng.integers(-9, 10, (2, 3, 4, 4))
    blocks = x.reshape(2, 3, 2, 2, 2, 2)
    means = blocks.mean(axis=(3, 5))
    got = student.pooled_integers(x, 2)
    for actual, expected in zip(got, (blocks.max(axis=(3, 5)), means, means), strict=True):
        expect.close(actual, expected)
        expect.dtype(actual, "float32")
