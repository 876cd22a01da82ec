"""Task 4: pairs counted once, and the counts kept true while pairs are merged."""

from collections import Counter
from itertools import pairwise

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "counting"
title = "Counting pairs"
points = None


def _ids(rng, count):
    return [int(i) for i in rng.permutation(200)[:count]]


def _words(rng, number, letters, longest=8):
    return [
        [letters[int(i)] for i in rng.integers(0, len(letters), size=int(n))]
        for n in rng.integers(1, longest + 1, size=number)
    ]


def _merged(word, pair, new):
    line = []
    for i in word:
        if line and line[-1] == pair[0] and i == pair[1]:
            line[-1] = new
        else:
            line.append(i)
    return line


def _recounted(words, frequencies):
    counts = Counter()
    for word, frequency in zip(words, frequencies, strict=True):
        for pair in pairwise(word):
            counts[pair] += frequency
    return counts


def _choices(words, frequencies, first, number):
    """[left, right, count] of each choice, counting everything anew for each."""
    found = []
    while len(found) < number and (counts := _recounted(words, frequencies)):
        pair = min(counts, key=lambda p: (-counts[p], p))
        found.append([*pair, counts[pair]])
        words = [_merged(word, pair, first + len(found) - 1) for word in words]
    return found


@test_case(name="a pair counts as often as its words occur", points=2)
def weighted(student, rng):
    a, b, c = sorted(_ids(rng, 3))
    m, n = (int(i) for i in rng.integers(2, 9, size=2))
    rows = [[a, a, 2 * n], [a, b, m], [b, a, m], [b, c, n], [c, a, n]]
    expect.equal(student.counts([[a, b, a], [b, c, a, a, a], [c]], [m, n, 5]), rows)


@test_case(name="of equally frequent pairs the lowest is taken", points=3)
def ties(student, rng):
    a, b, c, d = sorted(_ids(rng, 4))
    n = int(rng.integers(2, 9))
    expect.equal(student.most_frequent([[c, d], [a, d], [b, c]], [n, n, n]), [a, d])
    expect.equal(student.most_frequent([[b, d], [b, c], [c, a]], [n, n, n]), [b, c])
    expect.equal(student.most_frequent([[c, d], [a, d], [b, c]], [n, n, n + 1]), [b, c])


@test_case(name="after a merge the neighbours count as pairs with the new id", points=3)
def neighbours(student, rng):
    a, b, c, d = sorted(_ids(rng, 4))
    n, m = (int(i) for i in rng.integers(2, 9, size=2))
    words, counts, _ = student.counts_after([[c, a, b, d], [a, b, a, b], [c, d]], [n, m, 1], [[a, b, 300]])
    expect.equal(words, [[c, 300, d], [300, 300], [c, d]])
    expect.equal(counts, [[c, d, 1], [c, 300, n], [300, d, n], [300, 300, m]])


@test_case(
    name="after many merges counts and places are those of a recount",
    points=3,
    hidden=True,
    failure_message=(
        "Take all pairs of a word out of counts and where, merge, and put all pairs of the merged word in; a pair that"
        " occurs twice in a word counts twice."
    ),
)
def recounted(student, rng):
    for number in (1, 3, 4):
        letters = _ids(rng, number)
        words, frequencies = _words(rng, 25, letters), [int(n) for n in rng.integers(1, 9, size=25)]
        merges = [[*pair[:2], 300 + i] for i, pair in enumerate(_choices(words, frequencies, 300, 8))]
        wanted = words
        for left, right, new in merges:
            wanted = [_merged(word, (left, right), new) for word in wanted]
        counts = _recounted(wanted, frequencies)
        holders = {p: [i for i, w in enumerate(wanted) if p in pairwise(w)] for p in counts}
        found_words, found_counts, where = student.counts_after(words, frequencies, merges)
        expect.equal(found_words, wanted)
        expect.equal(found_counts, sorted([*pair, count] for pair, count in counts.items()))
        expect.equal(where, sorted([*pair, numbers] for pair, numbers in holders.items()))


@test_case(
    name="the choice stays right while counts fall",
    points=3,
    hidden=True,
    failure_message="An entry of the heap may promise more than there is by now: compare it with counts, then believe it.",
)
def choices(student, rng):
    for _ in range(4):
        letters = _ids(rng, int(rng.integers(3, 7)))
        words, frequencies = _words(rng, 30, letters), [int(n) for n in rng.integers(1, 6, size=30)]
        expect.equal(student.chosen(words, frequencies, 300, 500), _choices(words, frequencies, 300, 500))
    expect.equal(student.most_frequent([[letters[0]], []], [3, 2]), None)


@test_case(
    name="a merge touches only the words that hold the pair",
    points=3,
    hidden=True,
    failure_message=(
        "4,000 words, and hardly any holds the pair: where[pair] names them. Neither all words nor all pairs need a look."
    ),
)
def few_words(student, rng):
    words = [[int(i) for i in row] for row in rng.integers(0, 100, size=(4000, 6))]
    rare = [[int(a), int(b)] for a, b in 100 + rng.permutation(100)[:24].reshape(12, 2)]
    frequencies = [1] * 4000 + [90 - 3 * k for k in range(12) for _ in range(2)]
    steps, found = student.steps_to_choose([*words, *(pair for pair in rare for _ in range(2))], frequencies, 300, 12)
    expect.equal(found, rare)
    expect.between(steps, 20, 24_000, "lines of Python run for 12 merges in 4,000 words")
