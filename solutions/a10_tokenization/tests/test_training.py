"""Task 5: merges learned from texts, and a vocabulary of the size that was asked for."""

from collections import Counter
from itertools import pairwise

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "training"
title = "Learning merges"
points = None


def _letters(rng, count):
    return [chr(97 + int(i)) for i in rng.permutation(26)[:count]]


def _words(rng, letters, number):
    return [
        "".join(letters[int(i)] for i in rng.integers(0, len(letters), size=int(n)))
        for n in rng.integers(1, 8, size=number)
    ]


def _learned(pieces, size):
    """Merges by counting everything anew each time, until the vocabulary is full or no pair occurs twice."""
    words, merges = [list(piece.encode()) for piece in pieces], []
    while len(merges) < size - 256:
        counts = Counter(pair for word in words for pair in pairwise(word))
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        for number, word in enumerate(words):
            line = []
            for i in word:
                if line and line[-1] == pair[0] and i == pair[1]:
                    line[-1] = 256 + len(merges)
                else:
                    line.append(i)
            words[number] = line
        merges.append(list(pair))
    return merges


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


@test_case(
    name="merges of a random text",
    points=3,
    hidden=True,
    failure_message="The most frequent pair, of several the lowest, again and again; each merge makes the next id.",
)
def random_texts(student, rng):
    for number in (2, 4, 8):
        words = _words(rng, _letters(rng, number), 80)
        pieces = [words[0], *[f" {word}" for word in words[1:]]]
        wanted = _learned(pieces, 300)
        expect.equal(student.merges_of(" ".join(words), 300), (wanted, 256 + len(wanted)))


@test_case(
    name="no merge reaches over the border of a word or of a text",
    points=2,
    hidden=True,
    failure_message="Pairs are counted within pieces: the end of a word and the beginning of the next are no pair.",
)
def borders(student, rng):
    a, b, c = _letters(rng, 3)
    merges, size = student.merges_of(f"{a} {b}{b}\n" * int(rng.integers(5, 15)), 300)
    expect.equal(merges, [[32, ord(b)], [256, ord(b)]])
    expect.equal(size, 258)
    expect.equal(student.merges_of([c, a] * 9, 300), ([], 256))
    pairs = [[ord(a), ord(b)]]
    expect.equal(student.merges_of([a + b, a + b + c], 300), (pairs, 257))


@test_case(
    name="vocab_size counts bytes and special tokens, and may not be reached",
    points=2,
    hidden=True,
    failure_message=(
        "256 bytes, the merges and the special tokens together are at most vocab_size; fewer where no pair occurs twice."
    ),
)
def everything_counts(student, rng):
    letters = _letters(rng, 5)
    # The pair that is merged first stands twice in a word, under any draw.
    words = [*_words(rng, letters, 60), *["".join(letters[:2]) * 2] * 30]
    text, n = "\n".join(words), int(rng.integers(5, 11))
    wanted = _learned(words, 256 + n)
    expect.equal(student.merges_of(text, 258 + n, ["<a>", "<b>"]), (wanted, 258 + n))
    expect.equal(student.merges_of_size(text, 300, 256 + n), (wanted, 256 + n))
    expect.equal(student.merges_of(text, 256), ([], 256))
    expect.equal(student.size_of_untrained(1000, ["<a>", "<b>"]), 258)
    expect.raises(ValueError, student.size_of_untrained, 257, ["<a>", "<b>"], mentions=["257", "258"])
    a, b, c, d = map(ord, _letters(rng, 4))
    word = "".join(map(chr, (a, b, c)))
    merges, size = student.merges_of([word, word, chr(c) + chr(d)], 400)
    expect.equal(merges, [[a, b], [256, c]] if (a, b) < (b, c) else [[b, c], [a, 256]])
    expect.equal(size, 258)
    expect.equal(student.merges_of("", 400), ([], 256))


@test_case(
    name="training again begins anew, in encode too",
    points=2,
    hidden=True,
    failure_message="After a second train nothing of the first is left: neither merges nor pieces that encode remembers.",
)
def again(student, rng):
    a, b, c = _letters(rng, 3)
    first, second = f"{a}{b}\n" * 9, f"{b}{c}\n" * 9
    text = a + b + c
    found = student.trained_twice(first, second, 300, text)
    x, y, z = map(ord, text)
    expect.equal(found, [[[[x, y]], [256, z]], [[[y, z]], [x, 256]]])


@test_case(
    name="a text that repeats itself costs little more",
    points=1,
    hidden=True,
    failure_message="A word that occurs a thousand times is one word with the frequency 1,000: count pieces first.",
)
def repeated(student, rng):
    letters = _letters(rng, 12)
    words = [*_words(rng, letters, 40), *["".join(letters[:2]) * 2] * 6]
    text = " ".join(words)
    few, once = student.steps_to_train([text] * 5, 290)
    many, often = student.steps_to_train([text] * 100, 290)
    expect.equal(often, _learned([words[0], *[f" {word}" for word in words[1:]]] * 5, 290))
    expect.equal(once, often)
    expect.between(many - few, 1, 95 * 46 * 8, "further lines of Python run for 95 more copies of a text of 46 words")
