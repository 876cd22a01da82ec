"""Task 8: a model with a cache and without: the same texts, the same model, the old decoder back."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "switch"
title = "On and off"
points = None

SMALL = {"vocab_size": 11, "embed_dim": 12, "num_layers": 2, "num_heads": 3, "max_seq_len": 10}


def _seed(rng):
    return int(rng.integers(1 << 30))


@test_case(name="the same texts, greedy and drawn", points=3)
def texts(student, rng):
    seed, prompt = _seed(rng), rng.integers(0, 11, size=(2, 3))
    for how in ({"temperature": 0}, {"temperature": 1.5, "seed": _seed(rng)}):
        right = student.generated(SMALL, seed, prompt, 7, cached=False, **how)
        expect.shape(right, (2, 10))
        expect.equal(student.generated(SMALL, seed, prompt, 7, **how), right)


@test_case(name="enable returns the cache that is used", points=2)
def enabled(student, rng):
    batch, length = int(rng.integers(2, 5)), int(rng.integers(3, 10))
    ids = rng.integers(0, 11, size=(batch, length))
    found = student.enabled(SMALL, _seed(rng), ids)
    expect.equal(found, ["KVCache", [2, 1, 3, 10, 4], 0, length, [2, batch, 3, 10, 4]])
