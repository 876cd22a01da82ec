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


@test_case(name="three tiles fit into the cache", points=1)
def fitting(student, rng):
    caches = [int(kib) * 1024 for kib in rng.integers(4, 4000, size=6)]
    for itemsize in (4, 8):
        sides = [max(int(np.sqrt(cache / 3 / itemsize)) // 8 * 8, 8) for cache in caches]
        expect.equal(student.tile_sizes(caches, itemsize), sides)
    expect.equal(student.tile_sizes([64], 4), [8])
