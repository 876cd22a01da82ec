"""Task 8: a tokenizer that is loaded gives the same ids, for ever."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "saving"
title = "Saving and loading"
points = None


def _corpus(rng, number=300):
    letters = [chr(97 + int(i)) for i in rng.permutation(26)[:6]]
    return " ".join(
        "".join(letters[int(i)] for i in rng.integers(0, 6, size=int(n))) for n in rng.integers(2, 7, size=number)
    )


@test_case(name="a loaded tokenizer gives the same ids", points=3)
def same_ids(student, rng):
    corpus = _corpus(rng)
    text = f"{corpus[:40]}<|end|>é😀 {corpus[::-1][:40]}"
    before, after, back, merges, special = student.saved_bpe(corpus, 270, ["<|end|>", "<|pad|>"], text)
    expect.equal(after, before)
    expect.equal(back, text)
    expect.equal(len(merges), 12)
    expect.equal(special, [["<|end|>", 268], ["<|pad|>", 269]])


@test_case(
    name="characters keep their ids, and their file is not one of byte pairs",
    points=2,
    hidden=True,
    failure_message=(
        "The order of the vocabulary is the ids, also for a control sign or half a surrogate pair; Tokenizer.load reads"
        " any kind, BPETokenizer.load only its own."
    ),
)
def same_characters(student, rng):
    kinds = ['"', "\\", "\n", "\x00", "é", "😀", "\udc00", "\u2028", *_corpus(rng, 3)[0]]
    vocab = [kinds[int(i)] for i in rng.permutation(len(kinds))]
    text = "".join(vocab[int(i)] for i in rng.integers(0, len(vocab), size=20))
    ids = [vocab.index(c) + 1 for c in text]
    expect.equal(student.saved_chars(vocab, text), (ids, ids, ["<UNK>", *vocab], text))
    expect.raises(ValueError, student.loaded_as_another, vocab, mentions=["CharTokenizer"])


@test_case(
    name="the state is the merges and the special tokens, in order",
    points=2,
    hidden=True,
    failure_message=(
        'state() is {"merges": [[left, right], ...], "special_tokens": [...]}, in the order of the ids; from_state needs'
        " nothing else, and what it makes can be trained again."
    ),
)
def order_is_state(student, rng):
    corpus, tokens = _corpus(rng), ["<z>", "<a>", "<m>"]
    merges, _ = student.merges_of(corpus, 271, tokens)
    expect.equal(len(merges), 12)
    wanted = {"merges": merges, "special_tokens": tokens}
    expect.equal(student.state_of(corpus, 271, tokens), (wanted, wanted))
    a, b, c = (97 + int(i) for i in rng.permutation(26)[:3])
    expect.equal(student.from_merges([[a, b], [256, c]], ["<x>"], f"{chr(a)}{chr(b)}{chr(c)}<x>"), ([257, 258], 259))
    expect.equal(student.from_merges([[a, b]], ["<x>", "<y>", "<z>"], "<z><x>"), ([259, 257], 260))
    expect.equal(student.from_merges([], [], chr(a)), ([a], 256))
    wanted, _ = student.merges_of(corpus, 268)
    expect.equal(len(wanted), 12)
    expect.equal(student.loaded_and_trained([[a, b]], corpus, 268), wanted)
