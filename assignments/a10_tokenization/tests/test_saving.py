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
