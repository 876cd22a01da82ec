"""Task 7: texts that are one id, whatever stands beside them."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "special"
title = "Special tokens"
points = None

END, START = "<|end|>", "<|start|>"


def _letters(rng, count):
    return [97 + int(i) for i in rng.permutation(26)[:count]]


@test_case(name="a special token is one id, behind the merges", points=3)
def one_id(student, rng):
    a, b = _letters(rng, 2)
    word = chr(a) + chr(b)
    text = f"{START}{word}{END}{END} {word}"
    ids = [258, 256, 257, 257, 32, 256]
    expect.equal(student.with_special([[a, b]], [END, START], text), (ids, text, 259))
