"""Task 2: text to bytes and back, and texts cut into words, numbers, signs and white space."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "pieces"
title = "Bytes and pieces"
points = None


def _word(rng, low=3, high=8):
    return "".join(chr(97 + int(i)) for i in rng.integers(0, 26, size=int(rng.integers(low, high))))


@test_case(name="a space belongs to the word that it precedes", points=3)
def leading_spaces(student, rng):
    a, b, c = (_word(rng) for _ in range(3))
    expect.equal(student.pieces(f"{a} {b} {c}"), [a, f" {b}", f" {c}"])
    expect.equal(student.pieces(f" {a}\n{b}"), [f" {a}", "\n", b])


@test_case(name="words, numbers and signs are pieces of their own", points=3)
def kinds(student, rng):
    a, b, n = _word(rng), _word(rng), str(rng.integers(100, 99999))
    expect.equal(student.pieces(f"{a}{n}, {b} {n}!?"), [a, n, ",", f" {b}", f" {n}", "!?"])
    expect.equal(student.pieces(f"({a}) + {b}"), ["(", a, ")", " +", f" {b}"])


@test_case(
    name="apostrophes, letters of all alphabets, and the underscore as a sign",
    points=2,
    hidden=True,
    failure_message=(
        "'s 't 'd 'm 'll 've 're are pieces, other apostrophes signs. [^\\W\\d_] is a letter in any alphabet; _ is a sign."
    ),
)
def odd_words(student, rng):
    a = _word(rng)
    for rest in ("s", "t", "d", "m", "ll", "ve", "re"):
        expect.equal(student.pieces(f"{a}'{rest} {a}"), [a, f"'{rest}", f" {a}"])
    expect.equal(student.pieces(f"{a} 'x'"), [a, " '", "x", "'"])
    expect.equal(student.pieces(f"Ж{a}é {a}日本 ß"), [f"Ж{a}é", f" {a}日本", " ß"])
    expect.equal(student.pieces(f"{a}_{a} __{a}"), [a, "_", a, " __", a])
    expect.equal(student.pieces(f"{a}😀😀 👍{a}"), [a, "😀😀", " 👍", a])


@test_case(
    name="runs of white space leave their last character to a word",
    points=2,
    hidden=True,
    failure_message="Three spaces before a word are two, and one that belongs to the word; at the end they are three.",
)
def white_space(student, rng):
    a, b, k = _word(rng), _word(rng), int(rng.integers(2, 6))
    expect.equal(student.pieces(f"{a}{' ' * k} {b}{' ' * k}"), [a, " " * k, f" {b}", " " * k])
    expect.equal(student.pieces(f"{a}\n\n\t{b}"), [a, "\n\n", "\t", b])
    expect.equal(student.pieces(f"\n{' ' * k}"), [f"\n{' ' * k}"])
    expect.equal(student.pieces(""), [])


@test_case(
    name="no character is lost",
    points=1,
    hidden=True,
    failure_message="Joined, the pieces are the text. Which character is in none of your alternatives?",
)
def nothing_lost(student, rng):
    codes = [
        int(rng.integers(low, high))
        for low, high in ((0, 0x80), (0x80, 0x3000), (0x3000, 0xD800), (0xE000, 0x10FFFF))
        for _ in range(60)
    ]
    text = "".join(chr(codes[int(i)]) for i in rng.permutation(len(codes))) + "_\x1c\x85²½ⅷ\ud800"
    found = student.pieces(text)
    expect.equal("".join(found), text)
    expect.between(len(found), 40, len(text), "number of pieces of a text of all sorts")
    every = "".join(map(chr, range(0x3000)))
    expect.equal("".join(student.pieces(every)), every)


@test_case(name="bytes are those of UTF-8", points=1)
def utf8(student, rng):
    text = _word(rng) + str(rng.choice(["é", "日本", "😀", "e\u0301"])) + _word(rng)
    expect.equal(student.bytes_and_back(text), (text.encode("utf-8"), [text] * 3))
