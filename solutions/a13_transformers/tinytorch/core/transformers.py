"""Transformers: a language model put together from attention, normalisation and linear layers, and the text it writes.

The file has four parts. First layer normalisation, the one new op; then the block that is stacked; then how a token is
chosen from logits, plain functions on arrays; last the model with its initial weights, its loss and its way of writing.
Attention is assignment 12's, embeddings are assignment 11's. Generation here computes the whole window again for every
token; assignment 17 puts a cache in its place by giving `GPT.decoder` another function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from tinytorch.core.activations import GELU
from tinytorch.core.attention import MultiHeadAttention
from tinytorch.core.autograd import defvjp_all, no_grad, unbroadcast
from tinytorch.core.embeddings import Embedding, PositionalEncoding, token_ids
from tinytorch.core.layers import Dropout, Linear, Module, ModuleList, Parameter, init, linear
from tinytorch.core.losses import cross_entropy
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import Node, Op, TensorBase, apply, wrap
from tinytorch.random import generator

Array = np.ndarray


def _array(x: Any) -> Array:
    """The array of a tensor, or an array of anything else."""
    return np.asarray(x.data if isinstance(x, TensorBase) else x)


# ==== Part one: normalisation =========================================================================================

# ---- Task 1: layer normalisation -------------------------------------------------------------------------------------


def _layer_norm(x: Array, weight: Array, bias: Array, eps: float) -> tuple[Array, tuple[Array, Array]]:
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and variance of each row: (..., D), (D,), (D,) -> (..., D).

    A row is what the last axis holds: the features of one token. The variance is the biased one, divided by D.

    Returns:
        The output, and (mean, rstd) for the way back, both (..., 1); rstd is 1 / sqrt(var + eps).

    Raises:
        ValueError: the last dimension of x is not D; names both shapes.
    """
    # Subtract the mean first and take the mean square of what is left: E[x²] - E[x]² cancels when the mean is large.
    # One new array of the size of x is enough: the rest can happen in place. Integers take the weight's dtype first.
    # BEGIN SOLUTION
    if not x.ndim or x.shape[-1] != weight.shape[0]:
        raise ValueError(
            f"layer_norm: input {x.shape} does not fit weight {weight.shape}: its last dimension must be"
            f" {weight.shape[0]}"
        )
    if x.dtype.kind != "f":
        x = x.astype(weight.dtype)
    mean = x.mean(axis=-1, keepdims=True)
    out = x - mean
    rstd = 1 / np.sqrt((out * out).mean(axis=-1, keepdims=True) + eps)
    out *= rstd
    out *= weight
    out += bias
    return out, (mean, rstd)
    # END SOLUTION


def _layer_norm_rule(g: Array, node: Node, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
    """Gradients with respect to x, weight and bias; None where `wanted` says that nobody asks."""
    # Let n be the normalised x, before weight and bias: node.saved and x give it again. Bias and weight were stretched
    # over all rows: unbroadcast g and g * n. For x let h = g * weight. Mean and rstd depend on every x of the row, so
    # both take their share out of it: rstd * (h - mean(h) - n * mean(h * n)), means over the last axis.
    # BEGIN SOLUTION
    x, weight, _ = node.arrays
    mean, rstd = node.saved
    n = (x - mean) * rstd
    gx = None
    if wanted[0]:
        gx = g * weight
        along = (gx * n).mean(axis=-1, keepdims=True)
        gx -= gx.mean(axis=-1, keepdims=True)
        gx -= n * along
        gx *= rstd
    g_weight = unbroadcast(g * n, weight.shape) if wanted[1] else None
    return gx, g_weight, unbroadcast(g, weight.shape) if wanted[2] else None
    # END SOLUTION


LAYER_NORM = Op("layer_norm", _layer_norm, saves=True)
defvjp_all(LAYER_NORM, _layer_norm_rule)


def _features(normalized_shape: Any) -> int:
    """The one size over which a row is normalised. ValueError if more, or none, are given."""
    sizes = normalized_shape if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
    if len(sizes) != 1 or isinstance(sizes[0], bool) or not isinstance(sizes[0], (int, np.integer)) or sizes[0] < 1:
        raise ValueError(
            f"layer_norm: normalized_shape is the size of the last dimension, got {normalized_shape!r}; flatten the"
            " dimensions to be normalised into one"
        )
    return int(sizes[0])


def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each row of x (..., D) with mean 0 and variance 1, then times weight (D,) and plus bias (D,) where given.

    The arguments are those of torch.nn.functional.layer_norm; normalized_shape is D or (D,).

    Raises:
        TypeError: x is not a Tensor. ValueError: shapes that do not fit.
    """
    if not isinstance(x, TensorBase):
        raise TypeError(f"layer_norm needs a Tensor, got {type(x).__name__}; wrap it: Tensor(...)")
    # The op has three inputs always: plain arrays of ones and zeros, in x's dtype, stand in for what is not given.
    # BEGIN SOLUTION
    size = _features(normalized_shape)
    dtype = x.data.dtype if x.data.dtype.kind == "f" else np.float32
    weight = np.ones(size, dtype) if weight is None else weight
    bias = np.zeros(size, dtype) if bias is None else bias
    return apply(LAYER_NORM, x, weight, bias, eps=eps)
    # END SOLUTION


class LayerNorm(Module):
    """Layer normalisation over the last dimension (Ba et al., 2016, arXiv:1607.06450): (..., D) -> (..., D).

    Args:
        normalized_shape: D.
        eps: added to the variance, inside the root.

    Attributes:
        weight, bias: parameters (D,), ones and zeros at first; also called gamma and beta.
    """

    def __init__(self, normalized_shape: int, eps: float = 1e-5):
        size = _features(normalized_shape)
        self.normalized_shape, self.eps = (size,), eps
        # BEGIN SOLUTION
        self.weight = Parameter(np.ones(size))
        self.bias = Parameter(np.zeros(size))
        # END SOLUTION

    @property
    def gamma(self) -> Any:
        """Another name of `weight`."""
        return self.weight

    @property
    def beta(self) -> Any:
        """Another name of `bias`."""
        return self.bias

    def forward(self, x: Any) -> Any:
        """(..., D) -> (..., D)"""
        # BEGIN SOLUTION
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        # END SOLUTION

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}"


# ==== Part two: the block =============================================================================================

# ---- Task 2: what happens within a position --------------------------------------------------------------------------


class MLP(Module):
    """Linear, GELU, linear, dropout: (..., embed_dim) -> (..., embed_dim), through a wider layer.

    GELU is the approximation by tanh, as in GPT-2: off by 5e-4 at most, and computed in half the time.

    Args:
        hidden_dim: width between the two linear layers; 4 * embed_dim by default.
        dropout: probability for the output; `dropout_prob` is another name of it.

    Attributes:
        linear1, gelu, linear2, dropout: the layers.
    """

    def __init__(
        self,
        embed_dim: int,
        hidden_dim: int | None = None,
        dropout: float = 0.0,
        *,
        dropout_prob: float | None = None,
    ):
        # BEGIN SOLUTION
        hidden_dim = 4 * embed_dim if hidden_dim is None else hidden_dim
        self.linear1 = Linear(embed_dim, hidden_dim)
        self.gelu = GELU("tanh")
        self.linear2 = Linear(hidden_dim, embed_dim)
        self.dropout = Dropout(dropout if dropout_prob is None else dropout_prob)
        # END SOLUTION

    def forward(self, x: Any) -> Any:
        """(..., embed_dim) -> (..., embed_dim)"""
        # BEGIN SOLUTION
        return self.dropout(self.linear2(self.gelu(self.linear1(x))))
        # END SOLUTION


# ---- Task 3: the residual stream -------------------------------------------------------------------------------------


class TransformerBlock(Module):
    """One pre-norm block: attention moves information between positions, the MLP works on each: (B, T, D) -> (B, T, D).

    Both add what they found to the stream that runs through; each reads a normalised copy of it (Xiong et al., 2020,
    arXiv:2002.04745).

    Args:
        mlp_ratio: width of the MLP in units of embed_dim.
        ff_dim: width of the MLP in features, instead of mlp_ratio.
        dropout: probability for what attention and MLP add; `dropout_prob` is another name of it.

    Attributes:
        ln1, attention, dropout, ln2, mlp: the layers.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        mlp_ratio: float = 4,
        ff_dim: int | None = None,
        dropout: float = 0.0,
        *,
        dropout_prob: float | None = None,
    ):
        # BEGIN SOLUTION
        dropout = dropout if dropout_prob is None else dropout_prob
        self.ln1 = LayerNorm(embed_dim)
        self.attention = MultiHeadAttention(embed_dim, num_heads)
        self.dropout = Dropout(dropout)
        self.ln2 = LayerNorm(embed_dim)
        self.mlp = MLP(embed_dim, int(mlp_ratio * embed_dim) if ff_dim is None else ff_dim, dropout)
        # END SOLUTION

    def attend(self, x: Any, mask: Any = None, is_causal: bool = False) -> Any:
        """The stream x (B, T, D) after what attention adds to it."""
        # self.attention takes mask and is_causal by name.
        # BEGIN SOLUTION
        return x + self.dropout(self.attention(self.ln1(x), mask=mask, is_causal=is_causal))
        # END SOLUTION

    def transform(self, x: Any) -> Any:
        """The stream x (..., D) after what the MLP adds to it."""
        # BEGIN SOLUTION
        return x + self.mlp(self.ln2(x))
        # END SOLUTION

    def forward(self, x: Any, mask: Any = None, is_causal: bool = False) -> Any:
        """(B, T, D) -> (B, T, D). Without a mask and is_causal every position sees all others.

        Args:
            mask: bool (or 0 and 1), broadcastable to (B, num_heads, T, T); 1 is where a position may look.
            is_causal: whether a position sees itself and earlier ones only.
        """
        # BEGIN SOLUTION
        return self.transform(self.attend(x, mask, is_causal))
        # END SOLUTION


def create_causal_mask(seq_len: int) -> Tensor:
    """Ones where a position may look, itself and before, and zeros elsewhere: (1, seq_len, seq_len)."""
    return Tensor(np.tril(np.ones((1, seq_len, seq_len))))


# ==== Part three: from logits to a token ==============================================================================
# Plain functions on arrays of V numbers a row: (..., V). Nothing here wants a gradient.

# ---- Task 4: choosing ------------------------------------------------------------------------------------------------


def keep_top_k(probabilities: Array, k: int) -> Array:
    """The k largest probabilities of each row, scaled to sum 1; zeros elsewhere: (..., V) -> (..., V).

    Of equal ones at the edge those with the smaller index stay: never more than k. A k above V keeps all.
    """
    # A stable sort of -probabilities gives the places, the largest first and equals in their order.
    # np.put_along_axis writes at places of each row.
    # BEGIN SOLUTION
    places = np.argsort(-probabilities, axis=-1, kind="stable")[..., :k]
    kept = np.zeros_like(probabilities)
    np.put_along_axis(kept, places, np.take_along_axis(probabilities, places, axis=-1), axis=-1)
    return kept / kept.sum(axis=-1, keepdims=True)
    # END SOLUTION


def keep_top_p(probabilities: Array, p: float) -> Array:
    """The fewest tokens of each row, the likeliest first, whose probabilities reach p together; scaled to sum 1.

    The token that reaches p stays, so at least one does (nucleus sampling: Holtzman et al., 2019, arXiv:1904.09751).
    """
    # Sorted as above, a token stays if those before it have not reached p yet.
    # BEGIN SOLUTION
    places = np.argsort(-probabilities, axis=-1, kind="stable")
    ranked = np.take_along_axis(probabilities, places, axis=-1)
    before = np.cumsum(ranked, axis=-1) - ranked
    kept = np.zeros_like(probabilities)
    np.put_along_axis(kept, places, np.where(before < p, ranked, 0), axis=-1)
    return kept / kept.sum(axis=-1, keepdims=True)
    # END SOLUTION


def probabilities_of(
    logits: Any, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Array:
    """What the next token is drawn from: logits (..., V) -> probabilities (..., V) in float64, each row of sum 1.

    softmax(logits / temperature) first, then top_k, then top_p of what is left. Below temperature 1 likely tokens
    become likelier; temperature 0 leaves the largest logit alone (the first of several), which is greedy decoding.

    Raises:
        ValueError: a setting out of its range, or logits that are not numbers; names it.
    """
    _check_settings(temperature, top_k, top_p)
    z = _array(logits).astype(np.float64)
    if not np.isfinite(z.max(axis=-1)).all():
        raise ValueError(
            "NaN or infinity among the logits: the model has diverged; try a smaller rate or clip gradients"
        )
    # Subtract the largest of the row before you divide: no temperature, however small, overflows then.
    # BEGIN SOLUTION
    if temperature == 0:
        probabilities = np.zeros_like(z)
        np.put_along_axis(probabilities, z.argmax(axis=-1, keepdims=True), 1.0, axis=-1)
    else:
        probabilities = np.exp((z - z.max(axis=-1, keepdims=True)) / temperature)
        probabilities /= probabilities.sum(axis=-1, keepdims=True)
    if top_k is not None:
        probabilities = keep_top_k(probabilities, top_k)
    if top_p is not None:
        probabilities = keep_top_p(probabilities, top_p)
    return probabilities
    # END SOLUTION


def _check_settings(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """ValueError for settings that cannot be meant; each names its remedy."""
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature is 0 (greedy) or a positive number, got {temperature}")
    if top_k is not None and not (isinstance(top_k, (int, np.integer)) and top_k >= 1):
        raise ValueError(f"top_k is a whole number of at least 1, got {top_k}; None keeps all tokens")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is a probability above 0 and at most 1, got {top_p}; None keeps all tokens")


def draw(probabilities: Array, rng: np.random.Generator) -> Array:
    """One index a row, drawn with its probabilities: (B, V) -> (B,) int64. What has probability 0 is never drawn."""
    # Lay the probabilities of a row end to end and throw one uniform number, rng.random((B, 1)), onto the line: how
    # many stretches end at or before it? Rounding may leave a line a little shorter or longer than 1.
    # BEGIN SOLUTION
    ends = np.cumsum(probabilities, axis=-1)
    thrown = rng.random((len(ends), 1)) * ends[:, -1:]
    return (ends <= thrown).sum(axis=-1)
    # END SOLUTION


# ==== Part four: the model ============================================================================================


def _ids(tokens: Any, vocab_size: int, caller: str) -> Array:
    """Token ids as integers (B, T), from a Tensor, an array or lists; (T,) counts as a batch of one.

    Raises:
        ValueError: no token at all, other dimensions, and what `token_ids` of assignment 11 refuses.
    """
    ids = token_ids(tokens, vocab_size, caller)
    if ids.ndim not in (1, 2) or not ids.size:
        raise ValueError(f"{caller}: token ids have shape (T,) or (B, T) with at least one token, got {ids.shape}")
    return ids[None] if ids.ndim == 1 else ids


@contextmanager
def evaluation(model: Module) -> Iterator[None]:
    """Inside `with evaluation(model):` the model is in evaluation mode and nothing is recorded.

    Afterwards, also after an exception, each module is in the mode it was in, which need not be the same for all. A
    model that is in evaluation mode already is left as it is.
    """
    # model.modules() yields every layer; those that are Modules have a mode. A `with no_grad():` around the `yield`,
    # and `finally`, do the rest. Ask for model.training first: the walk over all layers takes a third of a millisecond.
    # BEGIN SOLUTION
    before = [(m, m.training) for m in model.modules() if isinstance(m, Module)] if model.training else []
    if before:
        model.eval()
    try:
        with no_grad():
            yield
    finally:
        for module, training in before:
            module.training = training
    # END SOLUTION


class TiedHead(Module):
    """Logits from the token embedding itself: hidden (..., D) @ weight (V, D) transposed -> (..., V).

    Attributes:
        weight: the parameter (V, D) of the embedding, not a copy (Press & Wolf, 2016, arXiv:1608.05859).
    """

    def __init__(self, weight: Any):
        self.weight = weight

    def forward(self, x: Any) -> Any:
        """(..., D) -> (..., V): each token's logit is the product of its embedding with x."""
        # BEGIN SOLUTION
        return linear(x, self.weight.T)
        # END SOLUTION

    def extra_repr(self) -> str:
        return f"tied to an embedding of shape {self.weight.shape}"


class GPT(Module):
    """A decoder-only Transformer: token ids (B, T) -> logits (B, T, vocab_size) of the token after each of them.

    As GPT-2 (Radford et al., 2019): learned positions, pre-norm blocks, a last normalisation, and a head that shares
    its weight with the token embedding.

    Args:
        max_seq_len: the window, the largest number of tokens that the model sees at once.
        dropout: probability for the embeddings and for what each attention and MLP adds.
        mlp_ratio: width of the MLPs in units of embed_dim.
        tie_weights: False gives the head a weight of its own, `Linear(embed_dim, vocab_size, bias=False)`.

    Attributes:
        token_embedding, position_embedding, dropout, blocks, ln_f, lm_head: the layers.
        decoder: what `generate` asks for logits, `decoder(ids (B, T)) -> (B, vocab_size)`; None is `next_logits`.
    """

    decoder: Callable[[Array], Array] | None = None

    # ---- Task 5: putting it together

    def __init__(
        self,
        vocab_size: int,
        embed_dim: int,
        num_layers: int,
        num_heads: int,
        max_seq_len: int = 1024,
        dropout: float = 0.0,
        mlp_ratio: float = 4,
        tie_weights: bool = True,
    ):
        for what, size in (("vocab_size", vocab_size), ("max_seq_len", max_seq_len), ("num_layers", num_layers)):
            if size < (what != "num_layers"):
                raise ValueError(f"GPT: {what} cannot be {size}")
        self.vocab_size, self.embed_dim, self.max_seq_len = vocab_size, embed_dim, max_seq_len
        self.num_layers, self.num_heads = num_layers, num_heads
        # BEGIN SOLUTION
        self.token_embedding = Embedding(vocab_size, embed_dim)
        self.position_embedding = PositionalEncoding(max_seq_len, embed_dim)
        self.dropout = Dropout(dropout)
        self.blocks = ModuleList(
            [TransformerBlock(embed_dim, num_heads, mlp_ratio, dropout=dropout) for _ in range(num_layers)]
        )
        self.ln_f = LayerNorm(embed_dim)
        if tie_weights:
            self.lm_head: Module = TiedHead(self.token_embedding.weight)
        else:
            self.lm_head = Linear(embed_dim, vocab_size, bias=False)
        self.reset_parameters()
        # END SOLUTION

    def reset_parameters(self, std: float = 0.02) -> None:
        """Draw all weights anew, as GPT-2 does: normal with this standard deviation; biases are 0.

        The two linear layers of each block that write into the stream, attention.out_proj and mlp.linear2, get
        std / sqrt(2 * num_layers): the stream is the sum of 2 * num_layers of their outputs.
        """
        # Every Linear and Embedding among self.modules() first (the positions have a reset_parameters(std) of their
        # own), then the smaller ones.
        # BEGIN SOLUTION
        for layer in self.modules():
            if isinstance(layer, (Linear, Embedding)):
                init.normal_(layer.weight, 0.0, std)
            if isinstance(layer, Linear) and layer.bias is not None:
                init.zeros_(layer.bias)
        self.position_embedding.reset_parameters(std)
        for block in self.blocks:
            for writer in (block.attention.out_proj, block.mlp.linear2):
                init.normal_(writer.weight, 0.0, std / math.sqrt(2 * self.num_layers))
        # END SOLUTION

    def embed(self, tokens: Any, start: int = 0) -> Any:
        """What each token means plus where it stands: ids (B, T) -> (B, T, D).

        Args:
            start: position of the first token in the window.

        Raises:
            ValueError: the last token stands beyond the window; names the window and what to do.
        """
        ids = _ids(tokens, self.vocab_size, "GPT")
        # Ask for the window before the embeddings do: their message does not know what a window is. Dropout comes last.
        # BEGIN SOLUTION
        end = start + ids.shape[1]
        if end > self.max_seq_len:
            raise ValueError(
                f"GPT: {end} tokens are more than the window of max_seq_len={self.max_seq_len}; crop them"
                f" (tokens[:, -{self.max_seq_len}:]) or make the model with a larger max_seq_len"
            )
        return self.dropout(self.position_embedding(self.token_embedding(ids), start))
        # END SOLUTION

    def hidden(self, tokens: Any) -> Any:
        """What the head reads: ids (B, T) -> (B, T, D), after all blocks and the last normalisation."""
        # BEGIN SOLUTION
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, is_causal=True)
        return self.ln_f(x)
        # END SOLUTION

    def forward(self, tokens: Any) -> Any:
        """Ids (B, T) -> logits (B, T, vocab_size); ids (T,) count as a batch of one.

        Position t sees the tokens 0 to t, so its logits are about token t + 1.

        Raises:
            ValueError: more tokens than the window holds, an id that is not in the vocabulary, no token.
        """
        # BEGIN SOLUTION
        return self.lm_head(self.hidden(tokens))
        # END SOLUTION

    # ---- Task 6: writing

    def next_logits(self, ids: Array) -> Array:
        """Logits of the token after the last one: ids (B, T) -> array (B, vocab_size), in evaluation mode.

        Only the last max_seq_len tokens are seen.
        """
        # Only the last position has to go through the head.
        # BEGIN SOLUTION
        with evaluation(self):
            hidden = self.hidden(ids[:, -self.max_seq_len :])
            return self.lm_head(hidden[:, -1]).data
        # END SOLUTION

    def stream(
        self,
        prompt: Any,
        max_new_tokens: int = 50,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> Iterator[Array]:
        """The tokens of `generate` one after the other, each as soon as it is there: arrays (B,) of int64.

        The arguments are checked when it is called, not when the first token is asked for.
        """
        ids = _ids(prompt, self.vocab_size, "generate")
        _check_settings(temperature, top_k, top_p)
        if max_new_tokens < 0:
            raise ValueError(f"generate: max_new_tokens cannot be negative, got {max_new_tokens}")
        rng = generator() if seed is None else np.random.default_rng(seed)

        def tokens() -> Iterator[Array]:
            """A generator function checks nothing until it is asked for its first token; hence two functions."""
            # For each new token: the logits of all ids so far (self.decoder if there is one, else self.next_logits),
            # their probabilities, a draw from rng, which joins the ids at their end and is handed out by `yield`.
            # BEGIN SOLUTION
            so_far = ids
            for _ in range(max_new_tokens):
                logits = (self.decoder or self.next_logits)(so_far)
                token = draw(probabilities_of(logits, temperature, top_k, top_p), rng)
                so_far = np.concatenate([so_far, token[:, None]], axis=1)
                yield token
            # END SOLUTION

        return tokens()

    def generate(
        self,
        prompt: Any,
        max_new_tokens: int = 50,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> Tensor:
        """Continue each row of the prompt by max_new_tokens tokens, drawn one by one.

        Args:
            prompt: ids (B, T) or (T,), as Tensor, array or lists, of any length: the model sees the last max_seq_len.
            temperature, top_k, top_p: see `probabilities_of`; temperature 0 is greedy.
            seed: the same seed gives the same tokens and leaves the framework's generator alone; None draws from it.

        Returns:
            Ids of dtype int64, the prompt included: (B, T + max_new_tokens), or (T + max_new_tokens,) for (T,).

        Raises:
            ValueError: no prompt, or a setting out of its range.
        """
        # Collect what stream yields, within evaluation(self): then the modes are switched once, not for every token.
        # wrap(array) makes a tensor of an array as it is; Tensor(array) would make the ids float32.
        # BEGIN SOLUTION
        ids = _ids(prompt, self.vocab_size, "generate")
        with evaluation(self):
            new = list(self.stream(prompt, max_new_tokens, temperature, top_k, top_p, seed))
        ids = np.concatenate([ids, *(token[:, None] for token in new)], axis=1)
        return wrap(ids if _array(prompt).ndim == 2 else ids[0])
        # END SOLUTION


TinyGPT = GPT

# ---- Task 7: how good it is ------------------------------------------------------------------------------------------


def next_token_loss(logits: Any, targets: Any, reduction: str = "mean") -> Any:
    """Cross entropy of the token after each position, in nats: logits (B, T, V), ids (B, T) -> () for the mean.

    targets[b, t] is what follows token t of row b: assignment 8's SequenceDataset gives inputs and targets shifted that
    way, and a Trainer takes this function as its loss. With reduction="none" the losses have shape (B, T).

    Raises:
        ValueError: targets do not have the shape of logits without the last dimension; names both.
    """
    # cross_entropy takes the classes of (N, V) or (N, V, T) in dimension 1: make one tall matrix of the logits.
    # BEGIN SOLUTION
    ids = _array(targets)
    if ids.shape != logits.shape[:-1]:
        raise ValueError(f"next_token_loss: targets have shape {ids.shape}, logits {logits.shape}; one id a position")
    loss = cross_entropy(logits.reshape(-1, logits.shape[-1]), ids.reshape(-1), reduction=reduction)
    return loss.reshape(*ids.shape) if reduction == "none" else loss
    # END SOLUTION


def _windows(ids: Array, length: int, batch_size: int) -> Iterator[tuple[Array, Array]]:
    """Inputs and targets that ask for every token of ids (B, N) but the first, each once: both (n, up to length).

    Whole windows of `length` inputs come in batches of up to batch_size, then what is left in one shorter window a row.
    """
    # The targets are the ids one place further. Of N ids N - 1 have a token after them: whole = (N - 1) // length
    # windows a row, and a rest.
    # BEGIN SOLUTION
    inputs, targets = ids[:, :-1], ids[:, 1:]
    whole = inputs.shape[1] // length * length
    pairs = [(part[:, :whole].reshape(-1, length), part[:, whole:]) for part in (inputs, targets)]
    (many_in, rest_in), (many_out, rest_out) = pairs
    for i in range(0, len(many_in), batch_size):
        yield many_in[i : i + batch_size], many_out[i : i + batch_size]
    if rest_in.size:
        yield rest_in, rest_out
    # END SOLUTION


def perplexity(model: GPT, tokens: Any, batch_size: int = 16) -> float:
    """exp of the mean loss a token, in evaluation mode: among how many equally likely tokens the model hesitates.

    A text longer than the window is read in windows of max_seq_len that do not overlap. Each token but the first of a
    text counts once, in shorter windows too. A model that knows nothing has vocab_size, a certain one 1.

    Args:
        tokens: ids of one text (N,), or of several of one length (B, N), at least two tokens each.
        batch_size: how many windows are computed at once.

    Raises:
        ValueError: a text of one token, which leaves nothing to predict.
    """
    ids = _ids(tokens, model.vocab_size, "perplexity")
    if ids.shape[1] < 2:
        raise ValueError("perplexity: one token alone predicts nothing; give a text of two tokens or more")
    # Sum up losses and counts over all windows and divide once: windows of unequal length have unequal weight, and
    # the mean of exps is not the exp of the mean.
    # BEGIN SOLUTION
    total, count = 0.0, 0
    with evaluation(model):
        for inputs, targets in _windows(ids, model.max_seq_len, batch_size):
            total += next_token_loss(model(inputs), targets, reduction="sum").item()
            count += targets.size
    return math.exp(total / count)
    # END SOLUTION
