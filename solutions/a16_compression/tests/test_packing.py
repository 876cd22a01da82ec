"""Task 4: an array that is mostly zeros in fewer bytes."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "packing"
title = "Packed arrays"
points = None


def _sparse(rng, shape, share, dtype="float32"):
    """Numbers, of which about `share` are 0."""
    x = rng.uniform(1, 100, size=shape) * np.where(rng.random(shape) < 0.5, -1, 1)
    x[rng.random(shape) < share] = 0
    return x.astype(dtype)


def _gaps(flat):
    """(values, gaps) of a flat array, one element at a time."""
    values, gaps, zeros = [], [], 0
    for element in flat:
        if element == 0 and zeros < 255:
            zeros += 1
        elif element != 0:
            values.append(element)
            gaps.append(zeros)
            zeros = 0
        else:  # the 256th zero in a row: a filler takes its place
            values.append(element)
            gaps.append(255)
            zeros = 0
    while values and values[-1] == 0:  # nothing follows: zeros at the end need no fillers
        values.pop()
        gaps.pop()
    return np.array(values, flat.dtype), np.array(gaps, "uint8")


@test_case(name="dense: all elements, four bytes each", points=1)
def dense(student, rng):
    x = _sparse(rng, (3, 5), 0.4)
    kind, values, places, size, back = student.packed(x, "dense")
    expect.equal([kind, size, len(places)], ["dense", 60, 0])
    expect.equal(values, x.reshape(-1))
    expect.equal(back, x)
    expect.dtype(back, "float32")


@test_case(name="bitmap: a bit for each element, and what is not 0", points=3)
def bitmap(student, rng):
    for shape in ((4, 6), (3, 3), (2, 3, 2, 5)):
        x = _sparse(rng, shape, 0.6)
        kind, values, places, size, back = student.packed(x, "bitmap")
        expect.equal(kind, "bitmap")
        expect.equal(values, x[x != 0])
        expect.equal(places, np.packbits(x.reshape(-1) != 0))
        expect.equal(size, 4 * int((x != 0).sum()) + -(-x.size // 8))
        expect.equal(back, x)
        expect.dtype(back, "float32")


@test_case(name="gaps: how many zeros before each element", points=2)
def gaps(student, rng):
    _, values, places, size, back = student.packed(np.array([[0, 0, 5], [7, 0, -1]], "float32"), "gaps")
    expect.equal(values, np.array([5, 7, -1], "float32"))
    expect.equal(places, np.array([2, 0, 1], "uint8"))
    expect.equal(size, 15)
    x = _sparse(rng, (20, 30), 0.9)
    _, values, places, size, back = student.packed(x, "gaps")
    expect.equal([values, places], list(_gaps(x.reshape(-1))))
    expect.equal(size, 5 * int((x != 0).sum()))
    expect.equal(back, x)


@test_case(
    name="gaps: more than 255 zeros in a row",
    points=2,
    hidden=True,
    failure_message=(
        "A byte counts to 255. Longer gaps are crossed by elements of value 0, each with the gap 255: it stands for 256"
        " places. 255 zeros need none, 256 zeros one. Fillers cost five bytes like any other element."
    ),
)
def long_gaps(student, rng):
    for zeros in (254, 255, 256, 257, 511, 512, 513, int(rng.integers(600, 3000))):
        x = np.zeros(zeros + 3, "float32")
        x[zeros], x[zeros + 1] = 3, -2
        _, values, places, size, back = student.packed(x, "gaps")
        expect.equal([values, places], list(_gaps(x)))
        expect.equal(size, 5 * (2 + zeros // 256))
        expect.equal(back, x)
    x = _sparse(rng, (100, 90), 0.998)
    _, values, places, _, back = student.packed(x, "gaps")
    expect.equal([values, places], list(_gaps(x.reshape(-1))))
    expect.equal(back, x)


@test_case(
    name="the smallest of the three",
    points=2,
    hidden=True,
    failure_message=(
        "Without a kind, take the format that needs the fewest bytes, places counted; of equals the first of dense,"
        " bitmap, gaps. A few zeros bring nothing."
    ),
)
def smallest(student, rng):
    for share in (0.0, 0.02, 0.3, 0.8, 0.95, 0.999):
        x = _sparse(rng, (60, 50), share)
        count = int((x != 0).sum())
        sizes = {"dense": 12_000, "bitmap": 375 + 4 * count, "gaps": 5 * len(_gaps(x.reshape(-1))[0])}
        best = min(sizes, key=sizes.get)
        kind, _, _, size, back = student.packed(x)
        expect.equal([kind, size], [best, sizes[best]])
        expect.equal(back, x)
    expect.close([student.break_even_of("bitmap", 32), student.break_even_of("gaps", 32)], [1 / 32, 0.2])
    expect.close([student.break_even_of("bitmap", 8), student.break_even_of("gaps", 16)], [1 / 8, 1 / 3])


@test_case(
    name="half: two bytes a value, and back to float32",
    points=1,
    hidden=True,
    failure_message=(
        "With half the values are float16 in every format, and what is rounded to 0 is not stored. What comes back has the"
        " dtype that went in. Whole numbers are left as they are. 70,000 is more than float16 holds: a ValueError."
    ),
)
def halves(student, rng):
    x = _sparse(rng, (8, 9), 0.5)
    rounded = x.astype("float16")
    x.reshape(-1)[:4], rounded.reshape(-1)[:4] = 1e-9, 0
    for kind in ("dense", "bitmap", "gaps"):
        _, values, _, size, back = student.packed(x, kind, half=True)
        count = 72 if kind == "dense" else int((rounded != 0).sum())
        expect.dtype(values, "float16")
        expect.equal(size, {"dense": 144, "bitmap": 2 * count + 9, "gaps": 3 * count}[kind])
        expect.equal(back, rounded.astype("float32"))
    whole = rng.integers(-3, 4, size=(5, 7)).astype("int8")
    for kind in ("dense", "bitmap", "gaps"):
        _, values, _, size, back = student.packed(whole, kind, half=True)
        expect.dtype(values, "int8")
        expect.equal(back, whole)
        expect.dtype(back, "int8")
    expect.raises(ValueError, student.packed, np.array([7e4], "float32"), half=True, mentions=["70000"])


@test_case(
    name="empty, all zeros, a single number, float64, memory of its own",
    points=1,
    hidden=True,
    failure_message=(
        "Arrays without elements, of zeros only, of shape () and of other dtypes come back as they were. What is packed"
        " does not change with the array it was made of. An unknown kind is a ValueError."
    ),
)
def odd(student, rng):
    x = _sparse(rng, (4, 4), 0.3)
    for kind in ("dense", "bitmap", "gaps"):
        for odd_one in (np.zeros((0, 3), "float32"), np.zeros((3, 300), "float32"), np.float32(4).reshape(())):
            back = student.packed(odd_one, kind)[4]
            expect.equal(back, odd_one)
        back = student.packed(x.astype("float64") / 3, kind)[4]
        expect.equal(back, x.astype("float64") / 3)
        expect.dtype(back, "float64")
    expect.equal(student.packed_tensor_apart(x), [x, x, x])
    places = np.array([1, 255, 0], "uint8")
    got = student.unpacked("gaps", [2, 150], "float32", np.array([1, 0, 2], "float16"), places)
    expected = np.zeros(300, "float32")
    expected[[1, 258]] = 1, 2
    expect.equal(got, expected.reshape(2, 150))
    expect.raises(ValueError, student.packed, x, "csr", mentions=["csr"])
