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


@test_case(name="bytes are those of UTF-8", points=1)
def utf8(student, rng):
    text = _word(rng) + str(rng.choice(["é", "日本", "😀", "e\u0301"])) + _word(rng)
    expect.equal(student.bytes_and_back(text), (text.encode("utf-8"), [text] * 3))
