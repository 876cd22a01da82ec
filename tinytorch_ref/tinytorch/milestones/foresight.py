"""What character comes next, by a model that knows tokens.

Where tokens are characters the answer is the model's own. Where they are pieces of words it is not, for a text may end
within a token: after "the k" the model would be asked about a token that begins after "k", and hardly any does. So the
text is taken back to the beginning of its last word, and the probabilities of all tokens, and of rows of tokens, that
write this word again and at least one character more are added up by that character.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
NEGLIGIBLE = 1e-4  # a row of tokens so much rarer than the best is not followed
BATCH = 64  # texts in one pass of the model


@dataclass(frozen=True)
class _Way:
    """One way to read a text: tokens so far, what of the text they have still to write, and how likely they are."""

    text: int
    ids: tuple[int, ...]
    rest: str
    weight: float


class NextCharacter:
    """Probabilities of the next character after texts.

    Args:
        named: the text of each token.
        encode: text -> ids.
        stable: text -> how many of its characters are cut into tokens for good, whatever follows.
        next_logits: ids (B, T) -> logits (B, V).
        longest: how many tokens the model sees.
    """

    def __init__(
        self,
        named: Sequence[str],
        encode: Callable[[str], Sequence[int]],
        stable: Callable[[str], int],
        next_logits: Callable[[Array], Array],
        longest: int,
    ):
        self.named, self.encode, self.stable = named, encode, stable
        self.next_logits, self.longest = next_logits, longest
        # What is no complete character has no place among the answers.
        self.usable = [bool(name) and "\ufffd" not in name for name in named]
        self.characters = sorted({c for name, fine in zip(named, self.usable, strict=True) if fine for c in name})
        self.column = {c: i for i, c in enumerate(self.characters)}
        self._after: dict[str, tuple[Array, Array, list[int]]] = {}

    def __call__(self, texts: Sequence[str]) -> Array:
        """(texts, characters): rows of sum 1, in the order of `characters`. A text has at least one token in front."""
        found = np.zeros((len(texts), len(self.characters)))
        ways = [self._begin(i, text) for i, text in enumerate(texts)]
        while ways:
            ways = self._advance(ways, found)
        return found / found.sum(axis=1, keepdims=True)

    def _begin(self, i: int, text: str) -> _Way:
        cut = self.stable(text)
        ids = tuple(self.encode(text[:cut]))
        if not ids:  # one word is all there is: nothing can be taken back
            return _Way(i, tuple(self.encode(text)), "", 1.0)
        return _Way(i, ids, text[cut:], 1.0)

    def _advance(self, ways: list[_Way], found: Array) -> list[_Way]:
        """One token more for every way: those that reach beyond the text are counted, the others go on."""
        going: list[_Way] = []
        for way, probabilities in self._predicted(ways):
            beyond, columns, within = self._tokens(way.rest)
            np.add.at(found[way.text], columns, way.weight * probabilities[beyond])
            for token in within:
                weight = way.weight * float(probabilities[token])
                going.append(_Way(way.text, (*way.ids, token), way.rest[len(self.named[token]) :], weight))
        best: dict[int, float] = defaultdict(float)
        for way in going:
            best[way.text] = max(best[way.text], way.weight, found[way.text].sum())
        return [way for way in going if way.weight > NEGLIGIBLE * best[way.text]]

    def _predicted(self, ways: list[_Way]) -> list[tuple[_Way, Array]]:
        """Each way with the probabilities of its next token. Ways of one length are computed together."""
        by_length: dict[int, list[_Way]] = defaultdict(list)
        for way in ways:
            by_length[min(len(way.ids), self.longest)].append(way)
        pairs: list[tuple[_Way, Array]] = []
        for length, same in by_length.items():
            for start in range(0, len(same), BATCH):
                batch = same[start : start + BATCH]
                logits = self.next_logits(np.array([way.ids[-length:] for way in batch], np.int64)).astype(np.float64)
                weights = np.exp(logits - logits.max(axis=1, keepdims=True))
                pairs += zip(batch, weights / weights.sum(axis=1, keepdims=True), strict=True)
        return pairs

    def _tokens(self, rest: str) -> tuple[Array, Array, list[int]]:
        """The tokens that write `rest` and more, the column of the first character that is more, and those within."""
        if rest not in self._after:
            usable = [(i, name) for i, name in enumerate(self.named) if self.usable[i]]
            beyond = [(i, self.column[name[len(rest)]]) for i, name in usable if name != rest and name.startswith(rest)]
            ids, columns = np.array(beyond, np.int64).reshape(-1, 2).T
            within = [i for i, name in usable if rest.startswith(name)]
            self._after[rest] = ids, columns, within
        return self._after[rest]


def of(writer: Any) -> NextCharacter:
    """For a writer of the transformer program."""
    tokenizer, model = writer.tokenizer, writer.model
    named = [tokenizer.decode([i]) for i in range(tokenizer.vocab_size)]
    if writer.plan.tokenizer == "char":
        named[0] = ""  # what stands for characters that nobody has seen is none itself
        return NextCharacter(named, tokenizer.encode, len, model.next_logits, model.max_seq_len)
    return NextCharacter(named, tokenizer.encode, _before_last_word, model.next_logits, model.max_seq_len)


def _before_last_word(text: str) -> int:
    """Where the last word begins, with the space in front: byte-pair encoding never joins what lies before with it."""
    from tinytorch.core.tokenization import pieces

    return len(text) - len(pieces(text)[-1])
