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
    raise NotImplementedError("a13_transformers: _layer_norm is yours to write")


def _layer_norm_rule(g: Array, node: Node, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
    """Gradients with respect to x, weight and bias; None where `wanted` says that nobody asks."""
    # Let n be the normalised x, before weight and bias: node.saved and x give it again. Bias and weight were stretched
    # over all rows: unbroadcast g and g * n. For x let h = g * weight. Mean and rstd depend on every x of the row, so
    # both take their share out of it: rstd * (h - mean(h) - n * mean(h * n)), means over the last axis.
    raise NotImplementedError("a13_transformers: _layer_norm_rule is yours to write")


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
    raise NotImplementedError("a13_transformers: layer_norm is yours to write")


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
        raise NotImplementedError("a13_transformers: LayerNorm.__init__ is yours to write")

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
        raise NotImplementedError("a13_transformers: LayerNorm.forward is yours to write")

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
        raise NotImplementedError("a13_transformers: MLP.__init__ is yours to write")

    def forward(self, x: Any) -> Any:
        """(..., embed_dim) -> (..., embed_dim)"""
        raise NotImplementedError("a13_transformers: MLP.forward is yours to write")


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
        raise NotImplementedError("a13_transformers: TransformerBlock.__init__ is yours to write")

    def attend(self, x: Any, mask: Any = None, is_causal: bool = False) -> Any:
        """The stream x (B, T, D) after what attention adds to it."""
        # self.attention takes mask and is_causal by name.
        raise NotImplementedError("a13_transformers: TransformerBlock.attend is yours to write")

    def transform(self, x: Any) -> Any:
        """The stream x (..., D) after what the MLP adds to it."""
        raise NotImplementedError("a13_transformers: TransformerBlock.transform is yours to write")

    def forward(self, x: Any, mask: Any = None, is_causal: bool = False) -> Any:
        """(B, T, D) -> (B, T, D). Without a mask and is_causal every position sees all others.

        Args:
            mask: bool (or 0 and 1), broadcastable to (B, num_heads, T, T); 1 is where a position may look.
            is_causal: whether a position sees itself and earlier ones only.
        """
        raise NotImplementedError("a13_transformers: TransformerBlock.forward is yours to write")


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
    raise NotImplementedError("a13_transformers: keep_top_k is yours to write")


def keep_top_p(probabilities: Array, p: float) -> Array:
    """The fewest tokens of each row, the likeliest first, whose probabilities reach p together; scaled to sum 1.

    The token that reaches p stays, so at least one does (nucleus sampling: Holtzman et al., 2019, arXiv:1904.09751).
    """
    # Sorted as above, a token stays if those before it have not reached p yet.
    raise NotImplementedError("a13_transformers: keep_top_p is yours to write")


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
    raise NotImplementedError("a13_transformers: probabilities_of is yours to write")


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
    raise NotImplementedError("a13_transformers: draw is yours to write")


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
    raise NotImplementedError("a13_transformers: evaluation is yours to write")


class TiedHead(Module):
    """Logits from the token embedding itself: hidden (..., D) @ weight (V, D) transposed -> (..., V).

    Attributes:
        weight: the parameter (V, D) of the embedding, not a copy (Press & Wolf, 2016, arXiv:1608.05859).
    """

    def __init__(self, weight: Any):
        self.weight = weight

    def forward(self, x: Any) -> Any:
        """(..., D) -> (..., V): each token's logit is the product of its embedding with x."""
        raise NotImplementedError("a13_transformers: TiedHead.forward is yours to write")

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
        raise NotImplementedError("a13_transformers: GPT.__init__ is yours to write")

    def reset_parameters(self, std: float = 0.02) -> None:
        """Draw all weights anew, as GPT-2 does: normal with this standard deviation; biases are 0.

        The two linear layers of each block that write into the stream, attention.out_proj and mlp.linear2, get
        std / sqrt(2 * num_layers): the stream is the sum of 2 * num_layers of their outputs.
        """
        # Every Linear and Embedding among self.modules() first (the positions have a reset_parameters(std) of their
        # own), then the smaller ones.
        raise NotImplementedError("a13_transformers: GPT.reset_parameters is yours to write")

    def embed(self, tokens: Any, start: int = 0) -> Any:
        """What each token means plus where it stands: ids (B, T) -> (B, T, D).

        Args:
            start: position of the first token in the window.

        Raises:
            ValueError: the last token stands beyond the window; names the window and what to do.
        """
        ids = _ids(tokens, self.vocab_size, "GPT")
        # Ask for the window before the embeddings do: their message does not know what a window is. Dropout comes last.
        raise NotImplementedError("a13_transformers: GPT.embed is yours to write")

    def hidden(self, tokens: Any) -> Any:
        """What the head reads: ids (B, T) -> (B, T, D), after all blocks and the last normalisation."""
        raise NotImplementedError("a13_transformers: GPT.hidden is yours to write")

    def forward(self, tokens: Any) -> Any:
        """Ids (B, T) -> logits (B, T, vocab_size); ids (T,) count as a batch of one.

        Position t sees the tokens 0 to t, so its logits are about token t + 1.

        Raises:
            ValueError: more tokens than the window holds, an id that is not in the vocabulary, no token.
        """
        raise NotImplementedError("a13_transformers: GPT.forward is yours to write")

    # ---- Task 6: writing

    def next_logits(self, ids: Array) -> Array:
        """Logits of the token after the last one: ids (B, T) -> array (B, vocab_size), in evaluation mode.

        Only the last max_seq_len tokens are seen.
        """
        # Only the last position has to go through the head.
        raise NotImplementedError("a13_transformers: GPT.next_logits is yours to write")

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
            raise NotImplementedError("a13_transformers: GPT.stream is yours to write")

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
        raise NotImplementedError("a13_transformers: GPT.generate is yours to write")


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
    raise NotImplementedError("a13_transformers: next_token_loss is yours to write")


def _windows(ids: Array, length: int, batch_size: int) -> Iterator[tuple[Array, Array]]:
    """Inputs and targets that ask for every token of ids (B, N) but the first, each once: both (n, up to length).

    Whole windows of `length` inputs come in batches of up to batch_size, then what is left in one shorter window a row.
    """
    # The targets are the ids one place further. Of N ids N - 1 have a token after them: whole = (N - 1) // length
    # windows a row, and a rest.
    raise NotImplementedError("a13_transformers: _windows is yours to write")


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
    raise NotImplementedError("a13_transformers: perplexity is yours to write")
