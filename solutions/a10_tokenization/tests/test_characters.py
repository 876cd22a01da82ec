"""Task 1: a vocabulary of characters, ids that are checked, and characters that are not in it."""

import numpy as np
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


@test_case(
    name="any code point can be in the vocabulary",
    points=1,
    hidden=True,
    failure_message="A character is a code point: emoji, combining marks, control characters, even half a surrogate.",
)
def any_code_point(student, rng):
    kinds = [
        "\x00",
        "\u0301",
        "\u200d",
        "\ud83d",
        "\U0001f469",
        "\U0010ffff",
        "é",
        chr(int(rng.integers(0x4E00, 0x9FFF))),
    ]
    text = "".join(kinds[int(i)] for i in rng.permutation(8)) + "e\u0301"
    order = sorted(set(text))
    expect.equal(student.char_round_trip(text, text), ([order.index(c) + 1 for c in text], text))


@test_case(
    name="characters that are given keep their order, a new corpus replaces them",
    points=1,
    hidden=True,
    failure_message=(
        "CharTokenizer(vocab) numbers what it is given from 1 on; build_vocab begins anew, and all three tables say the same."
    ),
)
def given_order(student, rng):
    letters = _letters(rng, 7)
    expect.equal(student.vocab_given(letters), (["<UNK>", *letters], ["<UNK>", *letters]))
    expect.equal(student.vocab_given([]), (["<UNK>"], ["<UNK>"]))
    expect.raises(ValueError, student.vocab_given, [*letters, letters[2]], mentions=[repr(letters[2])])
    letters = _letters(rng, 22)
    rows = list(enumerate(["<UNK>", *sorted(letters[8:])]))
    expect.equal(student.tables_of("".join(letters[:8]), letters[8:]), ([(c, i) for i, c in rows], rows))


@test_case(
    name="an id that nobody has is an error, -1 as well",
    points=2,
    hidden=True,
    failure_message=(
        "Ids are 0 to vocab_size - 1, in a list, an array or a tensor of float32. Others are a ValueError that names the"
        " id and vocab_size."
    ),
)
def nobodys(student, rng):
    letters = _letters(rng, int(rng.integers(4, 9)))
    size = len(letters) + 1
    expect.equal(student.char_decoded(letters, [size - 1, 1]), max(letters) + min(letters))
    for wrong in (size, -1, size + int(rng.integers(5, 50))):
        expect.raises(ValueError, student.char_decoded, letters, [1, wrong, 2], mentions=[str(wrong), str(size)])
    expect.raises(ValueError, student.decoded, [], [65, 256], mentions=["256"])
    expect.raises(ValueError, student.decoded, [], [-2], mentions=["-2"])
    ids = [int(i) for i in rng.integers(1, 4, size=6)]
    wanted = ["".join("#xyz"[i] for i in ids), "".join(map(chr, ids))]
    expect.equal(student.decoded_kinds("xyz", ids), [[text] * 3 for text in wanted])
    expect.equal(student.decoded_kinds("xyz", []), [[""] * 3] * 2)
    expect.raises(TypeError, student.char_decoded, "xyz", np.array([1.5]))
