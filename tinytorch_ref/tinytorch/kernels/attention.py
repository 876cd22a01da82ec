"""The kernel behind the op attention, forward and backward, in blocks of queries (forward) and of keys (backward).

No matrix of all weights is ever held: a block of scores of a few heads lies in the cache, and the way back computes it
once more from the logarithm of each row's sum, as in Dao et al., 2022 (arXiv:2205.14135). In the causal case the blocks
above the diagonal are left out. Rows are summed up by a product with ones, and what softmax divides by divides the
output, which is much smaller than the weights.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from tinytorch.dispatch import Node, TensorBase

from .aligned import empty_like
from .workspace import FLOAT32, Array, Groups, scratch, spread

LEAST = 1 << 15  # scores; below it the clear form is as fast
ROWS = 64  # queries (or keys) of a block
ROOM = 2_200_000  # bytes of a group: a little more than the cache, for fewer calls count for more
NEAR = 40.0  # exp of scores within this needs no subtraction of the largest: nothing overflows, nothing vanishes
FLAT = 512  # a causal block at most so wide takes its triangle as a whole


def applies(q: Any, k: Any, v: Any, *, mask: Any = None, is_causal: bool = False, scale: float) -> bool:
    """Whether the kernel takes these arrays: float32 with the same leading dimensions, not too small."""
    same = q.dtype == k.dtype == v.dtype == FLOAT32 and q.shape[:-2] == k.shape[:-2] == v.shape[:-2]
    return same and k.shape[-2] == v.shape[-2] and min(q.size, k.size, v.size) > 0 and _scores(q, k) >= LEAST


def _scores(q: Array, k: Array) -> int:
    return math.prod(q.shape[:-1]) * k.shape[-2]


def _four(x: Array) -> Array:
    """(..., T, D) -> (batch, heads, T, D), heads being 1 where there are three dimensions."""
    if x.ndim < 4:
        return x.reshape(-1, 1, *x.shape[-2:])
    return x if x.ndim == 4 else x.reshape(-1, *x.shape[-3:])


class _Problem:
    """Queries, keys, values and a mask as four dimensions each, and how they are cut into groups and blocks."""

    def __init__(self, arrays: tuple[Array, Array, Array], mask: Array | None, is_causal: bool, scale: float):
        self.q, self.k, self.v = (_four(x) for x in arrays)
        self.batch, self.heads, self.queries, self.features = self.q.shape
        self.keys, self.width = self.v.shape[2:]
        self.is_causal, self.scale = is_causal, FLOAT32.type(scale)
        if mask is not None:
            mask = _four(np.broadcast_to(mask, (*arrays[0].shape[:-1], self.keys)))
        self.mask = mask
        longest = max(self.queries, self.keys)
        item = 4 * self.heads * longest * (2 * ROWS + 2 * self.features + 2 * self.width)
        self.group = max(1, min(self.batch, ROOM // item))

    def blocks(self, forward: bool) -> list[tuple[int, int, int, int]]:
        """(first row, end of rows, first column, end of columns) of the blocks of scores that have to be computed.

        Rows are queries forward and keys backward, columns the others.
        """
        rows, columns = (self.queries, self.keys) if forward else (self.keys, self.queries)
        found = []
        for a in range(0, rows, ROWS):
            b = min(a + ROWS, rows)
            first = a if self.is_causal and not forward else 0
            last = min(b, columns) if self.is_causal and forward else columns
            found.append((a, b, min(first, columns), last))
        return found

    def hide(self, scores: Array, part: slice, block: tuple[int, int, int, int], forward: bool) -> None:
        """Write -inf where a query may not look at a key: in a block of scores (group, heads, rows, columns)."""
        a, b, c, d = block
        if self.mask is not None:
            mask = self.mask[part, :, a:b, c:d] if forward else self.mask[part, :, c:d, a:b].swapaxes(2, 3)
            np.copyto(scores, -math.inf, where=~mask)
        if not self.is_causal:
            return
        # Only columns beside the diagonal need it: those from the first row on forward, those up to the last backward.
        if d - c > FLAT:
            start, stop = (max(a - c, 0), d - c) if forward else (0, min(b - c, d - c))
            scores = scores[..., start:stop]
            c, d = c + start, c + stop
            scores += _triangle(b - a, d - c, c - a, forward)
        else:
            lines = scores.reshape(*scores.shape[:2], -1)
            np.add(lines, _triangle(b - a, d - c, c - a, forward).reshape(-1), out=lines)


@lru_cache(maxsize=128)
def _triangle(rows: int, columns: int, ahead: int, forward: bool) -> Array:
    """0 where a key is not after a query, else -inf: (rows, columns), column 0 being `ahead` of row 0."""
    distance = np.arange(columns) + ahead - np.arange(rows)[:, None]
    return np.where(distance <= 0 if forward else distance >= 0, 0, -math.inf).astype(FLOAT32)


# ---- forward ---------------------------------------------------------------------------------------------------------


def forward(
    q: Array, k: Array, v: Array, *, mask: Array | None = None, is_causal: bool = False, scale: float
) -> tuple[Array, Array]:
    """softmax(q kᵀ scale) v in the memory layout of q, and the logarithm of each row's sum of exp(scores).

    The logarithms are (batch, heads, T); inf where a query may not look anywhere, and the output is 0 there.
    """
    problem = _Problem((q, k, v), mask, is_causal, scale)
    out, logs = empty_like(problem.q, problem.width), np.empty(problem.q.shape[:3], FLOAT32)

    def worker(groups: Groups) -> None:
        for start, stop in groups:
            _attend(problem, slice(start, stop), out[start:stop], logs[start:stop])

    spread(worker, problem.batch, problem.group)
    return out.reshape(*q.shape[:-1], problem.width), logs


def _attend(problem: _Problem, part: slice, out: Array, logs: Array) -> None:
    """The rows of a group: weights of one block of queries after the other."""
    q, k, v = problem.q[part], problem.k[part], problem.v[part]
    sizes = q.shape[:2]
    turned = _turned("turned", k, problem.scale)
    ones = np.ones(problem.keys, FLOAT32)
    for block in problem.blocks(forward=True):
        a, b, _, keys = block
        weights = scratch.take("weights", *sizes, b - a, keys)
        np.matmul(q[:, :, a:b], turned[..., :keys], out=weights)
        top = _exp(problem, weights, part, block)
        total = np.matmul(weights, ones[:keys])
        if problem.mask is not None:
            logs[:, :, a:b] = np.where(total == 0, math.inf, 0)
            total[total == 0] = 1
            logs[:, :, a:b] += np.log(total)
        else:
            np.log(total, out=logs[:, :, a:b])
        if top is not None:
            logs[:, :, a:b] += top
        mixed = np.matmul(weights, v[:, :, :keys], out=scratch.take("mixed", *sizes, b - a, problem.width))
        np.divide(mixed, total[..., None], out=out[:, :, a:b])


def _exp(problem: _Problem, scores: Array, part: slice, block: tuple[int, int, int, int]) -> Array | None:
    """exp of a block of scores in place, 0 where it is not allowed; returns what was subtracted first, if anything."""
    near = scores.max() <= NEAR and scores.min() >= -NEAR
    problem.hide(scores, part, block, True)
    top = None
    if not near:
        top = scores.max(axis=-1)
        top[top == -math.inf] = 0
        scores -= top[..., None]
    np.exp(scores, out=scores)
    return top


# ---- backward --------------------------------------------------------------------------------------------------------


def vjp(g: Array, node: Node) -> tuple[Array | None, ...]:
    """The gradients of queries, keys and values, each in its own memory layout.

    With P the weights: dv = Pᵀ g, dS = P (g vᵀ - r) with r = Σ g * output, dq = dS k scale, dk = dSᵀ q scale.
    """
    wanted = [isinstance(a, TensorBase) and a.requires_grad for a in node.inputs]
    settings = node.attributes
    problem = _Problem(node.arrays, settings.get("mask"), settings.get("is_causal", False), settings["scale"])
    slopes, output, logs = _four(g), _four(node.output), node.saved
    found = [empty_like(x) for x in (problem.q, problem.k, problem.v)]

    def worker(groups: Groups) -> None:
        for start, stop in groups:
            part = slice(start, stop)
            _back(problem, part, slopes[part], output[part], logs[part], [x[part] for x in found])

    spread(worker, problem.batch, problem.group)
    return tuple(
        x.reshape(given.shape) if want else None for x, given, want in zip(found, node.arrays, wanted, strict=True)
    )


def _back(problem: _Problem, part: slice, g: Array, output: Array, logs: Array, found: list[Array]) -> None:
    """The gradients of a group, one block of keys after the other: scores, weights and their changes are transposed."""
    q, k, v = problem.q[part], problem.k[part], problem.v[part]
    to_q, to_k, to_v = found
    r = np.matmul(np.multiply(g, output, out=_like_rows(g)), np.ones(problem.width, FLOAT32))
    queries, slopes = _turned("queries", q, problem.scale), _turned("slopes", g, None)
    for block in problem.blocks(forward=False):
        a, b, first, last = block
        if first == last:  # keys that nobody may look at
            to_k[:, :, a:b] = to_v[:, :, a:b] = 0
            continue
        sizes = (*q.shape[:2], b - a, last - first)
        weights = np.matmul(k[:, :, a:b], queries[..., first:], out=scratch.take("weights", *sizes))
        weights -= logs[:, :, None, first:]
        problem.hide(weights, part, block, False)
        np.exp(weights, out=weights)
        np.matmul(weights, g[:, :, first:], out=to_v[:, :, a:b])
        changes = np.matmul(v[:, :, a:b], slopes[..., first:], out=scratch.take("changes", *sizes))
        changes -= r[:, :, None, first:]
        changes *= weights
        np.matmul(changes, q[:, :, first:], out=to_k[:, :, a:b])
        if a == 0:
            np.matmul(changes.swapaxes(2, 3), k[:, :, a:b], out=to_q)
        else:
            share = scratch.take("share", *q.shape[:2], last - first, problem.features)
            to_q[:, :, first:] += np.matmul(changes.swapaxes(2, 3), k[:, :, a:b], out=share)
    to_k *= problem.scale
    to_q *= problem.scale


def _like_rows(x: Array) -> Array:
    """Scratch of the shape (batch, heads, T, D) with the heads of a position side by side, as a layer has them."""
    batch, heads, count, features = x.shape
    return scratch.take("products", batch, count, heads, features).swapaxes(1, 2)


def _turned(name: str, x: Array, scale: Any) -> Array:
    """x, times scale if given, transposed: (..., n, D) -> (..., D, n)"""
    turned = scratch.take(name, *x.shape[:2], x.shape[3], x.shape[2])
    if scale is None:
        turned[...] = x.swapaxes(2, 3)
        return turned
    return np.multiply(x.swapaxes(2, 3), scale, out=turned)
