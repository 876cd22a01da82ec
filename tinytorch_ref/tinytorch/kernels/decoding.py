"""One token more of a text with a cache, and the drawing of it, for a batch of one.

A row of 128 numbers is multiplied in less time than it takes to make a tensor or to ask a layer. `CachedDecoder.step`
of assignment 17 does neither, but it looks every array up, makes new ones for what lies in between, and adds up rows
by calls that are made for batches. Here the arrays of a plain model are looked up once (`Row`), what lies in between
is written into the same few arrays for every token, and sums of a row are dot products.

What can be multiplied beforehand is: a row has copies of the weights, with the scales of the normalisations and all
biases in them, and writes into the arrays of the model's `KVCache`. Whoever reads the numbers that go from block to
block is a normalisation, which takes their mean away first; so whatever is added to them has none here, the token's row
and the columns of the weights, and no normalisation has to look for it.

Before a token it is made sure that the weights are still those arrays and hold the numbers of the decoder's snapshot
(`generate`, during which nobody can train, asks once). Whatever is not the commonest case (a prompt, another text, a
batch, new weights) goes the clear way, and each way finds in the cache what the other left.

`install` registers the functions that stand in for the clear ones; `use_kernels(False)` puts the clear ones back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, wraps
from operator import is_
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from tinytorch.core import transformers
from tinytorch.core.layers import LINEAR, Linear
from tinytorch.core.transformers import LayerNorm, TiedHead, TransformerBlock
from tinytorch.dispatch import StandIn, register_stand_in, watched
from tinytorch.perf.memoization import CachedDecoder

from . import linear

Array = np.ndarray
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
LEAST, MOST = 1e-20, 1e30  # sums of exp(score) between these lost no digit that counts, and nothing overflowed

# ---- one token through a plain model ---------------------------------------------------------------------------------
# All arrays here are of one dtype. Numbers that an array is multiplied by are arrays of no dimension: NumPy takes half
# the time for them that it takes to make an array of a Python float. Results go into an array given by position, for
# naming it (`out=`) costs as much as the addition of a short row.


class _Norm:
    """A normalisation of D numbers whose mean is 0, without its scale and shift, which are in the weights behind."""

    __slots__ = ("eps", "share", "factor")

    def __init__(self, layer: LayerNorm):
        weight = layer.weight.data
        self.eps, self.share = layer.eps, 1 / len(weight)
        self.factor = np.empty((), weight.dtype)

    def put(self, x: Array, into: Array) -> None:
        factor = self.factor
        x.dot(x, factor)
        factor[()] = 1 / math.sqrt(factor.item() * self.share + self.eps)
        np.multiply(x, factor, into)


def _joined(layers: Sequence[Linear | TiedHead], norm: LayerNorm | None = None) -> Array:
    """Linear layers that read the same numbers, behind `norm`, as one matrix (in + 1, out).

    The last row holds the biases and meets a 1. A tied head has its weight as (out, in), and no bias.
    """
    weights = [layer.weight.data if isinstance(layer, Linear) else layer.weight.data.T for layer in layers]
    whole = np.empty((len(weights[0]) + 1, sum(w.shape[1] for w in weights)), weights[0].dtype)
    end = 0
    for layer, weight in zip(layers, weights, strict=True):
        part = whole[:, end : (end := end + weight.shape[1])]
        np.multiply(weight, 1 if norm is None else norm.weight.data[:, None], part[:-1])
        part[-1] = 0 if norm is None else norm.bias.data @ weight
        bias = getattr(layer, "bias", None)
        if bias is not None:
            part[-1] += bias.data
    return whole


def _without_mean(rows: Array) -> None:
    """Takes the mean of each row away: what is added to the numbers between the blocks has none."""
    rows -= rows.mean(axis=1, keepdims=True)


class _Gelu:
    """x (1 + tanh(u)) / 2 = x / (1 + exp(-2u)) with u = √(2/π) (x + 0.044715 x³): n numbers, in place.

    It reads x times `scale` and gives as many times the result, so that x³ needs no factor.
    """

    scale = -((2 * 0.044715 * math.sqrt(2 / math.pi)) ** (1 / 3))

    __slots__ = ("root", "one", "work")

    def __init__(self, size: int, dtype: Any):
        self.root, self.one = (np.array(c, dtype) for c in (-2 * math.sqrt(2 / math.pi) / self.scale, 1))
        self.work = np.empty(size, dtype)

    def put(self, x: Array) -> None:
        t = self.work
        np.multiply(x, x, t)
        t += self.root
        t *= x
        np.exp(t, t)  # inf far to the left, where x / inf = 0 is right
        t += self.one
        x /= t


class _Block:
    """The layers of one block and its part of the cache.

    Attributes:
        qkv, out, linear1, linear2: matrices as `_joined` makes them; qkv gives queries, keys and values, in this order.
        keys, values: (H, room, d); turned: the keys as (H, d, room).
        totals: for the sum of exp(score) of each head, (H,); columns: the same as (H, 1, 1).
        wide_one: for the hidden numbers of the MLP and the 1 that meets the bias; wide: those numbers alone.
    """

    __slots__ = ("ln1", "qkv", "out", "ln2", "linear1", "gelu", "linear2", "wide", "wide_one")
    __slots__ += ("keys", "turned", "values", "totals", "columns")

    def __init__(self, block: TransformerBlock, keys: Array, values: Array, totals: Array):
        attention, mlp = block.attention, block.mlp
        self.ln1, self.ln2 = _Norm(block.ln1), _Norm(block.ln2)
        self.qkv = _joined((attention.q_proj, attention.k_proj, attention.v_proj), block.ln1)
        self.qkv[:, : len(self.qkv) - 1] *= 1 / math.sqrt(keys.shape[2])  # the queries: scores come out divided by √d
        self.out, self.linear2 = _joined((attention.out_proj,)), _joined((mlp.linear2,))
        _without_mean(self.out)
        _without_mean(self.linear2)
        self.linear1 = _joined((mlp.linear1,), block.ln2)
        self.linear1 *= _Gelu.scale
        self.linear2[:-1] /= _Gelu.scale
        self.keys, self.turned, self.values = keys, keys.swapaxes(1, 2), values
        self.totals, self.columns = totals, totals[:, None, None]
        self.gelu = _Gelu(self.linear1.shape[1], keys.dtype)
        self.wide_one = np.ones(len(self.linear2), keys.dtype)
        self.wide = self.wide_one[:-1]


class Row:
    """A decoder's model and cache as arrays, for a batch of one.

    Args:
        decoder: with a plain model and a snapshot of it.

    Attributes:
        snapshot, keys, values: of the decoder and its cache, when the arrays were looked up.
        arrays: of the snapshot's parameters.
        computed: the decoder's, when it last came here. What went the clear way since may follow a `reset`.
    """

    def __init__(self, decoder: CachedDecoder):
        model, cache = decoder.model, decoder.cache
        self.snapshot, self.keys, self.values = decoder.snapshot, cache.keys, cache.values
        self.arrays = [p.data for p in self.snapshot.parameters]
        self.computed = decoder.computed
        # The places that Snapshot.read looks at, with the lookups done.
        self.samples = [(a.item, n) for a in self.arrays for n in (a.size // 3, 2 * a.size // 3)]
        self.tokens, self.places = model.token_embedding.weight.data, model.position_embedding.position_embeddings.data
        self.ln_f, self.head = _Norm(model.ln_f), _joined((model.lm_head,), model.ln_f)
        self.totals = np.ones((len(model.blocks), model.num_heads), self.keys.dtype)
        self.all_totals = self.totals.reshape(-1)
        parts = zip(model.blocks, cache.keys[:, 0], cache.values[:, 0], self.totals, strict=True)
        self.blocks = [_Block(*part) for part in parts]
        self._make_room(model.num_heads, cache.max_seq_len)

    def _make_room(self, heads: int, positions: int) -> None:
        """The arrays for what lies in between; some have other names for their views. A last 1 meets the bias."""
        dtype, width = self.keys.dtype, self.tokens.shape[1]
        self.x, self.added = np.empty((2, width), dtype)
        self.even = np.full(width, 1 / width, dtype)  # x @ even is the mean of x
        self.read_one, self.found_one = np.ones((2, width + 1), dtype)
        self.read = self.read_one[:-1]
        self.found_heads = self.found_one[:-1].reshape(heads, 1, -1)
        self.qkv = np.empty(3 * width, dtype)
        q, self.k_heads, self.v_heads = self.qkv.reshape(3, heads, -1)
        self.q_heads = q[:, None]
        self.scores, self.ones = np.empty(heads * positions, dtype), np.ones(positions, dtype)

    def is_current(self, decoder: CachedDecoder) -> bool:
        """Whether all tokens came here, the arrays are those of before, and the weights have the snapshot's numbers."""
        return (
            decoder.computed == self.computed
            and self.belongs_to(decoder)
            and all(map(is_, [p.data for p in self.snapshot.parameters], self.arrays))
            and [item(n) for item, n in self.samples] == self.snapshot.numbers
        )

    def belongs_to(self, decoder: CachedDecoder) -> bool:
        """Whether the decoder's snapshot and the arrays of its cache are those of before."""
        cache = decoder.cache
        return decoder.snapshot is self.snapshot and cache.keys is self.keys and cache.values is self.values

    def step(self, token: int, place: int) -> Array | None:
        """One token at a place -> logits (1, vocab_size), a new array; the cache holds its keys and values then.

        Softmax goes without the largest score. None if some sum of exp(score) says that this was not safe.
        """
        x, read, read_one, added = self.x, self.read, self.read_one, self.added
        count = place + 1
        weights = self.scores[: len(self.k_heads) * count].reshape(-1, count)  # (H, n)
        weight_rows, ones = weights[:, None], self.ones[:count]
        np.add(self.tokens[token], self.places[place], x)
        x -= x.dot(self.even)
        for block in self.blocks:
            block.ln1.put(x, read)
            read_one.dot(block.qkv, self.qkv)
            block.keys[:, place] = self.k_heads
            block.values[:, place] = self.v_heads
            np.matmul(self.q_heads, block.turned[:, :, :count], weight_rows)  # (H, 1, d) @ (H, d, n) -> (H, 1, n)
            np.exp(weights, weights)
            weights.dot(ones, block.totals)
            np.matmul(weight_rows, block.values[:, :count], self.found_heads)  # (H, 1, n) @ (H, n, d) -> (H, 1, d)
            self.found_heads /= block.columns
            self.found_one.dot(block.out, added)
            x += added
            block.ln2.put(x, read)
            read_one.dot(block.linear1, block.wide)
            block.gelu.put(block.wide)
            block.wide_one.dot(block.linear2, added)
            x += added
        if not (np.minimum.reduce(self.all_totals) > LEAST and np.maximum.reduce(self.all_totals) < MOST):
            return None
        self.ln_f.put(x, read)
        return read_one.dot(self.head)[None]


# ---- in the decoder's place ------------------------------------------------------------------------------------------

# Not an attribute of the decoder: a copy of a decoder has to look up the arrays of its own model.
_rows: WeakKeyDictionary[CachedDecoder, Row] = WeakKeyDictionary()

# Decoders that write for a running `generate`, each with its row once that was found to be current.
_writing: dict[CachedDecoder, Row | None] = {}


def _undisturbed() -> bool:
    """Whether nobody watches the ops and nobody but this package has put a kernel behind linear."""
    return not LINEAR.indirect or (not watched() and all(k.forward is linear.forward for k in LINEAR.active))


def decode(clear: Callable[..., Array]) -> Callable[..., Array]:
    """`CachedDecoder.__call__`."""

    @wraps(clear)
    def call(decoder: CachedDecoder, ids: Array) -> Array:
        if type(decoder) is not CachedDecoder or not _undisturbed():
            return clear(decoder, ids)
        row = _one_more(decoder, ids)
        if row is not None:
            place, token = decoder.cache.seq_pos, ids[0, -1]
            decoder.tokens[0, place] = token
            decoder.computed += 1
            row.computed = decoder.computed
            decoder.reused += place
            with np.errstate(all="ignore"):  # what overflows is found out
                logits = row.step(token, place)
            if logits is None:
                return decoder.step(ids[:, -1])
            decoder.cache.advance()
            return logits
        # As the clear form, but for its question whether LINEAR is indirect: it is, by the kernels of this package.
        window = ids[:, -decoder.model.max_seq_len :]
        length, known = window.shape[1], decoder.known(window)
        decoder.cache.truncate(known)
        decoder.tokens[:, known:length] = window[:, known:]
        decoder.computed += length - known
        decoder.reused += known
        single = length - known == 1 and decoder.is_plain
        return decoder.step(window[:, -1]) if single else decoder.extend(window[:, known:])

    return call


def _one_more(decoder: CachedDecoder, ids: Array) -> Row | None:
    """The row of a decoder if ids (1, T) are the tokens that its cache holds and one more, else None."""
    filled = decoder.cache.seq_pos
    if filled == 0:  # perhaps somebody's `reset`, for weights that changed where no snapshot looks
        return None
    if ids.shape != (1, filled + 1) or len(decoder.tokens) != 1 or filled >= decoder.cache.max_seq_len:
        return None
    # Equal bytes are equal tokens; two arrays compared by == take longer.
    if ids.dtype != decoder.tokens.dtype or decoder.tokens[0, :filled].tobytes() != ids[0, :-1].tobytes():
        return None
    row = _writing.get(decoder)
    if row is not None and row.belongs_to(decoder):
        return row
    row = _rows.get(decoder)
    if row is None or not row.is_current(decoder):
        row = _new_row(decoder)
    if decoder in _writing:
        _writing[decoder] = row
    return row


def _new_row(decoder: CachedDecoder) -> Row | None:
    """A row for a decoder whose model is plain, of one dtype, and that of its snapshot; else None."""
    snapshot, cache = decoder.snapshot, decoder.cache
    if not decoder.is_plain or snapshot is None or not snapshot.is_current() or cache.batch_size != 1:
        return None
    if cache.keys.dtype not in FLOATS or {p.data.dtype for p in snapshot.parameters} != {cache.keys.dtype}:
        return None
    _rows[decoder] = row = Row(decoder)
    return row


def write(clear: Callable[..., Any]) -> Callable[..., Any]:
    """`GPT.generate`: nobody changes weights before it returns, so its decoder looks at them once.

    The numbers of a snapshot lie in as many places as there are parameters; to read them costs more than a layer. Who
    asks `stream` for a token may train before the next one, so there they are read for every token.
    """

    @wraps(clear)
    def generate(model: transformers.GPT, *args: Any, **settings: Any) -> Any:
        decoder = model.decoder
        if type(decoder) is not CachedDecoder:
            return clear(model, *args, **settings)
        _writing[decoder] = None
        try:
            return clear(model, *args, **settings)
        finally:
            _writing.pop(decoder, None)

    return generate


# ---- drawing ---------------------------------------------------------------------------------------------------------


def chances(clear: Callable[..., Array]) -> Callable[..., Array]:
    """`probabilities_of`, for one row of logits without top_k and top_p: the same numbers to the last bit."""

    @wraps(clear)
    def probabilities_of(
        logits: Any, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
    ) -> Array:
        plain = type(logits) is np.ndarray and logits.ndim == 2 and len(logits) == 1
        if not plain or top_k is not None or top_p is not None or not 0 < temperature < math.inf:
            return clear(logits, temperature, top_k, top_p)
        z = logits[0].astype(np.float64)
        largest = z.max()
        if not math.isfinite(largest):
            return clear(logits, temperature)  # which says what is wrong
        z -= largest
        if temperature != 1:
            z /= temperature
        np.exp(z, z)
        z /= np.add.reduce(z)
        return z[None]

    return probabilities_of


def throw(clear: Callable[..., Array]) -> Callable[..., Array]:
    """`draw`, for one row: the same token for the same number."""

    @wraps(clear)
    def draw(probabilities: Array, rng: np.random.Generator) -> Array:
        if len(probabilities) != 1:
            return clear(probabilities, rng)
        ends = probabilities[0].cumsum()
        return ends.searchsorted(rng.random(1) * ends[-1], "right")

    return draw


@cache
def install() -> list[StandIn]:
    """Register the functions of this file for the places of the clear ones, once."""
    return [
        register_stand_in(CachedDecoder, "__call__", decode),
        register_stand_in(transformers.GPT, "generate", write),
        register_stand_in(transformers, "probabilities_of", chances),
        register_stand_in(transformers, "draw", throw),
    ]
