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


@test_case(
    name="special tokens are neither counted nor merged in training",
    points=2,
    hidden=True,
    failure_message="train splits texts at special tokens as encode does: their characters make no pairs.",
)
def not_counted(student, rng):
    a, b, c = _letters(rng, 3)
    word = chr(a) + chr(b)
    text = f"{word}{END}{END}{END}{word}{END}{END}{chr(c)}"
    expect.equal(student.merges_of([text], 300, [END]), ([[a, b]], 258))
    merges = [[a, ord("<")], [ord("|"), ord("e")], [ord(">"), b]]
    expect.equal(
        student.with_special(merges, [END], f"{chr(a)}{END}{chr(b)}"), ([a, 259, b], f"{chr(a)}{END}{chr(b)}", 260)
    )


@test_case(
    name="of two special tokens the longer, and no pattern is read into them",
    points=2,
    hidden=True,
    failure_message="<|end|>2 begins with <|end|>: try the longest first. Signs such as | and * are characters here.",
)
def longest_and_literal(student, rng):
    a = _letters(rng, 1)[0]
    tokens = [END, f"{END}2", "a.c*", "[x]"]
    text = f"{chr(a)}{END}2{END}abcc[x]a.c*x{chr(a)}"
    ids = [a, 257, 256, *b"abcc", 259, 258, ord("x"), a]
    expect.equal(student.with_special([], tokens, text), (ids, text, 260))
    expect.equal(student.with_special([], tokens[::-1], f"{END}2{END}"), ([258, 259], f"{END}2{END}", 260))


@test_case(
    name="where special tokens are not allowed they are text",
    points=1,
    hidden=True,
    failure_message="With allow_special=False a stranger's <|end|> is seven characters, and may be merged like any others.",
)
def not_allowed(student, rng):
    a = _letters(rng, 1)[0]
    text = f"{chr(a)}{END}"
    plain = [a, *END.encode()]
    expect.equal(student.with_special([], [END], text, False), (plain, text, 257))
    merged = [a, 256, *END[2:].encode()]
    expect.equal(student.with_special([[ord("<"), ord("|")]], [END], text, False), (merged, text, 258))
    expect.equal(student.with_special([], [END], text), ([a, 256], text, 257))


@test_case(
    name="special tokens that are added later get the next ids",
    points=2,
    hidden=True,
    failure_message="Those that are there keep their ids, in their order; after training all of them follow the merges.",
)
def added(student, rng):
    a, b = _letters(rng, 2)
    word = f"{chr(a)}{chr(b)}\n" * 4
    found, encoded, size = student.special_after_training(word, 300, [END], [START, END, "é"])
    after = [[END, 257], [START, 258], ["é", 259]]
    expect.equal(found, [[[END, 257]], after, after])
    expect.equal((encoded, size), ([[257], [258], [259]], 260))
    expect.equal(student.special_added([], [START, END, START]), [[START, 256], [END, 257]])
    expect.raises(ValueError, student.special_added, [END], [""])
