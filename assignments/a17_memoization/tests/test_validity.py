"""Tasks 3 and 4: what of the past is still true: the same tokens at the beginning, the same weights."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "validity"
title = "What is still true"
points = None

SMALL = {"vocab_size": 11, "embed_dim": 8, "num_layers": 2, "num_heads": 2, "max_seq_len": 10}


def _seed(rng):
    return int(rng.integers(1 << 30))


@test_case(name="tokens that two texts begin with", points=3)
def beginning(student, rng):
    a = rng.integers(0, 50, size=(1, 8))
    b = a.copy()
    place = int(rng.integers(1, 7))
    b[0, place] += 1
    expect.equal(student.prefix(a, b), place)
    expect.equal(student.prefix(a, a), 8)
    expect.equal(student.prefix(a, a + 1), 0)


@test_case(name="a training step is seen", points=3)
def training(student, rng):
    ids = rng.integers(0, 11, size=(2, 6))
    changes = [str(c) for c in rng.permutation(["train", "nothing", "train", "nothing"])]
    answers = student.current_after(SMALL, _seed(rng), ids, changes)
    expect.equal(answers, [[change == "nothing"] * 2 for change in changes])
