"""Tokenization: any text as a line of whole numbers, and the very same text back.

The file has four parts. First what tokenizers share, and `CharTokenizer`, one id a character. Then the tools of
byte-pair encoding: text cut into pieces, pairs merged, pairs counted while they are being merged. Then `BPETokenizer`,
which learns its vocabulary from a text. Last, functions for whole collections of texts. What a model does with the ids
is assignment 11's part.
"""

from __future__ import annotations

import heapq
import json
import operator
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, pairwise
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

UNKNOWN = "<UNK>"  # CharTokenizer's id 0
BYTES = 256  # BPETokenizer's ids 0 to 255 are the bytes
Pair = tuple[int, int]

# ==== Part one: what tokenizers share, and characters =================================================================


class Tokenizer:
    """Text to ids and back. A subclass writes `encode`, `decode`, `vocab_size`, `state` and `from_state`."""

    @property
    def vocab_size(self) -> int:
        """How many ids there are: 0 to vocab_size - 1. The number of rows an embedding needs."""
        raise NotImplementedError("Tokenizer has no vocabulary of its own: use CharTokenizer or BPETokenizer")

    def encode(self, text: str) -> list[int]:
        """The ids of a text."""
        raise NotImplementedError("Tokenizer does not know how to encode: use CharTokenizer or BPETokenizer")

    def decode(self, ids: Any) -> str:
        """The text of ids: a list, an ndarray or a Tensor of shape (n,)."""
        raise NotImplementedError("Tokenizer does not know how to decode: use CharTokenizer or BPETokenizer")

    def state(self) -> dict[str, Any]:
        """All that the tokenizer knows, as strings, numbers and lists of them."""
        raise NotImplementedError("Tokenizer has nothing to save: use CharTokenizer or BPETokenizer")

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Tokenizer:
        """A tokenizer that knows the same."""
        raise NotImplementedError("Tokenizer has nothing to load: use CharTokenizer or BPETokenizer")

    def save(self, path: str | PathLike[str]) -> None:
        """Write the tokenizer to a JSON file."""
        content = json.dumps({"kind": type(self).__name__, **self.state()})
        Path(path).write_text(content + "\n", encoding="ascii")

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Any:
        """The tokenizer that `save` wrote, as a new object; `Tokenizer.load` reads any kind.

        Raises:
            ValueError: the file holds another kind of tokenizer, or something else; names the file.
        """
        content = json.loads(Path(path).read_text(encoding="ascii"))
        kinds = {kind.__name__: kind for kind in (cls, *cls.__subclasses__())}
        found = content.get("kind") if isinstance(content, dict) else None
        if found not in kinds:
            raise ValueError(f"{path} holds {found or 'no tokenizer'}, not a {cls.__name__}; use what save() wrote")
        return kinds[found].from_state(content)


def _check_text(text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"a tokenizer reads text (str), not {type(text).__name__}; decode bytes first, join lists")
    return text


def _texts(corpus: str | Iterable[str]) -> list[str]:
    """A corpus is one text, or several."""
    return [corpus] if isinstance(corpus, str) else [_check_text(text) for text in corpus]


# ---- Task 1: one id a character --------------------------------------------------------------------------------------


def id_list(ids: Any, vocab_size: int) -> list[int]:
    """Ids as a list of Python's integers: from a list, an ndarray or a Tensor of shape (n,).

    Whole numbers that come as floats are accepted, since tensors are float32 by default.

    Raises:
        ValueError: an id below 0 or from vocab_size on (names it and vocab_size), or another shape.
        TypeError: what comes is no whole numbers.
    """
    array = np.asarray(ids)
    if array.ndim != 1:
        raise ValueError(f"decode takes one line of ids (n,), got shape {array.shape}; decode row by row")
    if array.size and (array.dtype.kind not in "iuf" or np.any(array % 1 != 0)):
        raise TypeError(f"ids are whole numbers, got {array.dtype} such as {array[0]}")
    # A model may give an id that nobody has, and Python's lists have an element -1.
    raise NotImplementedError("a10_tokenization: id_list is yours to write")


class CharTokenizer(Tokenizer):
    """One id a character (code point). Id 0 is <UNK>: it stands for every character that is not in the vocabulary.

    Args:
        vocab: the characters that get the ids 1, 2, ... in this order; a leading "<UNK>" (the `vocab` of another
            tokenizer) is left out. By default none: `build_vocab` takes them from a text.

    Raises:
        ValueError: something that is not one character, or the same one twice; names it.
    """

    vocab: list[str]
    char_to_id: dict[str, int]
    id_to_char: dict[int, str]

    def __init__(self, vocab: Iterable[str] | None = None):
        characters = list(vocab or ())
        if characters[:1] == [UNKNOWN]:
            del characters[0]
        self._set_vocab(characters)

    def _set_vocab(self, characters: list[str]) -> None:
        """Give <UNK> and then these characters their ids: sets vocab, char_to_id and id_to_char."""
        for character, times in Counter(characters).items():
            if times > 1 or len(character) != 1:
                raise ValueError(f"{character!r} is not one character that comes once; a vocabulary lists characters")
        raise NotImplementedError("a10_tokenization: CharTokenizer._set_vocab is yours to write")

    def build_vocab(self, corpus: str | Iterable[str]) -> None:
        """Make the vocabulary of all characters of one text or several, sorted; what was there before is forgotten."""
        # A set has another order in every run of Python. Ids that are saved with a model need the same one.
        raise NotImplementedError("a10_tokenization: CharTokenizer.build_vocab is yours to write")

    @property
    def vocab_size(self) -> int:
        """Number of ids: <UNK> and the characters."""
        return len(self.vocab)

    def encode(self, text: str) -> list[int]:
        """As many ids as the text has characters; 0 for a character that is not in the vocabulary."""
        raise NotImplementedError("a10_tokenization: CharTokenizer.encode is yours to write")

    def decode(self, ids: Any) -> str:
        """The characters of ids (n,), "<UNK>" for 0.

        Raises:
            ValueError: an id that the vocabulary does not have.
        """
        raise NotImplementedError("a10_tokenization: CharTokenizer.decode is yours to write")

    # ---- Task 8: saving and loading

    def state(self) -> dict[str, Any]:
        raise NotImplementedError("a10_tokenization: CharTokenizer.state is yours to write")

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> CharTokenizer:
        raise NotImplementedError("a10_tokenization: CharTokenizer.from_state is yours to write")

    def __repr__(self) -> str:
        return f"CharTokenizer({self.vocab_size} ids: {UNKNOWN} and {self.vocab_size - 1} characters)"


# ==== Part two: the tools of byte-pair encoding =======================================================================

# ---- Task 2: bytes, and the pieces of a text -------------------------------------------------------------------------


def to_bytes(text: str) -> bytes:
    """A text as UTF-8. Half a surrogate pair, which is no character, becomes three bytes all the same."""
    # The error handler "surrogatepass" does that.
    raise NotImplementedError("a10_tokenization: to_bytes is yours to write")


def to_text(data: bytes, errors: str = "replace") -> str:
    """The text whose bytes these are. What `to_bytes` made comes back exactly.

    Bytes that are no text, such as half a character, are dealt with as `errors` says, by the rules of bytes.decode:
    "replace" (the sign U+FFFD), "strict" (UnicodeDecodeError), "ignore", "backslashreplace", ...
    """
    raise NotImplementedError("a10_tokenization: to_text is yours to write")


# The alternatives, in the order in which they are tried:
#     's 't 'd 'm 'll 've 're            what is left of a word after an apostrophe
#     letters, a space in front or not   [^\W\d_] is a letter: a word character, but no digit and no underscore
#     digits, a space in front or not
#     other signs, a space in front or not: neither white space nor \w; the underscore is one of them
#     white space without its last character, if a word follows: \s+(?!\S) leaves that one to the word
#     white space
_PIECE = ...  # a10_tokenization: yours to write


def pieces(text: str) -> list[str]:
    """A text cut into words, numbers, runs of signs and white space, by GPT-2's rule; joined they are the text.

    A space belongs to the word that it precedes: "It's 12 o'clock" is ["It", "'s", " 12", " o", "'", "clock"].
    """
    # _PIECE.findall gives all matches. Every character has to be in one of them.
    raise NotImplementedError("a10_tokenization: pieces is yours to write")


# ---- Task 3: merging a pair ------------------------------------------------------------------------------------------


def merge(ids: Sequence[int], pair: Pair, new: int) -> list[int]:
    """The ids with every occurrence of a pair replaced by `new`, from left to right: 1 1 1 becomes new 1 for (1, 1)."""
    raise NotImplementedError("a10_tokenization: merge is yours to write")


def apply_merges(ids: Sequence[int], ranks: Mapping[Pair, int]) -> list[int]:
    """The ids after all merges that apply, in the order in which they were learned: lowest new id first.

    Args:
        ids: (n,).
        ranks: the new id of each pair that is merged. A pair's new id is higher than both of its own.

    n ids need time in the order of n log n: no rescan for each merge.
    """
    # A list of ids from which elements vanish is slow. Instead every place knows its neighbours: left[i], right[i].
    # A merge at place i writes the new id there, marks its right neighbour as gone (-1) and passes over it. Place n
    # holds a -1 that ends the line; place -1 is the same place, for Python, so both ends are safe to look at.
    n = len(ids)
    line = [*ids, -1]
    left, right = list(range(-1, n)), [*range(1, n + 1), n]
    # What can be merged waits in a heap as (new id, place): the smallest is the next merge, leftmost first. A merge
    # makes at most two pairs, with its neighbours, and outdates the entries of others. Whether an entry is still true
    # shows when it is popped.
    raise NotImplementedError("a10_tokenization: apply_merges is yours to write")


# ---- Task 4: counting pairs while they are merged --------------------------------------------------------------------


class PairCounts:
    """How often each pair of neighbours occurs in words, kept true while pairs are merged.

    Args:
        words: each a line of ids, shape (length,).
        frequencies: how often each word occurs in the text, so that every word is kept and worked on once.

    counts[pair] is the number of occurrences in the text, where[pair] the numbers of the words that hold the pair.
    """

    def __init__(self, words: Iterable[Sequence[int]], frequencies: Iterable[int]):
        self.words = [list(word) for word in words]
        self.frequencies = list(frequencies)
        self.counts: defaultdict[Pair, int] = defaultdict(int)
        self.where: defaultdict[Pair, set[int]] = defaultdict(set)
        # pairwise(word) are the pairs of a word: 1 1 1 holds (1, 1) twice. Fill counts and where.
        raise NotImplementedError("a10_tokenization: PairCounts.__init__ is yours to write")
        # Entries (-count, pair): the smallest is the most frequent pair and, of several, the lowest.
        self._heap = [(-count, pair) for pair, count in self.counts.items()]
        heapq.heapify(self._heap)

    def most_frequent(self) -> Pair | None:
        """The pair that occurs most often; of several the lowest: by its first id, then by its second. None: no pair.

        Entries of the heap may be outdated, but only in one direction: the count of a pair that was there before can
        only fall. So an entry is an upper bound, and if the smallest is true, no other pair can come before it.
        """
        # Look at self._heap[0]. If its count is no longer true, replace it by the true one (heapq.heapreplace), or
        # remove it where there is nothing left to count.
        raise NotImplementedError("a10_tokenization: PairCounts.most_frequent is yours to write")

    def merge(self, pair: Pair, new: int) -> None:
        """Merge a pair into `new` in all words: words, counts, where and the heap are true afterwards."""
        # Only the words of where[pair] change. Take all pairs of such a word out of counts and where, merge, and put
        # all pairs of what it is now in: so no neighbour is forgotten. Pairs that are new hold `new`; they go into the
        # heap once all words are done and their counts are known.
        raise NotImplementedError("a10_tokenization: PairCounts.merge is yours to write")


# ==== Part three: the tokenizer =======================================================================================

_CACHED_PIECES = 1 << 16  # so many pieces are remembered, and those of the text at hand


class BPETokenizer(Tokenizer):
    """Byte-pair encoding on the bytes of UTF-8: every text has ids, and they give back that text.

    Ids 0 to 255 are the bytes, 256 and up the merges in the order in which they were learned, then the special tokens.

    Args:
        vocab_size: how many ids there shall be after training, bytes and special tokens included. Training ends with
            fewer if no pair occurs twice any more.
        special_tokens: texts such as "<|end|>" that get an id of their own. They are never split, and never merged
            with what stands beside them.

    Raises:
        ValueError: a vocab_size that the bytes and special tokens fill already; an empty special token.
    """

    merges: list[Pair]
    special_tokens: dict[str, int]

    def __init__(self, vocab_size: int = 1000, special_tokens: Iterable[str] = ()):
        self.special_tokens = {}
        self._set_merges([])
        self.add_special_tokens(special_tokens)
        self.max_vocab_size = self._check_size(vocab_size)

    def _check_size(self, vocab_size: int) -> int:
        least = BYTES + len(self.special_tokens)
        if operator.index(vocab_size) < least:
            raise ValueError(
                f"vocab_size {vocab_size} is too small: {BYTES} bytes and {len(self.special_tokens)} special tokens"
                f" are always there; ask for {least} or more"
            )
        return operator.index(vocab_size)

    # ---- Task 5: learning

    def _set_merges(self, merges: Iterable[Pair]) -> None:
        """Take these merges, in this order, in place of those that were there; special tokens move behind them.

        Raises:
            ValueError: a merge of an id that does not exist at that point, or one that was there before; names it.
        """
        self.merges = [(operator.index(left), operator.index(right)) for left, right in merges]
        for i, pair in enumerate(self.merges):
            if not 0 <= min(pair) <= max(pair) < BYTES + i:
                raise ValueError(f"merge {i} joins {pair}: only ids below {BYTES + i} exist at that point")
        # _ranks: the new id of each pair. _tokens: the bytes of each id, the merges' out of their parts.
        # The cache holds the ids of pieces that were encoded before: see Task 6.
        raise NotImplementedError("a10_tokenization: BPETokenizer._set_merges is yours to write")
        self._set_special_tokens(list(self.special_tokens))

    def train(self, corpus: str | Iterable[str], vocab_size: int | None = None) -> None:
        """Learn merges from one text or several: again and again the most frequent pair, of several the lowest.

        Pairs are counted within pieces, so no token reaches over the border of a word, and not in special tokens.
        Earlier merges are forgotten; special tokens move to the end of the new vocabulary.

        Args:
            vocab_size: as in the constructor, whose number is the default.
        """
        size = self._check_size(self.max_vocab_size if vocab_size is None else vocab_size)
        # Count the pieces first: a Counter of strings. Every other element of self._split(text) is ordinary text.
        # Each merge that is learned makes the next id. Stop early if no pair occurs twice.
        raise NotImplementedError("a10_tokenization: BPETokenizer.train is yours to write")

    # ---- Task 6: encoding and decoding

    def encode(self, text: str, allow_special: bool = True) -> list[int]:
        """The ids of a text. No merge reaches over the border of a piece.

        Args:
            allow_special: whether special tokens in the text get their ids. False treats them as ordinary text: for
                text that comes from strangers, who must not be able to write control signs.
        """
        # Of self._split(text) every other part, beginning with the second, is a special token.
        raise NotImplementedError("a10_tokenization: BPETokenizer.encode is yours to write")

    def _encode_text(self, text: str) -> list[int]:
        """The ids of a text in which nothing is special."""
        # Most pieces of a text are old acquaintances: " the" is merged once and looked up ever after. Merge what
        # self._cache does not hold yet (empty it first if it holds more than _CACHED_PIECES), then look all pieces up:
        # chain.from_iterable joins lists without a loop in Python.
        raise NotImplementedError("a10_tokenization: BPETokenizer._encode_text is yours to write")

    def decode_bytes(self, ids: Any) -> bytes:
        """The bytes of ids (n,), which need not be a text: a token may begin or end within a character.

        Raises:
            ValueError: an id that the vocabulary does not have.
        """
        raise NotImplementedError("a10_tokenization: BPETokenizer.decode_bytes is yours to write")

    def decode(self, ids: Any, errors: str = "replace") -> str:
        """The text of ids (n,): decode(encode(text)) is text, for every text.

        Args:
            errors: what becomes of bytes that are no text, as in `to_text`.
        """
        # A character may be spread over several tokens: first all bytes, then the text.
        raise NotImplementedError("a10_tokenization: BPETokenizer.decode is yours to write")

    # ---- Task 7: special tokens

    def add_special_tokens(self, tokens: Iterable[str]) -> None:
        """Give these texts the next ids, in their order; those that have one keep it."""
        self._set_special_tokens([*self.special_tokens, *_texts(tokens)])

    def _set_special_tokens(self, tokens: list[str]) -> None:
        """Give special tokens the ids behind the merges, and prepare _split."""
        if "" in tokens:
            raise ValueError("a special token needs at least one character")
        if not tokens:
            self._special = None
            return
        # special_tokens: text -> id, without duplicates; _tokens goes on with their bytes. _special is a pattern for
        # _split: re.escape makes a text a pattern for itself, "|" tries from left to right, and "<|end|>" is the
        # beginning of "<|end|>2". In parentheses, so that re.split returns the special tokens as well.
        raise NotImplementedError("a10_tokenization: BPETokenizer._set_special_tokens is yours to write")

    def _split(self, text: str) -> list[str]:
        """[text, special token, text, ..., text]: where several special tokens begin, the longest is taken."""
        return [text] if self._special is None else self._special.split(text)

    # ---- Task 8: saving and loading

    def state(self) -> dict[str, Any]:
        # Two things, both in order, are all there is to know: everything else is made of them.
        raise NotImplementedError("a10_tokenization: BPETokenizer.state is yours to write")

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> BPETokenizer:
        raise NotImplementedError("a10_tokenization: BPETokenizer.from_state is yours to write")

    # ---- given: looking at it

    @property
    def vocab_size(self) -> int:
        """How many ids there are now: 256 bytes, the merges, the special tokens."""
        return BYTES + len(self.merges) + len(self.special_tokens)

    @property
    def vocab(self) -> list[bytes | str]:
        """What each id stands for: bytes, or the text of a special token."""
        return [*self._tokens[: BYTES + len(self.merges)], *self.special_tokens]

    @property
    def token_to_id(self) -> dict[bytes | str, int]:
        """The ids of bytes and special tokens; where two merges give the same bytes, the first."""
        found: dict[bytes | str, int] = {}
        for i, token in enumerate(self.vocab):
            found.setdefault(token, i)
        return found

    def __repr__(self) -> str:
        return (
            f"BPETokenizer({self.vocab_size} ids: {BYTES} bytes, {len(self.merges)} merges,"
            f" {len(self.special_tokens)} special tokens)"
        )


# ==== Part four: whole collections ====================================================================================


def create_tokenizer(
    strategy: str = "char", vocab_size: int = 1000, corpus: str | Iterable[str] | None = None
) -> Tokenizer:
    """A tokenizer by name, "char" or "bpe", trained on a corpus if there is one."""
    if strategy == "char":
        characters = CharTokenizer()
        if corpus is not None:
            characters.build_vocab(corpus)
        return characters
    if strategy == "bpe":
        tokenizer = BPETokenizer(vocab_size)
        if corpus is not None:
            tokenizer.train(corpus)
        return tokenizer
    raise ValueError(f"there is no tokenizer {strategy!r}; choose 'char' or 'bpe'")


def tokenize_dataset(texts: Iterable[str], tokenizer: Tokenizer, max_length: int | None = None) -> list[list[int]]:
    """The ids of each text, at most `max_length` of each."""
    return [tokenizer.encode(text)[:max_length] for text in texts]


def analyze_tokenization(texts: Iterable[str], tokenizer: Tokenizer) -> dict[str, float]:
    """What a tokenizer makes of texts: numbers of ids, and how many characters an id stands for."""
    kept = list(texts)
    lines = tokenize_dataset(kept, tokenizer)
    lengths = [len(line) for line in lines]
    total = sum(lengths)
    return {
        "vocab_size": tokenizer.vocab_size,
        "avg_sequence_length": total / max(len(lengths), 1),
        "max_sequence_length": max(lengths, default=0),
        "total_tokens": total,
        "compression_ratio": sum(map(len, kept)) / max(total, 1),
        "unique_tokens": len(set(chain.from_iterable(lines))),
    }
