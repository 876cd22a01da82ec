"""Task 1: a vocabulary of characters, ids that are checked, and characters that are not in it."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "characters"
title = "One id a character"
points = None


def _letters(rng, count):
    """So many different letters in no order."""
    return [chr(97 + int(i)) for i in rng.permutation(26)[:count]]


@test_case(name="the vocabulary is <UNK> and the sorted characters", points=2)
def sorted_characters(student, rng):
    letters = _letters(rng, 9)
    text = "".join(letters + letters[3:] + [" ", "\n"])
    expect.equal(student.vocab_of(text), (["<UNK>", "\n", " ", *sorted(letters)], 12))
    expect.equal(student.vocab_of([text[:5], text[3:]]), (["<UNK>", "\n", " ", *sorted(letters)], 12))


@test_case(name="characters become their places and come back", points=2)
def places(student, rng):
    letters = _letters(rng, 8)
    order = sorted(letters)
    text = "".join(order[int(i)] for i in rng.integers(0, 8, size=30))
    ids, back = student.char_round_trip("".join(letters), text)
    expect.equal(ids, [order.index(c) + 1 for c in text])
    expect.equal(back, text)


@test_case(name="a character that is not in the vocabulary is id 0", points=3)
def unknown(student, rng):
    known, stranger = sorted(_letters(rng, 5)), str(rng.choice(["É", "7", "日", "😀", "%"]))
    text = known[1] + stranger + known[4] + stranger
    expect.equal(student.char_encoded(known, text), [2, 0, 5, 0])
    expect.equal(student.char_round_trip(known, text), ([2, 0, 5, 0], f"{known[1]}<UNK>{known[4]}<UNK>"))
