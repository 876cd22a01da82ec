"""Tasks 1 and 2: matrix products by a loop, by one call, and by tiles that fit into a cache."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "products"
title = "Matrix products"
points = None


def _drawn(rng, m, k, n, dtype="float32"):
    return rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)


def _expect_product(got, a, b):
    """The product of what was sent, in the dtype of the factors, and the factors as they were."""
    out, *factors = got
    want = a.astype("float64") @ b.astype("float64")
    expect.close(out, want, rtol=1e-5, atol=1e-5)
    expect.dtype(out, str(np.result_type(a, b)))
    expect.equal(factors[0], a)
    expect.equal(factors[1], b)


def _sum_of_product(n, shift):
    """Of the matrices of whole numbers that the probes make for timing."""
    a, b = (np.arange(2 * n * n) * shift % 11 - 5).astype("f8").reshape(2, n, n)
    return (a @ b).sum()


@test_case(name="the loop gives the product", points=1)
def loop(student, rng):
    a, b = _drawn(rng, *(int(n) for n in rng.permutation([3, 5, 7])))
    _expect_product(student.product("loop_matmul", a, b), a, b)


@test_case(name="one call gives the product, of stacks of matrices too", points=2)
def one_call(student, rng):
    a, b = _drawn(rng, *(int(n) for n in rng.permutation([3, 5, 7])))
    _expect_product(student.product("vectorized_matmul", a, b), a, b)
    stack = rng.normal(size=(2, *a.shape)).astype("float32")
    _expect_product(student.product("vectorized_matmul", stack, b), stack, b)


@test_case(name="matrices that do not fit are refused, with both shapes", points=1)
def refused(student, rng):
    m, k, n = (int(size) for size in rng.permutation([3, 5, 7]))
    a, b = np.zeros((m, k), "f4"), np.zeros((n, k), "f4")
    for which in ("loop_matmul", "vectorized_matmul", "tiled_matmul"):
        expect.raises(ValueError, student.product, which, a, b, mentions=[str(a.shape), str(b.shape)])
        expect.raises(ValueError, student.product, which, a[0], np.zeros((k, n), "f4"), mentions=[f"({k},)"])
    expect.raises(ValueError, student.product, "tiled_matmul", a, b.T, tile_size=0, mentions=["0"])


@test_case(name="tiles of several sizes give the product", points=3)
def tiles(student, rng):
    a, b = _drawn(rng, 8, 16, 24)
    for tile_size in (1, 4, 8, 100):
        _expect_product(student.product("tiled_matmul", a, b, tile_size=tile_size), a, b)
    a, b = _drawn(rng, 128, 64, 192)
    _expect_product(student.product("tiled_matmul", a, b), a, b)


@test_case(
    name="tiles at the edges are smaller",
    points=2,
    hidden=True,
    failure_message=(
        "Where the tile size does not divide m, k or n, a part of a tile is left: the last rows, the last columns, and"
        " the last stretch of every sum."
    ),
)
def edges(student, rng):
    for _ in range(6):
        m, k, n = (int(size) for size in rng.integers(1, 40, size=3))
        a, b = _drawn(rng, m, k, n)
        _expect_product(student.product("tiled_matmul", a, b, tile_size=int(rng.integers(2, 12))), a, b)


@test_case(
    name="tiles of stacks, of doubles and of nothing",
    points=1,
    hidden=True,
    failure_message=(
        "Tile the last two dimensions; the leading ones broadcast as in NumPy. float64 factors have a float64 product,"
        " and a sum of no products is 0."
    ),
)
def other_kinds(student, rng):
    a = rng.normal(size=(3, 1, 5, 9)).astype("float32")
    b = rng.normal(size=(2, 9, 7)).astype("float32")
    _expect_product(student.product("tiled_matmul", a, b, tile_size=4), a, b)
    a, b = _drawn(rng, 9, 5, 7, "float64")
    _expect_product(student.product("tiled_matmul", a, b, tile_size=4), a, b)
    a, b = _drawn(rng, 3, 0, 2)
    _expect_product(student.product("tiled_matmul", a, b), a, b)


@test_case(name="three tiles fit into the cache", points=1)
def fitting(student, rng):
    caches = [int(kib) * 1024 for kib in rng.integers(4, 4000, size=6)]
    for itemsize in (4, 8):
        sides = [max(int(np.sqrt(cache / 3 / itemsize)) // 8 * 8, 8) for cache in caches]
        expect.equal(student.tile_sizes(caches, itemsize), sides)
    expect.equal(student.tile_sizes([64], 4), [8])


@test_case(
    name="bytes moved, counted tile by tile",
    points=1,
    hidden=True,
    failure_message=(
        "Every tile of the result reads a row of tiles of a and a column of tiles of b, and is written once. At the"
        " edges tiles are smaller, so count elements, not tiles."
    ),
)
def traffic(student, rng):
    for _ in range(5):
        m, k, n = (int(size) for size in rng.integers(1, 50, size=3))
        t, itemsize = int(rng.integers(2, 20)), int(rng.choice([2, 4, 8]))
        moved = m * n
        for i in range(0, m, t):
            for j in range(0, n, t):
                for p in range(0, k, t):
                    rows, columns, depth = min(t, m - i), min(t, n - j), min(t, k - p)
                    moved += rows * depth + depth * columns
        expect.equal(student.traffic(m, k, n, t, itemsize), moved * itemsize)


@test_case(
    name="a twentieth of the loop's time",
    points=1,
    hidden=True,
    failure_message="The products of tiles must be NumPy's: no loop over elements may be left in tiled_matmul.",
)
def faster(student, reference, rng):
    # Measured: 0.010 to 0.015 of the loop's time, on a machine that was busy. Dot products in two loops: 0.27.
    def draw():
        return 98, int(rng.integers(3, 1000))

    n, shift = draw()
    expect.close(student.tiled(n, shift), _sum_of_product(n, shift), rtol=1e-5, atol=2)
    expect.cpu_ratio(student.tiled, reference.looped, draw, at_most=0.05, blocks=3)


@test_case(
    name="the tile size matters",
    points=1,
    hidden=True,
    failure_message=(
        "tiled_matmul takes as long with tiles of 8 as with tiles of 64. Tiles of 8 are 512 times as many products, so"
        " it does not multiply tile by tile."
    ),
)
def many_products(student, rng):
    # Measured: tiles of 64 take 0.04 to 0.06 of the time of tiles of 8.
    def draw():
        return 128, int(rng.integers(3, 1000))

    n, shift = draw()
    expect.close(student.tiled_finely(n, shift), _sum_of_product(n, shift), rtol=1e-5, atol=2)
    expect.cpu_ratio(student.tiled, student.tiled_finely, draw, at_most=0.5, blocks=3)
