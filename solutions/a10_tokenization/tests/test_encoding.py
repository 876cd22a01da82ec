"""Task 6: texts to ids by the merges, and every text back from its ids."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "encoding"
title = "Encoding and decoding"
points = None


def _letters(rng, count):
    return [97 + int(i) for i in rng.permutation(26)[:count]]


def _text(ids):
    return "".join(map(chr, ids))


@test_case(name="without merges ids are the bytes", points=2)
def plain_bytes(student, rng):
    text = _text(_letters(rng, 5)) + str(rng.choice(["é", "日本", "😀"])) + " " + _text(_letters(rng, 3))
    expect.equal(student.round_trip([], text), (list(text.encode("utf-8")), text))
    expect.equal(student.round_trip([], text + "\x00"), ([*text.encode("utf-8"), 0], text + "\x00"))
    expect.equal(student.round_trip([], ""), ([], ""))


@test_case(name="the merge that was learned first goes first, not the longest token", points=4)
def order_not_length(student, rng):
    a, b, c, d = _letters(rng, 4)
    merges = [[c, d], [a, b], [257, c]]
    expect.equal(student.encoded(merges, _text([a, b, c])), [258])
    expect.equal(student.encoded(merges, _text([a, b, c, d])), [257, 256])
    expect.equal(student.encoded([[b, c], [a, b]], _text([a, b, c])), [a, 256])


@test_case(
    name="merges stay within their piece",
    points=1,
    hidden=True,
    failure_message="encode cuts as train does: two ids that lie in different pieces are never merged.",
)
def within_pieces(student, rng):
    a, b = _letters(rng, 2)
    merges = [[b, 32], [32, a], [a, 49], [10, a]]
    expect.equal(student.encoded(merges, _text([a, b, 32, a, b])), [a, b, 257, b])
    expect.equal(student.encoded(merges, _text([a, 49, 10, a])), [a, 49, 10, a])


@test_case(name="any text comes back", points=3)
def any_text(student, rng):
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    samples = [
        "naïve café",
        "e\u0301a\u0308",
        "日本語のテキスト",
        "مرحبا",
        family,
        "👍🏽",
        "\x00\x07\r\n\t",
        "\ufeff ½",
        "",
    ]
    samples.append("".join(chr(int(i)) for i in rng.integers(0x20, 0xD800, size=40)))
    samples.append("".join(chr(int(i)) for i in rng.integers(0xE000, 0x110000, size=40)))
    for number, text in enumerate(samples):
        ids, back = student.round_trip_trained([text * 2, "日本 café " * 3], 260 + 3 * number, text)
        expect.equal(back, text)
        expect.true(not text or 0 < len(ids) <= len(text.encode("utf-8")), "an id stands for one byte or more")


@test_case(
    name="half a surrogate pair comes back",
    points=2,
    hidden=True,
    failure_message="Python's strings can hold lone surrogates; encode must not fail on them, nor replace them.",
)
def surrogates(student, rng):
    for _ in range(3):
        lone = chr(int(rng.integers(0xD800, 0xE000)))
        text = f"a{lone} {lone}é{lone}"
        data = text.encode("utf-8", "surrogatepass")
        expect.equal(student.round_trip([], text), (list(data), text))
        ids, back = student.round_trip_trained([text] * 3, 280, text)
        expect.equal(back, text)
        expect.between(len(ids), 1, len(data) - 3, "number of ids of a text that was trained on")


@test_case(
    name="a character that is cut is dealt with as errors says",
    points=2,
    hidden=True,
    failure_message="By default half a character is U+FFFD; strict raises, ignore leaves it out; decode_bytes gives bytes.",
)
def cut_characters(student, rng):
    character, letter = str(rng.choice(["日", "€", "😀"])), _letters(rng, 1)
    data = list(character.encode("utf-8"))
    half = [*letter, *data[:-1]]
    merges = [[data[-2], data[-1]]]
    expect.equal(student.decoded(merges, [*letter, *data[:-2], 256]), _text(letter) + character)
    expect.equal(student.decoded(merges, half), _text(letter) + "\ufffd")
    expect.equal(student.decoded(merges, half, "ignore"), _text(letter))
    expect.raises(ValueError, student.decoded, merges, half, "strict")
    expect.equal(student.decoded_bytes(merges, [*half[1:], 256, 255]), bytes([*half[1:], *data[-2:], 255]))
    expect.equal(student.decoded(merges, [255, 254]), "\ufffd\ufffd")


@test_case(
    name="what each id stands for",
    points=1,
    hidden=True,
    failure_message="_tokens holds the bytes of every id: a merge's are those of its two parts, one after the other.",
)
def tokens(student, rng):
    a, b, c = _letters(rng, 3)
    found = student.vocab_with([[a, b], [256, c], [257, 256]], ["<x>", "<é>"])
    one, two = bytes([a, b]), bytes([a, b, c])
    expect.equal(found[:256], [bytes([i]) for i in range(256)])
    expect.equal(found[256:], [one, two, two + one, "<x>", "<é>"])
    expect.raises(ValueError, student.vocab_with, [[a, b], [257, c]], [], mentions=[f"(257, {c})"])
    twice = [[b, c], [c, c], [a, b], [a, b], [b, b]]
    expect.raises(ValueError, student.vocab_with, twice, [], mentions=[f"({a}, {b})"])


@test_case(
    name="a piece that was met before is not merged again",
    points=2,
    hidden=True,
    failure_message=(
        "Most pieces of a text are old acquaintances: remember their ids, but not without end. What is returned is a list"
        " of the caller's own."
    ),
)
def remembered(student, rng):
    letters = _letters(rng, 14)
    merges = [letters[:2], *[[256 + i, letters[i + 2]] for i in range(12)]]
    for text in (_text(letters), _text(letters[::-1])):
        few, length = student.steps_to_encode(merges, f" {text}" * 5)
        many, longer = student.steps_to_encode(merges, f" {text}" * 200)
        expect.equal((length, longer), (10, 400) if text == _text(letters) else (75, 3000))
        expect.between(many - few, -1, 195 * 14, "further lines of Python run for 195 more copies of a word")
    first, second = student.steps_twice(merges, f" {_text(letters)}")
    expect.between(second, 1, min(first - 1, 60), f"lines of Python run to encode a word again, after {first}")
    texts = [f" {chr(97 + i)}{chr(97 + j)}" for i in range(26) for j in range(26)]
    kept, ids = student.pieces_kept(50, [texts[i : i + 26] for i in range(0, 676, 26)])
    expect.equal(ids, list("".join(texts[:26]).encode()))
    expect.between(kept, 0, 78, "number of pieces remembered after 676, with _CACHED_PIECES = 50")
    a, b, c = _letters(rng, 3)
    expect.equal(student.encoded_twice([[a, b]], _text([a, b, c]), int(rng.integers(1, 99))), [256, c])
