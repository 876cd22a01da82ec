"""Attention: every position of a sequence looks at all the others, and takes the more from each the better they match.

The file says it three times, and every time faster or smaller. First as a formula of tensor ops that shows the weights;
then as one op with a gradient in closed form; then in tiles, which gives the same answer without ever holding a matrix
of n² weights. The last part wraps it into a layer with several heads. Where tokens stand is not known here: embeddings
(assignment 11) add that, and blocks of attention and MLPs are stacked in assignment 13.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from tinytorch.core.activations import softmax
from tinytorch.core.autograd import Gradients, defvjp_all, unbroadcast
from tinytorch.core.layers import Linear, Module
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import Node, Op, TensorBase, apply

Array = np.ndarray

# Queries q are (..., T, D), keys k (..., S, D), values v (..., S, E): T positions look at S others. What stands for
# "..." (batch, heads) broadcasts. Scores and weights are (..., T, S), results (..., T, E).

# ==== Part one: the formula ===========================================================================================

# ---- Task 1: who may look where --------------------------------------------------------------------------------------


def causal_mask(queries: int, keys: int | None = None, start: int = 0) -> Tensor:
    """Whether each query may look at each key if nobody may look ahead: bool tensor (queries, keys), True = attend.

    Args:
        keys: how many keys there are; as many as queries unless given.
        start: the place of the first query among the keys. With a cache of n earlier keys it is n.
    """
    # Query i stands at start + i and sees the keys up to that place, its own included.
    raise NotImplementedError("a12_attention: causal_mask is yours to write")


def _triangle(rows: slice, columns: slice) -> Array:
    """The part of the causal mask in these rows and columns: True where the column is not after the row."""
    # A column of places compared with a row of places.
    raise NotImplementedError("a12_attention: _triangle is yours to write")


def _as_mask(name: str, mask: Any, scores: tuple[int, ...]) -> Array | None:
    """The user's mask as an array of bools with at least two dimensions; None stays None.

    Args:
        name: of the function, for messages.
        mask: tensor, array or list of True and False, or of 1 and 0.
        scores: the shape that the mask has to broadcast to, (..., T, S).

    Raises:
        ValueError: numbers other than 0 and 1 (masks to be added hold -inf), or a shape that does not fit.
    """
    # Look at the dtype first: a mask of bools need not be searched for other numbers.
    raise NotImplementedError("a12_attention: _as_mask is yours to write")


def _allowed(mask: Array | None, is_causal: bool, rows: slice, columns: slice) -> Array | None:
    """Mask and causality together, for these rows and columns of the scores; None if everything is allowed."""
    # A dimension of size 1 in the mask stands for all rows (or columns): it is not sliced.
    raise NotImplementedError("a12_attention: _allowed is yours to write")


# ---- given: do the shapes fit? ---------------------------------------------------------------------------------------


def _prepared(name: str, q: Any, k: Any, v: Any, mask: Any, scale: float | None) -> tuple[Array | None, float]:
    """The mask as an array and the scale as a number, after a look at everything that a user can get wrong.

    Raises:
        TypeError: q, k or v is no tensor of floats. ValueError: shapes that do not fit; names them.
    """
    for letter, x in zip("qkv", (q, k, v), strict=True):
        if not isinstance(x, TensorBase):
            raise TypeError(f"{name} needs tensors, {letter} is of type {type(x).__name__}; wrap it: Tensor(...)")
        if x.data.dtype.kind != "f":
            raise TypeError(f"{name}: {letter} holds {x.data.dtype}, not floats; use {letter}.astype(np.float32)")
        if x.data.ndim < 2:
            raise ValueError(f"{name}: {letter} {x.data.shape} needs two dimensions, (positions, features)")
    a, b, c = q.data.shape, k.data.shape, v.data.shape
    if a[-1] != b[-1]:
        raise ValueError(f"{name}: q {a} and k {b}: the last dimensions must be equal, queries are compared with keys")
    if b[-2] != c[-2]:
        raise ValueError(f"{name}: k {b} and v {c}: there must be as many values as keys (last dimension but one)")
    try:
        np.broadcast_shapes(a[:-2], b[:-2], c[:-2])
    except ValueError:
        raise ValueError(f"{name}: q {a}, k {b}, v {c}: the leading dimensions do not broadcast") from None
    mask = _as_mask(name, mask, (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-2]))
    return mask, _scale(a[-1]) if scale is None else float(scale)


# ---- Task 2: the weights, and what they make of the values -----------------------------------------------------------


def _scale(features: int) -> float:
    """What scores are multiplied by: a sum of D products of independent numbers grows like √D. 1 for D = 0."""
    # A Python float. A NumPy one would make float32 scores float64.
    raise NotImplementedError("a12_attention: _scale is yours to write")


def scaled_dot_product_attention(
    q: Any, k: Any, v: Any, mask: Any = None, is_causal: bool = False, scale: float | None = None
) -> tuple[Any, Any]:
    """softmax(q kᵀ / √D) v and the weights themselves (Vaswani et al., 2017, arXiv:1706.03762).

    Args:
        q, k, v: tensors (..., T, D), (..., S, D), (..., S, E); the leading dimensions broadcast.
        mask: True or 1 where a query may look at a key; broadcasts to (..., T, S).
        is_causal: query i looks at keys 0 to i only (in addition to the mask).
        scale: instead of 1 / √D.

    Returns:
        The output (..., T, E) and the weights (..., T, S), both differentiable. A row of weights sums to 1; a query
        that may not look anywhere gets zeros, in both.

    Raises:
        TypeError: q, k or v is no tensor of floats. ValueError: shapes that do not fit, or a mask of other numbers.
    """
    mask, scale = _prepared("scaled_dot_product_attention", q, k, v, mask, scale)
    # Ops of assignments 1 and 2 only: a product, masked_fill, softmax over the keys, another product. What is not
    # allowed has the score -inf, before softmax. But softmax of a row of nothing but -inf is NaN: leave the scores of
    # such rows alone, and fill their weights with 0 afterwards.
    raise NotImplementedError("a12_attention: scaled_dot_product_attention is yours to write")


# ==== Part two: one op ================================================================================================

# ---- Task 3: forward -------------------------------------------------------------------------------------------------


def _turned(x: Array) -> Array:
    """A view of a stack of matrices with each of them transposed: (..., n, m) -> (..., m, n)."""
    return x.swapaxes(-1, -2)


def _hide(scores: Array, allowed: Array | None) -> Array:
    """Write -inf into the scores that are not allowed, in place, and return them."""
    if allowed is not None:
        np.copyto(scores, -math.inf, where=~allowed)
    return scores


def _finite(x: Array) -> Array:
    """x with 0 in place of -inf: what a row without any allowed score can be shifted by."""
    return np.where(x == -math.inf, 0, x)


def _attention(
    q: Array, k: Array, v: Array, *, mask: Array | None = None, is_causal: bool = False, scale: float
) -> tuple[Array, Array]:
    """softmax(q kᵀ * scale) v, and the weights for the way back.

    Args:
        mask: array of bools that broadcasts to (..., T, S); True = attend.

    Returns:
        (..., T, E) and (..., T, S). Rows without an allowed key are 0 in both.
    """
    # The scores are the largest array of all. Make it once and go on in place: _hide, subtract the largest of each row,
    # np.exp(..., out=...), divide. Scaling q costs T * D multiplications, scaling the scores T * S.
    # A row of nothing but -inf has the largest element -inf: shift it by _finite of that, and divide by 1, not by 0. An
    # empty row has no largest element unless max is given initial=-inf.
    raise NotImplementedError("a12_attention: _attention is yours to write")


ATTENTION = Op("attention", _attention, saves=True)


def attention(q: Any, k: Any, v: Any, mask: Any = None, is_causal: bool = False, scale: float | None = None) -> Any:
    """The output of `scaled_dot_product_attention` (same arguments, same errors) by one op, without the weights."""
    mask, scale = _prepared("attention", q, k, v, mask, scale)
    raise NotImplementedError("a12_attention: attention is yours to write")


# ---- Task 4: backward ------------------------------------------------------------------------------------------------


def _attention_rule(g: Array, node: Node, wanted: tuple[bool, ...]) -> Gradients:
    """With P the weights (node.saved) and O = P v: dv = Pᵀ g, dP = g vᵀ, dS = P (dP - r), dq = dS k, dk = dSᵀ q."""
    # r is what softmax's rule subtracts, sum over j of P[i, j] dP[i, j]. Put dP = g vᵀ into it: it is the sum over the
    # features of g * O, which is T * E numbers instead of T * S. Do not forget the scale, and what broadcasting
    # stretched: unbroadcast.
    raise NotImplementedError("a12_attention: _attention_rule is yours to write")


defvjp_all(ATTENTION, _attention_rule)

# ==== Part three: in tiles ============================================================================================

# ---- Task 5: forward with one pass over the keys ---------------------------------------------------------------------


def _tiles(queries: int, keys: int, is_causal: bool, block: int) -> Iterator[tuple[slice, slice]]:
    """(rows, columns) of the tiles of scores that have to be computed: `block` columns each (the last maybe fewer).

    All rows; in the causal case those that stand before the first column see nothing of the tile and are left out, and
    tiles without rows do not come at all.
    """
    raise NotImplementedError("a12_attention: _tiles is yours to write")


def _tile(q: Array, k: Array, mask: Array | None, is_causal: bool, rows: slice, columns: slice) -> Array:
    """The scores of some queries (scaled ones) and some keys, -inf where it is not allowed."""
    raise NotImplementedError("a12_attention: _tile is yours to write")


def _leading(*arrays: Array) -> tuple[int, ...]:
    """The leading dimensions of what comes out of products of stacks of matrices."""
    return np.broadcast_shapes(*(x.shape[:-2] for x in arrays))


def _tiled_attention(
    q: Array,
    k: Array,
    v: Array,
    *,
    mask: Array | None = None,
    is_causal: bool = False,
    scale: float,
    block: int,
) -> tuple[Array, Array]:
    """What `_attention` computes, from tiles of (..., T, block) scores (Milakov & Gimelshein, 2018, arXiv:1805.02867;
    Dao et al., 2022, arXiv:2205.14135).

    Returns:
        (..., T, E), and for the way back the logarithm of each row's sum of exp(scores), (..., T, 1); inf for rows
        without an allowed key.
    """
    # Softmax needs the largest score of a row, which is known only at the end. So take the largest so far, `top`, and
    # keep `total`, the sum of exp(score - top), and `out`, the sum of exp(score - top) times values. When a tile brings
    # a larger score, both were computed with too small a top: multiply them by exp(old top - new top), then add the
    # tile's share. Divide out by total at the end. Before its first allowed key a row's top is -inf: shift by _finite.
    raise NotImplementedError("a12_attention: _tiled_attention is yours to write")


TILED_ATTENTION = Op("tiled_attention", _tiled_attention, saves=True)


def tiled_attention(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    block: int = 128,
) -> Any:
    """`attention` (same arguments, result and errors) with memory in proportion to T + S rather than to T * S.

    A mask is an array of T * S bools by itself; is_causal needs none.

    Args:
        block: how many keys are looked at together; changes the memory and the time, not the result.

    Raises:
        ValueError: block is not positive.
    """
    mask, scale = _prepared("tiled_attention", q, k, v, mask, scale)
    if block < 1:
        raise ValueError(f"tiled_attention: block is a number of keys, at least 1, got {block}")
    raise NotImplementedError("a12_attention: tiled_attention is yours to write")


# ---- Task 6: backward, computing the tiles again ---------------------------------------------------------------------


def _tiled_attention_rule(g: Array, node: Node, wanted: tuple[bool, ...]) -> Gradients:
    """As `_attention_rule`, tile by tile: a tile of weights is exp(scores - node.saved)."""
    # No weights were kept: _tile gives the scores once more. In each tile dk and dv get the share of these keys, which
    # is complete; dq collects a share of every tile.
    raise NotImplementedError("a12_attention: _tiled_attention_rule is yours to write")


defvjp_all(TILED_ATTENTION, _tiled_attention_rule)

# ==== Part four: several heads ========================================================================================

# ---- Task 7: a layer -------------------------------------------------------------------------------------------------


class MultiHeadAttention(Module):
    """Attention between the positions of a sequence in several heads of embed_dim / num_heads features each.

    Args:
        embed_dim: size of the last dimension of input and output.
        num_heads: into how many heads it is split; divides embed_dim.
        bias: whether the four linear maps have one.

    Attributes:
        q_proj, k_proj, v_proj, out_proj: Linear layers (embed_dim, embed_dim).
        head_dim: features of one head.

    Raises:
        ValueError: embed_dim cannot be split into num_heads equal parts; names both.
    """

    def __init__(self, embed_dim: int, num_heads: int, bias: bool = True):
        if num_heads < 1 or embed_dim < 1 or embed_dim % num_heads:
            raise ValueError(
                f"MultiHeadAttention: embed_dim {embed_dim} cannot be split into {num_heads} heads of equal size;"
                " choose a multiple of num_heads"
            )
        # Keep the numbers as attributes and make the four layers, in the order in which they are listed above.
        raise NotImplementedError("a12_attention: MultiHeadAttention.__init__ is yours to write")

    def split_heads(self, x: Any) -> Any:
        """(..., T, embed_dim) -> (..., num_heads, T, head_dim). Head h has features h * head_dim and those after it."""
        # The features lie side by side: reshape them into (heads, features of one head), then bring the heads forward.
        raise NotImplementedError("a12_attention: MultiHeadAttention.split_heads is yours to write")

    def merge_heads(self, x: Any) -> Any:
        """(..., num_heads, T, head_dim) -> (..., T, embed_dim): undoes split_heads."""
        raise NotImplementedError("a12_attention: MultiHeadAttention.merge_heads is yours to write")

    def project(self, query: Any, key: Any = None, value: Any = None) -> tuple[Any, Any, Any]:
        """Queries, keys and values of every head: three tensors (..., num_heads, positions, head_dim).

        Args:
            query: (..., T, embed_dim).
            key: (..., S, embed_dim), what is looked at; query unless given.
            value: (..., S, embed_dim), what is taken from there; key unless given.
        """
        raise NotImplementedError("a12_attention: MultiHeadAttention.project is yours to write")

    def attend(self, q: Any, k: Any, v: Any, mask: Any = None, is_causal: bool = False) -> Any:
        """Attention within every head: what `project` returns -> (..., num_heads, T, head_dim).

        Args:
            mask: (T, S) for all; with one dimension less than q, (batch, T, S), for all heads; or (batch, heads, T, S).
        """
        # A mask (batch, T, S) has no dimension for the heads: it needs one of size 1 before T. (T, S) broadcasts.
        raise NotImplementedError("a12_attention: MultiHeadAttention.attend is yours to write")

    def combine(self, heads: Any) -> Any:
        """(..., num_heads, T, head_dim) -> (..., T, embed_dim): the heads side by side, mixed by out_proj."""
        raise NotImplementedError("a12_attention: MultiHeadAttention.combine is yours to write")

    def forward(self, x: Any, mask: Any = None, is_causal: bool = False, *, key: Any = None, value: Any = None) -> Any:
        """(..., T, embed_dim) -> (..., T, embed_dim). With key (and value) x looks at another sequence.

        Args:
            mask: True or 1 = attend; (T, S), (batch, T, S) or (batch, heads, T, S), sizes of 1 for "all".
            is_causal: position i looks at positions 0 to i only.

        Raises:
            ValueError: an input without two dimensions, or the last of which is not embed_dim; names its shape.
        """
        for name, tensor in (("x", x), ("key", key), ("value", value)):
            if isinstance(tensor, TensorBase) and (tensor.ndim < 2 or tensor.shape[-1] != self.embed_dim):
                raise ValueError(f"MultiHeadAttention: {name} {tensor.shape} is not (..., positions, {self.embed_dim})")
        raise NotImplementedError("a12_attention: MultiHeadAttention.forward is yours to write")

    def extra_repr(self) -> str:
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}"
