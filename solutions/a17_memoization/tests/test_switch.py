"""Task 8: a model with a cache and without: the same texts, the same model, the old decoder back."""

import numpy as np
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


@test_case(
    name="disable gives the decoder back that was there before",
    points=2,
    hidden=True,
    failure_message=(
        "Remember what model.decoder was when the cache came, and set it again. Enabled twice is enabled: a cache must"
        " not remember another cache."
    ),
)
def disabled(student, rng):
    rows = rng.normal(size=(1, 11))
    for times in (1, 2, 3, 0):
        own, none = student.switched(SMALL, _seed(rng), rows, times)
        expect.equal(own, rows)
        expect.equal(none, "None")


@test_case(
    name="parameters, training and forward know nothing of the cache",
    points=2,
    hidden=True,
    failure_message="Only model.decoder is set; layers, parameters and forward stay as they are. Other models are refused.",
)
def untouched(student, rng):
    before, during, after = student.around_a_cache(SMALL, _seed(rng), rng.integers(0, 11, size=(2, 8)))
    for state in (during, after):
        expect.equal(state[0], before[0])
        expect.equal(state[1], before[1])
        expect.equal(state[2], before[2])
    expect.true(bool(np.abs(np.asarray(before[2], dtype="float64")).max() > 0), "positions have a gradient")
    expect.raises(TypeError, student.enabled_for, "a layer", mentions=["Linear"])
    expect.raises(TypeError, student.enabled_for, "a function")


@test_case(
    name="several texts one after the other",
    points=1,
    hidden=True,
    failure_message="A cache outlives a text. The next prompt must not find the positions of the last one.",
)
def in_turn(student, rng):
    seed = _seed(rng)
    prompts = [rng.integers(0, 11, size=shape) for shape in ((1, 4), (1, 4), (3, 2), (1, 5))]
    prompts[1][0, 0] = (prompts[0][0, 0] + 1) % 11
    got, logits = student.generated_in_turn(SMALL, seed, prompts, 5)
    right, expected = student.generated_in_turn(SMALL, seed, prompts, 5, cached=False)
    expect.equal(len(logits), len(expected))
    for one, other in zip(logits, expected, strict=True):
        expect.close(one, other, rtol=1e-5, atol=1e-5)
    expect.equal(got, right)
