"""Task 5: merges learned from texts, and a vocabulary of the size that was asked for."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "training"
title = "Learning merges"
points = None


def _letters(rng, count):
    return [chr(97 + int(i)) for i in rng.permutation(26)[:count]]


@test_case(name="merges of five words, worked out by hand", points=3)
def by_hand(student, rng):
    h, u, g, p, n, b, s = letters = _letters(rng, 7)
    counts = {h + u + g: 10, p + u + g: 5, p + u + n: 12, b + u + n: 4, h + u + g + s: 5}
    words = [word for word, times in counts.items() for _ in range(times)]
    text = "\n".join(words[int(i)] for i in rng.permutation(len(words)))
    h, u, g, p, n, b, s = map(ord, letters)
    # ug occurs 20 times, un 16, h and ug 15, p and un 12; then p and ug 5 times as well as hug and s: the lower first.
    wanted = [[u, g], [u, n], [h, 256], [p, 257], [p, 256], [258, s], [b, 257]]
    expect.equal(student.merges_of(text, 263), (wanted, 263))
    expect.equal(student.merges_of(text, 259), (wanted[:3], 259))
