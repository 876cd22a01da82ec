"""Embeddings: what a network is told about a token before it computes anything, namely which one it is and where.

The file has three parts. First the table of rows as an op, with a gradient that adds up where a token occurs again;
then positions in three ways: learned rows, sines and cosines that are added, rotations of queries and keys; then both
in one layer. Cutting text into tokens is assignment 10's business, comparing positions with each other assignment 12's.
"""

from __future__ import annotations

import math
from operator import index
from typing import Any

import numpy as np
from tinytorch.core.autograd import defvjp
from tinytorch.core.layers import Dropout, Module, Parameter, init
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import Node, Op, TensorBase, apply

Array = np.ndarray

# ==== Part one: which token ===========================================================================================

# ---- Task 1: numbers that name rows ----------------------------------------------------------------------------------


class TokenIndexError(IndexError, ValueError):
    """A token that has no row. An IndexError as for a list, and a ValueError for callers who expect that."""


def token_ids(tokens: Any, count: int, name: str = "embedding") -> Array:
    """Tokens as an array of integers (dtype intp) of the same shape, checked: each is between 0 and count - 1.

    Args:
        tokens: a Tensor, an ndarray, a number or nested lists. Floats are welcome if they are whole: Tensor([2, 0]) is
            float32.
        name: who asks, for messages.

    Raises:
        TypeError: something else than numbers, or bools; names the dtype and the remedy.
        ValueError: a number that is not whole; names it and the remedy.
        TokenIndexError: a number out of range; names the first, where it stands, and the range.
    """
    # np.asarray([]) is float64 and has no token that could be wrong. NaN and infinities are not whole either: a float
    # is whole if it is equal to itself as an integer (np.errstate(invalid="ignore") silences NumPy about NaN).
    # A negative index would count from the end: refuse it. np.argwhere(wrong)[0] is the place of the first one.
    raise NotImplementedError("a11_embeddings: token_ids is yours to write")


def one_hot(tokens: Any, num_classes: int) -> Tensor:
    """Rows of zeros with a 1 in the place of the token: (...) -> (..., num_classes), float32.

    `one_hot(tokens, V) @ weight` is what an embedding computes, and it is the definition to test yours against.
    """
    raise NotImplementedError("a11_embeddings: one_hot is yours to write")


# ---- Task 2: rows out of a table -------------------------------------------------------------------------------------


def _embedding(weight: Array, indices: Array, padding_idx: int | None = None) -> Array:
    """Row weight[i] for every i of indices: (V, D) and (...) -> (..., D). A new array, for a single index too.

    Args:
        indices: integers between 0 and V - 1, already checked.
        padding_idx: plays no part here; the way back needs it.
    """
    # weight[indices] is right but for one case: what does weight[3] share with weight? weight.take(..., axis=0) never.
    raise NotImplementedError("a11_embeddings: _embedding is yours to write")


# ---- Task 3: the way back --------------------------------------------------------------------------------------------

STRETCH = 512  # rows that are summed at a time: few enough to stay in the processor's cache


def add_rows(out: Array, indices: Array, rows: Array) -> None:
    """out[indices[i]] += rows[i] for every i, in place, however often an index is repeated: (V, D), (N,), (N, D)."""
    # out[indices] += rows keeps the last of several rows for one place. np.add.at adds them all, one number at a time;
    # a Python loop is slower still. Instead sort, and equal indices become neighbours: order = indices.argsort(
    # kind="stable"). An index that differs from the one before begins a run: np.diff(..., prepend=-1) is not 0 there.
    # np.add.reduceat(sorted rows, beginnings, axis=0) sums each run; then every index occurs once, and
    # out[...] += is right.
    # Do this for STRETCH rows of the order at a time. A run that goes on in the next stretch is added in parts.
    raise NotImplementedError("a11_embeddings: add_rows is yours to write")


def _embedding_rule(g: Array, node: Node) -> Array:
    """Zeros of the table's shape, plus g's row wherever a token used it: (..., D) -> (V, D). Padding gets nothing."""
    # node.inputs[0].data is the table, node.attributes has "indices" and "padding_idx". reshape(-1, D) cannot count the
    # rows of an array without elements; indices.size can.
    raise NotImplementedError("a11_embeddings: _embedding_rule is yours to write")


EMBEDDING = Op("embedding", _embedding)
defvjp(EMBEDDING, _embedding_rule)


def embedding(tokens: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """The row of `weight` for every token: (...), (V, D) -> (..., D).

    Args:
        tokens: Tensor, ndarray or lists of whole numbers from 0 to V - 1, of any shape.
        weight: a Tensor.
        padding_idx: a row that gets no gradient; counted from the end if negative.

    Raises:
        TypeError: weight is not a Tensor. ValueError: it has not two dimensions. And what `token_ids` raises, or
        TokenIndexError for a padding_idx out of range.
    """
    if not isinstance(weight, TensorBase):
        raise TypeError(f"embedding(tokens, weight) needs a Tensor as weight, got {type(weight).__name__}")
    if weight.data.ndim != 2:
        raise ValueError(f"embedding: weight has shape (rows, dim), got {weight.data.shape}")
    raise NotImplementedError("a11_embeddings: embedding is yours to write")


def _padding(padding_idx: int | None, count: int) -> int | None:
    """padding_idx counted from the front, or None. TokenIndexError if there is no such row."""
    raise NotImplementedError("a11_embeddings: _padding is yours to write")


# ---- Task 4: the layer -----------------------------------------------------------------------------------------------


class Embedding(Module):
    """A learned row for each of `num_embeddings` tokens: (...) -> (..., embedding_dim).

    Args:
        num_embeddings: number of tokens, the size of the vocabulary.
        embedding_dim: length of a row.
        padding_idx: a token that stands for nothing: its row begins as zeros and gets no gradient. Counted from the end
            if negative.

    Attributes:
        weight: parameter of shape (num_embeddings, embedding_dim).
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None):
        if num_embeddings < 0 or embedding_dim < 0:
            raise ValueError(f"Embedding: sizes cannot be negative, got {num_embeddings} and {embedding_dim}")
        # Keep the arguments as attributes, padding_idx as _padding gives it; let reset_parameters fill the weight.
        raise NotImplementedError("a11_embeddings: Embedding.__init__ is yours to write")

    def reset_parameters(self, std: float = 1.0) -> None:
        """Draw all rows anew, normally with mean 0, and set the padding row to 0. PyTorch draws with std 1, too."""
        raise NotImplementedError("a11_embeddings: Embedding.reset_parameters is yours to write")

    def forward(self, tokens: Any) -> Any:
        """(...) -> (..., embedding_dim)"""
        raise NotImplementedError("a11_embeddings: Embedding.forward is yours to write")

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


# ==== Part two: where it stands =======================================================================================

# ---- Task 5: waves ---------------------------------------------------------------------------------------------------


def angles(length: int, dim: int, base: float = 10000.0) -> Array:
    """position * base ** (-2 i / dim) of positions 0 ... length - 1 and waves i: float64 (length, dim / 2 rounded up).

    The first wave turns by 1 at each position, later ones ever more slowly, the last nearly `base` times as slowly.
    """
    # float64, because float32 has seven digits: at position 50,000 the third decimal of an angle would be a guess.
    raise NotImplementedError("a11_embeddings: angles is yours to write")


def sinusoidal_encoding(length: int, dim: int, base: float = 10000.0) -> Tensor:
    """Positions as waves: a Tensor (length, dim) of float32 that requires no gradient (Vaswani et al., 2017).

    Column 2i holds the sines of wave i, column 2i + 1 its cosines. With an odd dim the last cosine is missing.
    """
    raise NotImplementedError("a11_embeddings: sinusoidal_encoding is yours to write")


create_sinusoidal_embeddings = sinusoidal_encoding

# ---- Task 6: rows for positions --------------------------------------------------------------------------------------


def positions_of(x: Any, max_seq_len: int, dim: int, offset: int = 0, name: str = "positions") -> slice:
    """Which rows of a table (max_seq_len, dim) belong to x (..., T, dim), whose first row stands at position `offset`.

    Returns:
        The slice from offset to offset + T.

    Raises:
        TypeError: x is not a Tensor. ValueError: another shape, a negative offset, or positions beyond the table; names
        the numbers.
    """
    # A slice beyond the end is no error for NumPy: it is shorter. Compare numbers before you slice.
    raise NotImplementedError("a11_embeddings: positions_of is yours to write")


class PositionalEncoding(Module):
    """Adds a learned row for each position: (..., T, embed_dim) -> the same, T at most max_seq_len.

    Attributes:
        position_embeddings: parameter of shape (max_seq_len, embed_dim), normal with std 0.02: at first a position
            should be a hint beside the token, not drown it.
    """

    def __init__(self, max_seq_len: int, embed_dim: int):
        raise NotImplementedError("a11_embeddings: PositionalEncoding.__init__ is yours to write")

    def reset_parameters(self, std: float = 0.02) -> None:
        """Draw all rows anew, normally with mean 0."""
        init.normal_(self.position_embeddings, std=std)

    def forward(self, x: Any, offset: int = 0) -> Any:
        """x plus the rows of positions offset, offset + 1, ...: (..., T, embed_dim) -> the same.

        Args:
            offset: the position of the first row; more than 0 where the tokens before it were computed earlier.

        Raises:
            ValueError: as `positions_of`, e.g. more positions than max_seq_len.
        """
        # Index the tensor, not its data: rows that are cut out of the graph are never trained.
        raise NotImplementedError("a11_embeddings: PositionalEncoding.forward is yours to write")

    def extra_repr(self) -> str:
        return f"{self.max_seq_len}, {self.embed_dim}"


class SinusoidalEncoding(Module):
    """Adds `sinusoidal_encoding`: (..., T, embed_dim) -> the same, T at most max_seq_len. Nothing to train.

    Attributes:
        table: a buffer of shape (max_seq_len, embed_dim), which is not saved: it can be computed again.
    """

    def __init__(self, max_seq_len: int, embed_dim: int, base: float = 10000.0):
        raise NotImplementedError("a11_embeddings: SinusoidalEncoding.__init__ is yours to write")

    def forward(self, x: Any, offset: int = 0) -> Any:
        """x plus the waves at positions offset, offset + 1, ...; as PositionalEncoding otherwise."""
        raise NotImplementedError("a11_embeddings: SinusoidalEncoding.forward is yours to write")

    def extra_repr(self) -> str:
        return f"{self.max_seq_len}, {self.embed_dim}"


# ---- Task 7: rotations -----------------------------------------------------------------------------------------------
# Feature i of the first half and feature i of the second half are a point in the plane. Row t of cos and sin says by
# which angle the point turns in row t of x. (The paper pairs features 2i and 2i + 1; both are in use. The halves are
# contiguous, which NumPy likes. A model has to be used with the pairing that it was trained with.)


def _rotary(x: Array, cos: Array, sin: Array) -> Array:
    """Turn the points of x: (..., T, D) with cos and sin that broadcast to (..., T, D/2) -> (..., T, D), x's dtype."""
    # A point (a, b) turned by an angle is (a cos - b sin, a sin + b cos). Write the two halves into np.empty_like(x).
    raise NotImplementedError("a11_embeddings: _rotary is yours to write")


def _rotary_rule(g: Array, node: Node) -> Array:
    """The transpose of a rotation is the rotation back."""
    raise NotImplementedError("a11_embeddings: _rotary_rule is yours to write")


ROTARY = Op("rotary", _rotary)
defvjp(ROTARY, _rotary_rule)


class RotaryEmbedding(Module):
    """Turns queries and keys by angles that grow with their position (Su et al., 2021, arXiv:2104.09864).

    The product of a query at position m and a key at position n then depends on m - n alone. Values are not turned.

    Args:
        dim: features of one head, even.
        max_seq_len: number of positions for which the tables are computed.
        base: how much slower the last wave is than the first.

    Attributes:
        cos, sin: buffers of shape (max_seq_len, dim / 2), float64 arrays, not saved.
    """

    def __init__(self, dim: int, max_seq_len: int, base: float = 10000.0):
        if dim % 2:
            raise ValueError(f"RotaryEmbedding: dim has to be even, features turn in pairs; got {dim}")
        raise NotImplementedError("a11_embeddings: RotaryEmbedding.__init__ is yours to write")

    def rotate(self, x: Any, offset: int = 0) -> Any:
        """One tensor, turned: (..., T, dim) -> the same; row t stands at position offset + t. Integers become float32.

        Raises:
            ValueError: as `positions_of`.
        """
        # Give the op the rows of cos and sin in x's dtype: float32 times float64 is float64.
        raise NotImplementedError("a11_embeddings: RotaryEmbedding.rotate is yours to write")

    def forward(self, q: Any, k: Any, offset: int = 0) -> tuple[Any, Any]:
        """Queries and keys (..., T, dim), turned. Row 0 of both stands at position `offset`.

        Where earlier keys are kept for reuse they were turned when they were new: offset is their number.
        """
        raise NotImplementedError("a11_embeddings: RotaryEmbedding.forward is yours to write")

    def extra_repr(self) -> str:
        return f"{self.dim}, {self.max_seq_len}"


# ==== Part three: both ================================================================================================

# ---- Task 8: which token, and where ----------------------------------------------------------------------------------


class EmbeddingLayer(Module):
    """Tokens to rows that know token and position: (..., T) -> (..., T, embed_dim).

    Args:
        vocab_size, embed_dim: as `num_embeddings` and `embedding_dim` of Embedding.
        max_seq_len: number of positions.
        pos_encoding: "learned", "sinusoidal", or None for none.
        scale_embeddings: draw the tokens' rows with std 1/√embed_dim and multiply them by √embed_dim on the way out, as
            Vaswani et al. do: the table stays small, which suits a head that shares it, and what leaves has size 1.
        dropout: probability, applied to the sum.
        padding_idx: as in Embedding.

    Attributes:
        token_embedding: an Embedding. position_encoding: a PositionalEncoding, a SinusoidalEncoding or None.
    """

    def __init__(
        self,
        vocab_size: int,
        embed_dim: int,
        max_seq_len: int = 512,
        pos_encoding: str | None = "learned",
        scale_embeddings: bool = False,
        dropout: float = 0.0,
        padding_idx: int | None = None,
    ):
        kinds = {"learned": PositionalEncoding, "sinusoidal": SinusoidalEncoding}
        if pos_encoding is not None and pos_encoding not in kinds:
            raise ValueError(f"EmbeddingLayer: pos_encoding is 'learned', 'sinusoidal' or None, got {pos_encoding!r}")
        # self.scale is √embed_dim, or 1.0.
        raise NotImplementedError("a11_embeddings: EmbeddingLayer.__init__ is yours to write")

    def forward(self, tokens: Any, offset: int = 0) -> Any:
        """(..., T) -> (..., T, embed_dim); the first token stands at position `offset`."""
        # Scale the tokens, not the positions; skip what is not wanted.
        raise NotImplementedError("a11_embeddings: EmbeddingLayer.forward is yours to write")
