"""Memoization: text generation that computes nothing twice, because keys and values of earlier positions are kept.

The file has four parts. First the memory: arrays that are as long as a text may get, and a place up to which they are
filled. Then the question that every cache has to answer: is what it holds still true? Then the decoder, which sends
only new positions through the layers, and a leaner way for the commonest case, one token more. Last the switch that
gives the decoder to a model. The model is assignment 13's and stays as it is: `GPT.decoder` is the place made for this.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from tinytorch.core.activations import GELU
from tinytorch.core.attention import MultiHeadAttention, causal_mask
from tinytorch.core.embeddings import Embedding, PositionalEncoding
from tinytorch.core.layers import LINEAR, Dropout, Linear, ModuleList
from tinytorch.core.transformers import GPT, MLP, LayerNorm, TiedHead, TransformerBlock, evaluation
from tinytorch.dispatch import TensorBase, wrap

Array = np.ndarray

# ==== Part one: the memory ============================================================================================

# ---- Task 1: writing and reading -------------------------------------------------------------------------------------


class KVCache:
    """Keys and values of the positions that were computed, in every layer, with room for more.

    A token goes through the layers one after the other, so a position is written layer by layer (`update`, `append`)
    and counts as soon as all have it (`advance`).

    Args:
        batch_size: sequences side by side, B.
        max_seq_len: for how many positions there is room.
        num_layers, num_heads, head_dim: of the model.
        dtype: of keys and values.

    Attributes:
        keys, values: arrays (num_layers, B, num_heads, max_seq_len, head_dim), made once. What lies beyond seq_pos is
            unused: zeros, or left from before.
        seq_pos: how many positions are filled, from 0 on.
    """

    def __init__(
        self,
        batch_size: int,
        max_seq_len: int,
        num_layers: int,
        num_heads: int,
        head_dim: int,
        dtype: Any = np.float32,
    ):
        sizes = {"batch_size": batch_size, "max_seq_len": max_seq_len, "num_layers": num_layers}
        for name, size in {**sizes, "num_heads": num_heads, "head_dim": head_dim}.items():
            if size < 1:
                raise ValueError(f"KVCache: {name} is at least 1, got {size}")
        self.batch_size, self.max_seq_len, self.num_layers = batch_size, max_seq_len, num_layers
        self.num_heads, self.head_dim = num_heads, head_dim
        self._allocate(batch_size, dtype)

    def _allocate(self, batch_size: int, dtype: Any) -> None:
        """Make the arrays, empty, for this batch_size."""
        # np.zeros asks the system for memory, and the system hands out pages when they are first written to: room that
        # is not used costs next to nothing.
        raise NotImplementedError("a17_memoization: KVCache._allocate is yours to write")

    def update(self, layer_idx: int, key: Any, value: Any) -> None:
        """Write keys and values of the next n positions into one layer. seq_pos stays: other layers follow.

        Args:
            key, value: tensors or arrays (B, num_heads, n, head_dim).

        Raises:
            ValueError: no such layer, another shape, or no room for n more positions; names the numbers.
        """
        key, value = _array(key), _array(value)
        self._check(layer_idx, key, value)
        raise NotImplementedError("a17_memoization: KVCache.update is yours to write")

    def get(self, layer_idx: int) -> tuple[Any, Any]:
        """Keys and values of the positions that count, as tensors (B, num_heads, seq_pos, head_dim): views, no copies.

        Raises:
            ValueError: no such layer.
        """
        self._check_layer(layer_idx)
        raise NotImplementedError("a17_memoization: KVCache.get is yours to write")

    def append(self, layer_idx: int, key: Any, value: Any) -> tuple[Any, Any]:
        """`update`, then what attention needs: keys and values of this layer, the new ones included (views)."""
        raise NotImplementedError("a17_memoization: KVCache.append is yours to write")

    def _first(self, layer_idx: int, count: int) -> tuple[Any, Any]:
        """Tensors around the first `count` positions of a layer."""
        # A slice of an array is a view. wrap(array) makes a tensor of it as it is; Tensor(array) would copy.
        raise NotImplementedError("a17_memoization: KVCache._first is yours to write")

    def advance(self, count: int = 1) -> None:
        """All layers have written `count` more positions: from now on they count.

        Raises:
            ValueError: there is no room for them.
        """
        self._check_room(count)
        raise NotImplementedError("a17_memoization: KVCache.advance is yours to write")

    # ---- given: does it fit?

    def _check_layer(self, layer_idx: int) -> None:
        if not 0 <= layer_idx < self.num_layers:
            raise ValueError(f"KVCache: there is no layer {layer_idx}, layers are 0 to {self.num_layers - 1}")

    def _check_room(self, count: int) -> None:
        if count < 0 or self.seq_pos + count > self.max_seq_len:
            raise ValueError(
                f"KVCache: {self.seq_pos} positions and {count} more do not fit into max_seq_len={self.max_seq_len};"
                " reset() it, or make a longer one"
            )

    def _check(self, layer_idx: int, key: Array, value: Array) -> None:
        self._check_layer(layer_idx)
        right = (self.batch_size, self.num_heads, self.head_dim)
        for name, array in (("key", key), ("value", value)):
            if array.ndim != 4 or (*array.shape[:2], array.shape[3]) != right or array.shape != key.shape:
                raise ValueError(
                    f"KVCache: {name} {array.shape} is not (batch, heads, new positions, head_dim) ="
                    f" ({self.batch_size}, {self.num_heads}, n, {self.head_dim}) with one n for both"
                )
        self._check_room(key.shape[2])

    # ---- Task 2: forgetting, and what it costs

    def truncate(self, length: int) -> None:
        """Keep the first `length` positions and forget those after them. No number is moved or cleared.

        Raises:
            ValueError: there are fewer.
        """
        if not 0 <= length <= self.seq_pos:
            raise ValueError(f"KVCache: cannot keep {length} positions of {self.seq_pos}")
        raise NotImplementedError("a17_memoization: KVCache.truncate is yours to write")

    def reset(self, batch_size: int | None = None, dtype: Any = None) -> None:
        """Forget everything; with another batch_size or dtype also make new arrays for it."""
        # Arrays that fit already are kept: a new text must not cost a new allocation.
        raise NotImplementedError("a17_memoization: KVCache.reset is yours to write")

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, room included: 2 * layers * B * heads * max_seq_len * head_dim * bytes of a number."""
        raise NotImplementedError("a17_memoization: KVCache.nbytes is yours to write")

    def get_memory_usage(self) -> dict[str, float]:
        """total_mb and per_layer_mb (of 2**20 bytes), cache_tensors (two a layer) and total_elements."""
        raise NotImplementedError("a17_memoization: KVCache.get_memory_usage is yours to write")

    def __repr__(self) -> str:
        shape = (self.batch_size, self.num_heads, self.max_seq_len, self.head_dim)
        return f"KVCache({self.num_layers} layers of {shape}, {self.seq_pos} positions filled)"


def create_kv_cache(
    batch_size: int, max_seq_len: int, num_layers: int, num_heads: int, head_dim: int, dtype: Any = np.float32
) -> KVCache:
    """Another way to write `KVCache(...)`."""
    return KVCache(batch_size, max_seq_len, num_layers, num_heads, head_dim, dtype)


def _array(x: Any) -> Array:
    """The array of a tensor, or an array of anything else."""
    return x.data if isinstance(x, TensorBase) else np.asarray(x)


# ==== Part two: what is still true ====================================================================================
# Key and value of position t depend on the tokens 0 to t (nobody looks ahead), on the place of each of them in the
# window, and on the weights. If all of that is as it was, they are as they were.

# ---- Task 3: the same beginning --------------------------------------------------------------------------------------


def common_prefix(a: Array, b: Array) -> int:
    """How many tokens at the beginning are the same in every row of a (B, n) and b (B, m)."""
    # A column counts if all its rows agree. The first that does not ends the prefix, whatever comes after it.
    raise NotImplementedError("a17_memoization: common_prefix is yours to write")


# ---- Task 4: the same weights ----------------------------------------------------------------------------------------


class Snapshot:
    """Two numbers of every parameter, and which layers there are: enough to see that a model was trained or loaded.

    Comparing all weights for every token would take longer than multiplying by them. An optimizer's step changes every
    parameter, so a sample sees it. A change that leaves all sampled numbers alone is not seen: `reset()` the cache.

    Attributes:
        layers, parameters: of the model. numbers: the sample, in their order.
    """

    def __init__(self, model: Any):
        raise NotImplementedError("a17_memoization: Snapshot.__init__ is yours to write")

    def read(self) -> list[float]:
        """The numbers at a third and at two thirds of each parameter, as they are now."""
        # p.data may be another array by now, so look at it here. array.item(i) is the i-th number in row order, as a
        # Python float; it takes a tenth of a microsecond.
        raise NotImplementedError("a17_memoization: Snapshot.read is yours to write")

    def is_current(self) -> bool:
        """Whether these parameters still hold the numbers of the snapshot."""
        raise NotImplementedError("a17_memoization: Snapshot.is_current is yours to write")

    def same_as(self, other: Snapshot) -> bool:
        """Whether both show the same layers (the very same objects) with the same numbers."""
        raise NotImplementedError("a17_memoization: Snapshot.same_as is yours to write")


# ==== Part three: the decoder =========================================================================================


class CachedDecoder:
    """What `GPT.generate` asks for logits: ids (B, T) -> (B, vocab_size), the same as `next_logits`, sooner.

    It is given all tokens so far each time and finds out by itself what it knows of them: the longest beginning that
    the model's window shares with what was computed last, if the weights are the same. So a prompt may change, two
    texts may take turns, and the model may learn in between; the answer is that of the model without a cache always.

    A text that outgrows the window shifts it by one token for every new one. Then each token stands at another place
    than before, has another position added to it and other keys: all is computed again, as it is without a cache.

    Args:
        model: a GPT.
        cache: made for it.
        previous: the decoder that the model had before.

    Attributes:
        tokens: ids (B, max_seq_len); the first cache.seq_pos columns are what the cache holds.
        computed, reused: positions (of a row) that went through the layers so far, and that did not have to.
    """

    def __init__(self, model: GPT, cache: KVCache, previous: Callable[[Array], Array] | None = None):
        self.model, self.cache, self.previous = model, cache, previous
        self.tokens = np.zeros((cache.batch_size, cache.max_seq_len), np.int64)
        self.snapshot: Snapshot | None = None
        self.is_plain = False
        self.computed = self.reused = 0

    @property
    def hit_rate(self) -> float:
        """The share of positions that did not have to be computed, 0 before the first call."""
        raise NotImplementedError("a17_memoization: CachedDecoder.hit_rate is yours to write")

    # ---- Task 5: only what is new

    def extend(self, tokens: Array) -> Array:
        """Send new tokens (B, n) through all layers, at the places after cache.seq_pos -> logits (B, vocab_size).

        The logits are those after the last of them. Afterwards the cache holds the new positions too.
        """
        # model.embed(tokens, start) knows about places. New position i stands at seq_pos + i and sees all keys up to
        # there: causal_mask(queries, keys, start) of assignment 12. One new position sees everything: no mask.
        # Only the last position has to go through ln_f and lm_head.
        raise NotImplementedError("a17_memoization: CachedDecoder.extend is yours to write")

    def through(self, block: TransformerBlock, layer_idx: int, x: Any, mask: Any) -> Any:
        """One block, where new positions x (B, n, D) look at the cached ones and at each other -> (B, n, D)."""
        # TransformerBlock.attend, with the cache between project and attend of its MultiHeadAttention.
        raise NotImplementedError("a17_memoization: CachedDecoder.through is yours to write")

    # ---- Task 6: what is known already

    def known(self, window: Array) -> int:
        """How many positions of window (B, T) need not be computed: at most T - 1, since logits come from the last.

        If weights, layers or dtype changed, or the batch has another size, it is 0 and the cache is reset. Afterwards
        self.snapshot shows the model as it is.
        """
        # Two questions: is this the text of before and one token more (then self.snapshot.is_current() is enough)? If
        # not, make a new Snapshot and compare. Making one walks over all layers, a third of a millisecond, which is
        # little for a prompt and much for a token. The new arrays have the dtype of the model's weights.
        raise NotImplementedError("a17_memoization: CachedDecoder.known is yours to write")

    def __call__(self, ids: Array) -> Array:
        """Logits (B, vocab_size) of the token after the last one of ids (B, T)."""
        # Crop to the window; truncate the cache to what is known; note the new tokens; send them through the layers,
        # by `step` if it is a single one, the model is plain and nobody watches LINEAR (see there), else by `extend`.
        raise NotImplementedError("a17_memoization: CachedDecoder.__call__ is yours to write")

    # ---- Task 7: one token more, without tensors

    def step(self, tokens: Array) -> Array:
        """`extend` for one new token a row, ids (B,), in a plain model: NumPy on the layers' arrays.

        A row of 128 numbers is so little work that making tensors and asking layers takes longer than the arithmetic.
        Nothing of it goes through the ops, so `__call__` comes here only if LINEAR.indirect is False: no profiler
        watches the ops, no kernel stands behind them.
        """
        # x is (B, D) all the way: token row plus position row, then every block, then model.lm_head(wrap(...)).
        # zip(model.blocks, cache.keys, cache.values) gives each block its arrays.
        raise NotImplementedError("a17_memoization: CachedDecoder.step is yours to write")


PLAIN = (GPT, ModuleList, TransformerBlock, MultiHeadAttention, MLP, GELU, LayerNorm, Linear, Dropout)
PLAIN += (Embedding, PositionalEncoding, TiedHead)


def is_plain(layers: list[Any]) -> bool:
    """Whether these are nothing but assignment 13's layers: no quantised, wrapped or homemade ones, no other GELU."""
    return all(type(layer) in PLAIN and getattr(layer, "approximate", "tanh") == "tanh" for layer in layers)


# Rows are (B, D) arrays. The functions below are those of LayerNorm, Linear, GELU("tanh") and attention, with as few
# calls and new arrays as it takes.


def norm_rows(layer: LayerNorm, x: Array) -> Array:
    """`layer(x)` of rows: (B, D) -> (B, D)."""
    # np.add.reduce(x, axis=-1, keepdims=True) is a sum without the checks of x.mean(), which take four microseconds;
    # np.vecdot(x, x) (B,) sums the squares of each row. layer.eps belongs inside the root.
    raise NotImplementedError("a17_memoization: norm_rows is yours to write")


def linear_rows(layer: Linear, x: Array) -> Array:
    """`layer(x)` of rows: (B, in) -> (B, out), a new array."""
    raise NotImplementedError("a17_memoization: linear_rows is yours to write")


def gelu_rows(x: Array) -> Array:
    """x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2 of every number, in a new array."""
    # (a x² + b) x inside the tanh, and everything in one array: t *= ..., t += ..., np.tanh(t, out=t).
    raise NotImplementedError("a17_memoization: gelu_rows is yours to write")


def attend_rows(q: Array, keys: Array, values: Array) -> Array:
    """One query a head, scaled already, over n positions: (B, H, 1, d), (B, H, n, d), (B, H, n, d) -> (B, H, 1, d)."""
    # Softmax of the scores times values. Dividing by the sum can wait for the output: it is shorter than the weights.
    raise NotImplementedError("a17_memoization: attend_rows is yours to write")


def step_through(block: TransformerBlock, x: Array, keys: Array, values: Array, place: int) -> Array:
    """One block for one new position: x (B, D) -> (B, D).

    Args:
        keys, values: the arrays of this layer (B, H, max_seq_len, d); row `place` is written, rows up to it are read.
    """
    # A projection (B, D) reshaped to (B, H, 1, d) is split into heads: with one position there is nothing to exchange.
    # Scale the query by 1 / √d. Mind the arrays you write into: x is still needed after the first half.
    raise NotImplementedError("a17_memoization: step_through is yours to write")


# ==== Part four: the switch ===========================================================================================

# ---- Task 8: on and off ----------------------------------------------------------------------------------------------


def enable_kv_cache(model: GPT) -> KVCache:
    """Let `model.generate` and `model.stream` use a cache; their results stay what they are.

    Only `model.decoder` is set. A model that has a cache already gets a new one.

    Returns:
        The cache, empty and for a batch of one; it becomes larger when a larger batch comes.

    Raises:
        TypeError: the model is no GPT.
    """
    if not isinstance(model, GPT):
        raise TypeError(f"enable_kv_cache takes a GPT, whose decoder it can set; got {type(model).__name__}")
    # The new decoder remembers the one before it, which may be a user's own. It must not be another CachedDecoder.
    raise NotImplementedError("a17_memoization: enable_kv_cache is yours to write")


def disable_kv_cache(model: GPT) -> None:
    """Give the model the decoder back that it had before. A model without a cache stays as it is."""
    raise NotImplementedError("a17_memoization: disable_kv_cache is yours to write")
