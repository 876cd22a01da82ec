"""2017: a network of attention learns to write. The last tenth of the text stays with the judge.

After the training the network is shown pieces of that tenth, all at once, and for each has to say how likely every
character is to be the next one. The pieces do not overlap and none holds what comes after another, so that nothing it
is ever sent before it has answered tells it an answer. Only then may it read that tenth, for the number that others
report of this data set.
"""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "transformer"
title = "Attention, 2017"
points = None

SHOWN = 63  # characters of a piece; the one behind them is asked for
LEAST = 1e-6  # probabilities below this count as this: one surprise may not outweigh everything else


def _text(datasets):
    """What may be learned from, and what is kept back."""
    text = (datasets.folder("tinyshakespeare") / "input.txt").read_text(encoding="utf-8")
    cut = int(0.9 * len(text))
    return text[:cut], text[cut:]


def _questions(kept):
    """Pieces of the text and the character that follows each of them."""
    starts = range(0, len(kept) - SHOWN, SHOWN + 1)
    return [kept[i : i + SHOWN] for i in starts], [kept[i + SHOWN] for i in starts]


def _loss(answer, truth):
    """Nats a character, of answers that are probabilities."""
    characters, probabilities = answer["characters"], answer["probabilities"]
    expect.true(isinstance(characters, list) and len(set(characters)) == len(characters), "a character has one column")
    expect.shape(probabilities, (len(truth), len(characters)))
    expect.finite(probabilities)
    expect.true(bool((probabilities >= 0).all()), "no probability is negative")
    expect.close(probabilities.sum(axis=1), np.ones(len(truth)), rtol=0, atol=1e-4)
    column = {character: i for i, character in enumerate(characters)}
    right = [row[column[c]] if c in column else 0.0 for row, c in zip(probabilities, truth, strict=True)]
    return float(-np.log(np.maximum(right, LEAST)).mean())


def _foresight(student, learn, rng, datasets, bar):
    text, kept = _text(datasets)
    learn(text, int(rng.integers(1 << 30)))
    pieces, truth = _questions(kept)
    loss = _loss(student.foresee(pieces), truth)
    standard = student.weigh(kept)
    expect.between(loss, 0.0, bar, "the loss in nats a character that was kept back")
    expect.between(standard, 0.0, np.log(256), "for information: the program's own loss on the whole of it")


@test_case(name="trained on characters, it foresees the next one to less than 1.8 nats", points=60)
def characters(student, rng, datasets):
    _foresight(student, student.learn_characters, rng, datasets, 1.8)


@test_case(name="trained on pieces of words, it foresees the next character to less than 1.8 nats", points=40)
def pieces(student, rng, datasets):
    _foresight(student, student.learn_pieces, rng, datasets, 1.8)
