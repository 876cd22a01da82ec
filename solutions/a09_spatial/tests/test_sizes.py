"""Task 1: how many windows fit along one direction."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "sizes"
title = "Output sizes"
points = None


def _counted(size, kernel, stride=1, padding=0, dilation=1):
    """Windows that lie wholly within the padded pixels, counted one by one."""
    starts = range(-padding, size + padding, stride)
    return sum(first + dilation * (kernel - 1) < size + padding for first in starts)


def _settings(rng, count, dilations):
    found = []
    while len(found) < count:
        size, kernel, stride, padding = (int(rng.integers(*limits)) for limits in ((5, 30), (1, 6), (1, 5), (0, 3)))
        dilation = int(rng.integers(1, dilations + 1))
        if _counted(size, kernel, stride, padding, dilation):
            found.append([size, kernel, stride, padding, dilation])
    return found


@test_case(name="padding counts at both ends, strides round down", points=2)
def padding_and_stride(student, rng):
    n, k = int(rng.integers(10, 40)), int(rng.integers(1, 8))
    settings = [[n, k], [n, n], [28, 5], [32, 3, 1, 1], [32, 3, 2, 1], [7, 2, 2], [8, 3, 2], [9, 3, 2], [5, 3, 7]]
    expect.equal(student.output_sizes(settings), [n - k + 1, 1, 24, 32, 16, 3, 3, 4, 1])


@test_case(
    name="dilation spreads the taps of a window",
    points=2,
    hidden=True,
    failure_message="k taps that are d pixels apart reach over d * (k - 1) + 1 pixels.",
)
def dilation(student, rng):
    settings = _settings(rng, 40, 4)
    expect.equal(student.output_sizes(settings), [_counted(*s) for s in settings])


@test_case(
    name="a window that does not fit is named",
    points=1,
    hidden=True,
    failure_message="If not even one window fits, raise a ValueError that names kernel and size. One that just fits is fine.",
)
def too_large(student, rng):
    size = int(rng.integers(12, 20))
    expect.equal(student.output_sizes([[size, size + 2, 1, 1], [size, 2, 1, 0, size - 1]]), [1, 1])
    expect.raises(
        ValueError, student.output_sizes, [[size, size + 3, 1, 1]], mentions=[str(size + 3), f"{size} pixels"]
    )
    expect.raises(ValueError, student.output_sizes, [[size, 2, 1, 0, size]], mentions=[str(size + 1)])
