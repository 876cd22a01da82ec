"""Task 6: text that is written token by token, against the logits of the same model."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "writing"
title = "Writing"
points = None

SMALL = {"vocab_size": 9, "embed_dim": 8, "num_layers": 2, "num_heads": 2, "max_seq_len": 6}


def _seed(rng):
    return int(rng.integers(1 << 30))


def _softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _greedy(student, seed, ids, count, **more):
    """Greedy decoding by asking the model for the logits of each window."""
    for _ in range(count):
        logits = student.logits_of({**SMALL, **more}, seed, ids[:, -6:])
        expect.shape(logits, (len(ids), min(ids.shape[1], 6), 9))
        ids = np.concatenate([ids, logits[:, -1].argmax(-1)[:, None]], axis=1)
    return ids


@test_case(name="greedy writing follows the largest logit; the prompt comes first", points=3)
def greedy(student, rng):
    seed, prompt = _seed(rng), rng.integers(0, 9, size=(3, 2))
    right = _greedy(student, seed, prompt, 4)
    expect.equal(student.written(SMALL, seed, prompt, 4, temperature=0), right)
    expect.equal(student.written(SMALL, seed, prompt[1], 4, temperature=0), right[1])
    expect.equal(student.written(SMALL, seed, prompt[2].tolist(), 4, temperature=0), right[2])


@test_case(name="one seed writes one text", points=1)
def seeded(student, rng):
    seed, prompt = _seed(rng), rng.integers(0, 9, size=(2, 3))
    how = {"temperature": 3.0, "seed": _seed(rng)}
    once, again = student.written_twice(SMALL, seed, prompt, 20, **how)
    expect.shape(once, (2, 23))
    expect.equal(again, once)
    expect.equal(once[:, :3], prompt)
    other = student.written(SMALL, seed, prompt, 20, temperature=3.0, seed=how["seed"] + 1)
    expect.true((once != other).any(), "another seed writes another text")


@test_case(
    name="beyond the window the last tokens count",
    points=2,
    hidden=True,
    failure_message="Crop to the last max_seq_len ids, ids[:, -max_seq_len:], whether the prompt or what was written is long.",
)
def cropped(student, rng):
    seed = _seed(rng)
    for length in (4, 6, 11):
        prompt = rng.integers(0, 9, size=(2, length))
        right = _greedy(student, seed, prompt, 5)
        expect.equal(student.written(SMALL, seed, prompt, 5, temperature=0), right)


@test_case(
    name="the logits of the last position, without dropout",
    points=2,
    hidden=True,
    failure_message="next_logits runs in evaluation mode and returns (B, V): the head applied to the last position.",
)
def last_position(student, rng):
    seed, ids = _seed(rng), rng.integers(0, 9, size=(3, 8))
    got, *modes = student.next_of(SMALL | {"dropout": 0.5}, seed, ids)
    expect.close(got, student.logits_of(SMALL, seed, ids[:, -6:])[:, -1], rtol=1e-4, atol=1e-4)
    expect.equal(modes, [True, True])


@test_case(
    name="modes and recording are as they were, also after an exception",
    points=3,
    hidden=True,
    failure_message="Remember each layer's mode, switch to evaluation and no_grad, and restore in a `finally`.",
)
def modes(student, rng):
    seed, ids = _seed(rng), rng.integers(0, 9, size=(1, 3))
    frozen = int(rng.integers(2))
    before, inside, after, recording = student.modes_around(SMALL, seed, ids, frozen)
    expect.true(any(before) and not all(before), "one block of the model was in evaluation mode, the rest was not")
    expect.equal([after, recording], [before, True])
    expect.equal(inside, [[False, False]] * 2)
    before, inside, after, recording = student.modes_around(SMALL, seed, ids, frozen, True)
    expect.equal([after, recording], [before, True])
    expect.equal(inside, [[False, False], "raised"])


@test_case(
    name="tokens are drawn with the settings given",
    points=2,
    hidden=True,
    failure_message="temperature, top_k and top_p all reach probabilities_of, and what is drawn comes from its result.",
)
def settings_used(student, rng):
    row = np.log([0.05, 0.4, 0.1, 0.25, 0.02, 0.08, 0.04, 0.03, 0.03])
    for how, kept in (
        ({}, range(9)),
        ({"temperature": 0.5}, range(9)),
        ({"top_k": 2}, (1, 3)),
        ({"top_p": 0.7}, (1, 2, 3)),
    ):
        p = np.zeros(9)
        p[list(kept)] = _softmax(row[list(kept)] / how.get("temperature", 1.0))
        prompt = rng.integers(0, 9, size=(4000, 1))
        got, _ = student.written_by_decoder(SMALL, prompt, [np.tile(row, (4000, 1))], seed=_seed(rng), **how)
        expect.shape(got, (4000, 2))
        expect.close((got[:, 1:] == np.arange(9)).mean(0), p, atol=0.04)
        expect.true((p[got[:, 1]] > 0).all(), "only tokens that are left are drawn")


@test_case(
    name="a decoder is asked where there is one",
    points=1,
    hidden=True,
    failure_message="self.decoder, if it is not None, gets all ids so far, prompt included, and answers with (B, V).",
)
def decoder(student, rng):
    prompt = rng.integers(0, 9, size=(2, 8))
    right = rng.integers(0, 9, size=(2, 4))
    rows = [np.eye(9)[right[:, t]] for t in range(4)]
    got, asked = student.written_by_decoder(SMALL, prompt, rows, temperature=0)
    whole = np.concatenate([prompt, right], axis=1)
    expect.equal(got, whole)
    expect.equal(asked, [whole[:, : 8 + t] for t in range(4)])


@test_case(
    name="stream hands out each token as soon as it is there",
    points=2,
    hidden=True,
    failure_message="stream yields arrays (B,) and computes nothing before it is asked for; its arguments it checks at once.",
)
def stream(student, rng):
    prompt, right = rng.integers(0, 9, size=(2, 3)), rng.integers(0, 9, size=(2, 4))
    rows = [np.eye(9)[right[:, t]] for t in range(4)]
    taken, early, asked = student.streamed(SMALL, prompt, rows, 2, temperature=0)
    expect.equal(taken, [right[:, 0], right[:, 1]])
    expect.equal([early, asked], [0, 2])
    expect.raises(ValueError, student.streaming_begun, SMALL, prompt, 3, top_p=1.5, mentions=["top_p", "1.5"])
    expect.raises(ValueError, student.streaming_begun, SMALL, np.zeros((1, 0), int), 3, mentions=["(1, 0)"])


@test_case(
    name="a seed leaves the framework's generator alone, no seed uses it",
    points=1,
    hidden=True,
    failure_message="seed makes a generator of its own, np.random.default_rng(seed); None means generator().",
)
def generators(student, rng):
    seed, prompt, of_framework = _seed(rng), rng.integers(0, 9, size=(2, 3)), _seed(rng)
    how = {"temperature": 5.0}
    text, then = student.written_after_seeding(SMALL, seed, prompt, 12, of_framework, **how)
    again, _ = student.written_after_seeding(SMALL, seed, prompt, 12, of_framework, **how)
    other, _ = student.written_after_seeding(SMALL, seed, prompt, 12, of_framework + 1, **how)
    expect.equal(again, text)
    expect.true((text != other).any(), "another manual_seed gives another text")
    _, untouched = student.written_after_seeding(SMALL, seed, prompt, 0, of_framework, **how)
    _, after = student.written_after_seeding(SMALL, seed, prompt, 12, of_framework, seed=1, **how)
    expect.equal(after, untouched)
    expect.true((then != untouched).any(), "without a seed the framework's generator is drawn from")


@test_case(
    name="nothing to write, and what is refused",
    points=1,
    hidden=True,
    failure_message="Ids come back as int64 in the prompt's number of dimensions; settings out of range are a ValueError.",
)
def edges(student, rng):
    seed, prompt = _seed(rng), rng.integers(0, 9, size=4)
    for given, shape in ((prompt, (4,)), (prompt.reshape(2, 2), (2, 2))):
        got = student.written(SMALL, seed, given, 0)
        expect.dtype(got, "int64")
        expect.equal(got, given)
        expect.shape(student.written(SMALL, seed, given, 2), (*shape[:-1], shape[-1] + 2))
    for how in ({"temperature": -1.0}, {"temperature": float("nan")}, {"top_k": 0}, {"top_p": 0.0}):
        expect.raises(ValueError, student.written, SMALL, seed, prompt, 2, mentions=list(how), **how)
    expect.raises(ValueError, student.written, SMALL, seed, prompt, -1, mentions=["-1"])
