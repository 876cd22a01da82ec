"""Tasks 1 and 2: the arrays of a KVCache, written position by position, read without copies, cut and emptied."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "memory"
title = "The memory"
points = None


def _drawn(rng):
    """Sizes of a cache (B, max_seq_len, layers, heads, head_dim), all different, and keys and values of 9 positions."""
    batch, layers, heads, dim = (int(n) for n in rng.permutation([2, 3, 4, 5]))
    shape = (layers, batch, heads, 9, dim)
    keys, values = (rng.normal(size=shape).astype("float32") for _ in range(2))
    return [batch, 12, layers, heads, dim], keys, values


def _expect_held(held, keys, values):
    expect.equal(len(held), len(keys))
    for layer, pair in enumerate(held):
        expect.equal(pair[0], keys[layer])
        expect.equal(pair[1], values[layer])


@test_case(name="a new cache is empty", points=1)
def new(student, rng):
    sizes, _, _ = _drawn(rng)
    batch, _, _, heads, dim = sizes
    position, shapes, dtypes = student.fresh(sizes)
    expect.equal([position, shapes, dtypes], [0, [[batch, heads, 0, dim]] * 2, ["float32"] * 2])
    expect.equal(student.fresh(sizes, dtype="float64")[2], ["float64"] * 2)


@test_case(name="positions are written one by one", points=3)
def one_by_one(student, rng):
    sizes, keys, values = _drawn(rng)
    held, position = student.filled(sizes, keys, values, [1] * 9)
    expect.equal(position, 9)
    _expect_held(held, keys, values)


@test_case(name="append returns what attention needs, the new positions included", points=2)
def appended(student, rng):
    sizes, keys, values = _drawn(rng)
    answers = student.appended(sizes, keys, values, [4, 1, 1, 3])
    for (held, position), start, end in zip(answers, (0, 4, 5, 6), (4, 5, 6, 9), strict=True):
        expect.equal(position, start)
        _expect_held(held, keys[:, :, :, :end], values[:, :, :, :end])


@test_case(name="get and append give views, not copies", points=2)
def views(student, rng):
    sizes, keys, values = _drawn(rng)
    batch, _, layers, heads, dim = sizes
    place = [int(rng.integers(n)) for n in (layers, batch, heads, 8, dim)]
    numbers = rng.integers(100, 10**6, 2).tolist()
    expect.equal(student.seen_through(sizes, keys, values, place, numbers), [float(n) for n in numbers * 2])


@test_case(name="a text is cut and goes on in another way", points=2)
def cut(student, rng):
    sizes, keys, values = _drawn(rng)
    length = int(rng.integers(2, 8))
    more_keys, more_values = (rng.normal(size=a[..., :3, :].shape).astype("float32") for a in (keys, values))
    (position, shown), held, end = student.truncated(sizes, keys, values, length, more_keys, more_values)
    expect.equal([position, end], [length, length + 3])
    expect.equal(shown, keys[0, :, :, :length])
    joined = (np.concatenate([a[..., :length, :], b], axis=3) for a, b in ((keys, more_keys), (values, more_values)))
    _expect_held(held, *joined)
    expect.raises(ValueError, student.truncated_to, sizes, 4, 5, mentions=["5", "4"])


@test_case(name="the memory it takes", points=2)
def bytes_taken(student, rng):
    sizes, _, _ = _drawn(rng)
    elements = 2 * int(np.prod(sizes))
    for dtype, size in (("float32", 4), ("float64", 8)):
        nbytes, usage = student.memory(sizes, dtype=dtype)
        expect.equal(nbytes, elements * size)
        expect.equal([usage["cache_tensors"], usage["total_elements"]], [2 * sizes[2], elements])
        expect.close(usage["total_mb"], elements * size / 2**20)
        expect.close(usage["per_layer_mb"], elements * size / 2**20 / sizes[2])
