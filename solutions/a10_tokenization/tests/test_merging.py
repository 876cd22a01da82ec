"""Task 3: one pair merged in a line of ids, and all merges that apply, in the order in which they were learned."""

from itertools import pairwise

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "merging"
title = "Merges"
points = None


def _ids(rng, count):
    """So many different ids."""
    return [int(i) for i in rng.permutation(200)[:count]]


def _naively(ids, ranks):
    """Rescan: of all pairs the one with the lowest new id, everywhere, until none applies."""
    ids, table = list(ids), {(left, right): new for left, right, new in ranks}
    while applicable := [table[pair] for pair in pairwise(ids) if pair in table]:
        new, merged = min(applicable), []
        for i in ids:
            if merged and table.get((merged[-1], i)) == new:
                merged[-1] = new
            else:
                merged.append(i)
        ids = merged
    return ids


def _random_merges(rng, letters, count):
    """[left, right, new] of different pairs: each of letters or of what earlier merges made."""
    found, known = [], list(letters)
    while len(found) < count:
        pair = [known[int(i)] for i in rng.integers(0, len(known), size=2)]
        if pair not in [row[:2] for row in found]:
            found.append([*pair, 256 + len(found)])
            known.append(256 + len(found) - 1)
    return found


@test_case(name="every occurrence of the pair is replaced", points=3)
def everywhere(student, rng):
    a, b, c = _ids(rng, 3)
    new = int(rng.integers(256, 999))
    merged, _ = student.merged([a, b, c, a, c, b, a, a, b], [a, b], new)
    expect.equal(merged, [new, c, a, c, b, a, new])
    merged, _ = student.merged([c, a], [a, b], new)
    expect.equal(merged, [c, a])


@test_case(
    name="from left to right where the pair is twice the same id",
    points=2,
    hidden=True,
    failure_message="1 1 1 holds (1, 1) twice, but they overlap: the left one is merged, the last 1 stays.",
)
def overlapping(student, rng):
    a, b = _ids(rng, 2)
    for n, rest in ((2, []), (3, [a]), (4, []), (7, [a])):
        line = [b, *[a] * n, b]
        merged, after = student.merged(line, [a, a], 300)
        expect.equal(merged, [b, *[300] * (n // 2), *rest, b])
        expect.equal(after, line)
    merged, _ = student.merged([], [a, b], 300)
    expect.equal(merged, [])


@test_case(name="merges apply in the order in which they were learned", points=3)
def in_order(student, rng):
    a, b, c, d = _ids(rng, 4)
    expect.equal(student.merges_applied([a, b, c], [[b, c, 256], [a, b, 257]]), [a, 256])
    learned = [[c, d, 256], [a, b, 257], [257, c, 258]]
    expect.equal(student.merges_applied([a, b, c, d], learned), [257, 256])
    expect.equal(student.merges_applied([a, b, c, a], learned), [258, a])


@test_case(
    name="any line, any merges",
    points=3,
    hidden=True,
    failure_message=(
        "While a merge applies, the lowest new id comes first, and of its places the leftmost. Entries of the heap whose"
        " pair is gone are passed over."
    ),
)
def random_lines(student, rng):
    for _ in range(12):
        letters = [0, *(1 + i for i in _ids(rng, int(rng.integers(0, 4))))]
        ranks = _random_merges(rng, letters, int(rng.integers(1, 15)))
        line = [letters[int(i)] for i in rng.integers(0, len(letters), size=int(rng.integers(1, 40)))]
        expect.equal(student.merges_applied(line, ranks), _naively(line, ranks))
    expect.equal(student.merges_applied([], [[1, 2, 256]]), [])
    expect.equal(student.merges_applied([7], [[7, 7, 256]]), [7])


@test_case(
    name="a long line is not read again for every merge",
    points=2,
    hidden=True,
    failure_message="Each merge looks at its neighbours only: n ids cost about n steps of the heap, not n a merge.",
)
def long_line(student, rng):
    letters = _ids(rng, 12)
    pairs = [[a, b] for a in letters for b in letters]
    ranks = [[*pairs[int(i)], 256 + new] for new, i in enumerate(rng.permutation(144))]
    line = [letters[int(i)] for i in rng.integers(0, 12, size=3000)]
    steps, left = student.steps_to_merge(line, ranks)
    expect.equal(left, len(_naively(line, ranks)))
    expect.between(steps, 3, 120_000, "lines of Python run to merge 3,000 ids")
