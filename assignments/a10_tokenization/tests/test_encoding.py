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
