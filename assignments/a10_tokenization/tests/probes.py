"""What the tests may ask of a student's tokenizers: a few lines each, as a user would write them.

Plain data in, plain data out. Pairs travel as lists of [left id, right id, number], since dicts need keys of text.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tinytorch.core import tokenization
from tinytorch.core.tensor import Tensor
from tinytorch.core.tokenization import BPETokenizer, CharTokenizer, PairCounts, Tokenizer

MERGES = list[list[int]]


def _folder() -> Any:
    """A folder that goes away. Where TMPDIR points may have changed since Python looked for it."""
    return tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR"))


def _steps(action: Callable[[], Any]) -> int:
    """How many lines of Python run: tracing counts every line, and every turn of a loop again."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        count += 1
        return note

    sys.settrace(note)
    try:
        action()
    finally:
        sys.settrace(None)
    return count


# ---- characters


def _of_characters(corpus: Any) -> CharTokenizer:
    tokenizer = CharTokenizer()
    tokenizer.build_vocab(corpus)
    return tokenizer


def vocab_of(corpus: Any) -> Any:
    """The vocabulary of a corpus and its size."""
    tokenizer = _of_characters(corpus)
    return tokenizer.vocab, tokenizer.vocab_size


def tables_of(corpus: Any, again: Any) -> Any:
    """Both tables after a second corpus, as lists of pairs in the order of the ids."""
    tokenizer = _of_characters(corpus)
    tokenizer.build_vocab(again)
    return sorted(tokenizer.char_to_id.items(), key=lambda pair: pair[1]), sorted(tokenizer.id_to_char.items())


def vocab_given(vocab: Any) -> Any:
    """The vocabulary of a tokenizer that is given its characters, and of one that is given that vocabulary."""
    tokenizer = CharTokenizer(vocab)
    return tokenizer.vocab, CharTokenizer(tokenizer.vocab).vocab


def char_encoded(corpus: Any, text: str) -> Any:
    return _of_characters(corpus).encode(text)


def char_decoded(corpus: Any, ids: Any) -> Any:
    return _of_characters(corpus).decode(ids)


def char_round_trip(corpus: Any, text: str) -> Any:
    """The ids of a text, and the text of the ids."""
    tokenizer = _of_characters(corpus)
    ids = tokenizer.encode(text)
    return ids, tokenizer.decode(ids)


def decoded_kinds(text: str, ids: Any) -> Any:
    """One line of ids as a list, an int64 array and a float32 tensor, through both tokenizers."""
    kinds = [ids, np.asarray(ids, np.int64), Tensor(ids)]
    return [[tokenizer.decode(kind) for kind in kinds] for tokenizer in (_of_characters(text), BPETokenizer())]


# ---- pieces, bytes and merges


def pieces(text: str) -> Any:
    return tokenization.pieces(text)


def bytes_and_back(text: str) -> Any:
    """The bytes of a text, and the text of these bytes under three rules for errors."""
    data = tokenization.to_bytes(text)
    return data, [tokenization.to_text(data, errors) for errors in ("replace", "strict", "ignore")]


def merged(ids: list[int], pair: list[int], new: int) -> Any:
    """The merged ids, and the list that went in as it is afterwards."""
    line = list(ids)
    return tokenization.merge(line, (pair[0], pair[1]), new), line


def merges_applied(ids: list[int], ranks: MERGES) -> Any:
    return tokenization.apply_merges(ids, {(left, right): new for left, right, new in ranks})


def steps_to_merge(ids: list[int], ranks: MERGES) -> Any:
    """Lines of Python that run for it, and how many ids are left."""
    table = {(left, right): new for left, right, new in ranks}
    found: list[int] = []
    steps = _steps(lambda: found.extend(tokenization.apply_merges(ids, table)))
    return steps, len(found)


# ---- counting


def _counted(pairs: PairCounts) -> MERGES:
    return sorted([left, right, count] for (left, right), count in pairs.counts.items() if count)


def counts(words: Any, frequencies: list[int]) -> Any:
    """All pairs that occur, each with its count."""
    return _counted(PairCounts(words, frequencies))


def most_frequent(words: Any, frequencies: list[int]) -> Any:
    pair = PairCounts(words, frequencies).most_frequent()
    return None if pair is None else list(pair)


def counts_after(words: Any, frequencies: list[int], merges: MERGES) -> Any:
    """After these merges, each [left, right, new]: words, counts, and where each pair is."""
    pairs = PairCounts(words, frequencies)
    for left, right, new in merges:
        pairs.merge((left, right), new)
    where = sorted([*pair, sorted(numbers)] for pair, numbers in pairs.where.items() if numbers)
    return [list(word) for word in pairs.words], _counted(pairs), where


def chosen(words: Any, frequencies: list[int], first: int, count: int) -> Any:
    """The most frequent pair and its count, merged into `first`, and so on `count` times or until there is none."""
    pairs = PairCounts(words, frequencies)
    found: list[Any] = []
    while len(found) < count and (pair := pairs.most_frequent()) is not None:
        found.append([*pair, pairs.counts[pair]])
        pairs.merge(pair, first + len(found) - 1)
    return found


def steps_to_choose(words: Any, frequencies: list[int], first: int, count: int) -> Any:
    """Lines of Python that run for `count` merges once the pairs are counted, and the pairs that were chosen."""
    pairs = PairCounts(words, frequencies)
    found: list[Any] = []

    def choose() -> None:
        for new in range(first, first + count):
            pair = pairs.most_frequent()
            found.append(list(pair))
            pairs.merge(pair, new)

    return _steps(choose), found


# ---- training


def _trained(corpus: Any, vocab_size: int, special_tokens: Any = ()) -> BPETokenizer:
    tokenizer = BPETokenizer(vocab_size, special_tokens)
    tokenizer.train(corpus)
    return tokenizer


def merges_of(corpus: Any, vocab_size: int, special_tokens: Any = ()) -> Any:
    """The merges that a corpus teaches, and the size of the vocabulary."""
    tokenizer = _trained(corpus, vocab_size, special_tokens)
    return [list(pair) for pair in tokenizer.merges], tokenizer.vocab_size


def size_of_untrained(vocab_size: int, special_tokens: Any) -> Any:
    return BPETokenizer(vocab_size, special_tokens).vocab_size


def merges_of_size(corpus: Any, vocab_size: int, later: int) -> Any:
    """The merges when train is told another size than the constructor, and the size that came of it."""
    tokenizer = BPETokenizer(vocab_size)
    tokenizer.train(corpus, later)
    return [list(pair) for pair in tokenizer.merges], tokenizer.vocab_size


def trained_twice(first: str, second: str, vocab_size: int, text: str) -> Any:
    """Merges and ids of a text after the first corpus, and after the second."""
    tokenizer = BPETokenizer(vocab_size)
    found = []
    for corpus in (first, second):
        tokenizer.train(corpus)
        found.append([[list(pair) for pair in tokenizer.merges], tokenizer.encode(text)])
    return found


def steps_to_train(texts: list[str], vocab_size: int) -> Any:
    """Lines of Python that run for one training on all texts, and the merges."""
    tokenizer = BPETokenizer(vocab_size)
    return _steps(lambda: tokenizer.train(texts)), [list(pair) for pair in tokenizer.merges]


# ---- encoding and decoding


def _with_merges(merges: MERGES, special_tokens: Any = ()) -> BPETokenizer:
    return BPETokenizer.from_state({"merges": merges, "special_tokens": list(special_tokens)})


def _taught(merges: MERGES, special_tokens: Any = ()) -> BPETokenizer:
    """A tokenizer with these merges, without from_state."""
    tokenizer = BPETokenizer(10_000, special_tokens)
    tokenizer._set_merges([(left, right) for left, right in merges])
    return tokenizer


def encoded(merges: MERGES, text: str) -> Any:
    return _taught(merges).encode(text)


def round_trip(merges: MERGES, text: str) -> Any:
    """The ids of a text, and the text of the ids."""
    tokenizer = _taught(merges)
    ids = tokenizer.encode(text)
    return ids, tokenizer.decode(ids)


def round_trip_trained(corpus: Any, vocab_size: int, text: str) -> Any:
    """The ids of a text, and the text of the ids, after training on a corpus."""
    tokenizer = _trained(corpus, vocab_size)
    ids = tokenizer.encode(text)
    return ids, tokenizer.decode(ids)


def decoded(merges: MERGES, ids: Any, errors: str | None = None) -> Any:
    tokenizer = _taught(merges)
    return tokenizer.decode(ids) if errors is None else tokenizer.decode(ids, errors=errors)


def decoded_bytes(merges: MERGES, ids: Any) -> Any:
    return _taught(merges).decode_bytes(ids)


def vocab_with(merges: MERGES, special_tokens: Any) -> Any:
    """What each id stands for: bytes or text."""
    return _taught(merges, special_tokens).vocab


def encoded_twice(merges: MERGES, text: str, value: int) -> Any:
    """The ids of a text, when the list of a first time was overwritten with a value."""
    tokenizer = _taught(merges)
    for _ in range(2):
        first = tokenizer.encode(text)
        first[:] = [value] * len(first)
    return tokenizer.encode(text)


def steps_to_encode(merges: MERGES, text: str) -> Any:
    """Lines of Python that run for a text, and its number of ids."""
    tokenizer = _taught(merges)
    found: list[int] = []
    steps = _steps(lambda: found.extend(tokenizer.encode(text)))
    return steps, len(found)


def steps_twice(merges: MERGES, text: str) -> Any:
    """Lines of Python that run to encode a text, and to encode it again."""
    tokenizer = _taught(merges)
    return [_steps(lambda: tokenizer.encode(text)) for _ in range(2)]


def pieces_kept(limit: int, batches: list[list[str]]) -> Any:
    """How many pieces a tokenizer remembers after encoding all batches, and the ids of the first one."""
    tokenization._CACHED_PIECES = limit
    tokenizer = BPETokenizer()
    found = [tokenizer.encode("".join(batch)) for batch in [*batches, batches[0]]]
    return len(getattr(tokenizer, "_cache", ())), found[-1]


# ---- special tokens


def with_special(merges: MERGES, special_tokens: Any, text: str, allow_special: bool = True) -> Any:
    """The ids of a text, the text of the ids, and the size of the vocabulary."""
    tokenizer = _taught(merges, special_tokens)
    ids = tokenizer.encode(text) if allow_special else tokenizer.encode(text, allow_special=False)
    return ids, tokenizer.decode(ids), tokenizer.vocab_size


def special_after_training(corpus: Any, vocab_size: int, special_tokens: Any, added: Any) -> Any:
    """Ids of special tokens after training, after some were added, and after training again, in their order."""
    tokenizer = _trained(corpus, vocab_size, special_tokens)
    found = [[*map(list, tokenizer.special_tokens.items())]]
    tokenizer.add_special_tokens(added)
    found.append([*map(list, tokenizer.special_tokens.items())])
    tokenizer.train(corpus, vocab_size)
    found.append([*map(list, tokenizer.special_tokens.items())])
    return found, [tokenizer.encode(token) for token in tokenizer.special_tokens], len(tokenizer.vocab)


def special_added(first: Any, added: Any) -> Any:
    """Special tokens of a fresh tokenizer, with their ids."""
    tokenizer = BPETokenizer(1000, first)
    tokenizer.add_special_tokens(added)
    return [*map(list, tokenizer.special_tokens.items())]


# ---- saving and loading


def _saved_and_loaded(tokenizer: Any, kind: Any) -> Any:
    with _folder() as folder:
        file = Path(folder) / "tokenizer.json"
        tokenizer.save(file)
        return kind.load(file)


def saved_bpe(corpus: Any, vocab_size: int, special_tokens: Any, text: str) -> Any:
    """The ids of a text before and after, the text of the ids afterwards, merges and special tokens afterwards."""
    tokenizer = _trained(corpus, vocab_size, special_tokens)
    loaded = _saved_and_loaded(tokenizer, BPETokenizer)
    ids = loaded.encode(text)
    specials = [*map(list, loaded.special_tokens.items())]
    return tokenizer.encode(text), ids, loaded.decode(ids), [list(pair) for pair in loaded.merges], specials


def saved_chars(vocab: list[str], text: str) -> Any:
    """The ids of a text before and after, vocabulary and text of the ids afterwards."""
    tokenizer = CharTokenizer(vocab)
    loaded = _saved_and_loaded(tokenizer, Tokenizer)
    ids = loaded.encode(text)
    return tokenizer.encode(text), ids, loaded.vocab, loaded.decode(ids)


def state_of(corpus: Any, vocab_size: int, special_tokens: Any) -> Any:
    """The state of a trained tokenizer through JSON, and the state of what is made of that."""
    state = json.loads(json.dumps(_trained(corpus, vocab_size, special_tokens).state()))
    return state, json.loads(json.dumps(BPETokenizer.from_state(state).state()))


def from_merges(merges: MERGES, special_tokens: Any, text: str) -> Any:
    """The ids of a text by a tokenizer that is made of a state, and the size of its vocabulary."""
    tokenizer = _with_merges(merges, special_tokens)
    return tokenizer.encode(text), tokenizer.vocab_size


def loaded_and_trained(merges: MERGES, corpus: Any, vocab_size: int) -> Any:
    """The merges of a tokenizer that is made of a state and then trained."""
    tokenizer = _with_merges(merges)
    tokenizer.train(corpus, vocab_size)
    return [list(pair) for pair in tokenizer.merges]


def loaded_as_another(vocab: list[str]) -> Any:
    """A file of characters read as byte pairs."""
    with _folder() as folder:
        file = Path(folder) / "characters.json"
        CharTokenizer(vocab).save(file)
        return BPETokenizer.load(file).vocab_size
