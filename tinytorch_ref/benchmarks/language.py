"""What is compared of language models: layers forward and backward, a training step of a GPT, and byte-pair encoding.

Our side runs with the fast kernels and keeps its memory (`tinytorch.kernels`). PyTorch's GPT has one projection for
queries, keys and values and F.scaled_dot_product_attention; at its best it has the fused AdamW as well. Byte-pair
encoding is compared with `tokenizers` where that is installed: PyTorch has none.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from case import Case, Prepared, draw

BATCH, HEADS, WIDTH, LAYERS, VOCAB = 32, 4, 128, 4, 65
MERGES = 1000


def _prepare_ours() -> None:
    from tinytorch import kernels

    kernels.keep_memory()
    kernels.install()


# ---- layers ----------------------------------------------------------------------------------------------------------

Layer = Callable[[ModuleType], Callable[..., Any]]  # of nn.functional of either side: what is applied to the inputs


def _layer(title: str, ours: Layer, theirs: Layer, shapes: list[tuple[int, ...]], backward: bool, items: int) -> Case:
    """A function forward as in training, or its backward alone, to all inputs. Four dimensions are heads: these lie in
    memory as a layer has them, the heads of a position side by side."""

    def views(from_array: Callable[[np.ndarray], Any], turn: Callable[[Any], Any]) -> list[Any]:
        arrays = [draw(*shape, seed=i) for i, shape in enumerate(shapes)]
        return [turn(from_array(a)) if a.ndim == 4 else from_array(a) for a in arrays]

    def build_ours() -> Prepared:
        import tinytorch as tt
        from tinytorch import nn

        _prepare_ours()
        inputs = [tt.Tensor(x.data) for x in views(tt.Tensor, lambda x: x)]
        for x in inputs:
            x.data = x.data.swapaxes(1, 2) if x.data.ndim == 4 else x.data
            x.requires_grad = True
        return Prepared(_step(ours(nn.functional), inputs, backward, np.ones_like), items)

    def build_theirs(best: bool) -> Prepared:
        import torch

        inputs = [x.detach().requires_grad_() for x in views(torch.tensor, lambda x: x.transpose(1, 2))]
        return Prepared(_step(theirs(torch.nn.functional), inputs, backward, torch.ones_like), items)

    return Case(f"{title}, {'backward' if backward else 'forward'}", build_ours, build_theirs)


def _step(run: Callable[..., Any], inputs: list[Any], backward: bool, ones_like: Callable[[Any], Any]) -> Any:
    """The step of either side."""
    if not backward:
        return lambda: run(*inputs)
    out = run(*inputs)
    g = ones_like(out.data)

    def step() -> None:
        for x in inputs:
            x.grad = None
        out.backward(g, retain_graph=True)

    return step


def _layers(backward: bool) -> dict[str, Case]:
    way = "backward" if backward else "forward"
    heads = [(BATCH, 128, HEADS, WIDTH // HEADS)] * 3
    rows, wide = (BATCH * 128, WIDTH), (BATCH * 128, 4 * WIDTH)
    return {
        f"attention-{way}": _layer(
            "causal attention, 32 x 4 heads of 32, T = 128",
            lambda F: lambda q, k, v: F.attention(q, k, v, is_causal=True),
            lambda F: lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
            heads, backward, BATCH * 128,
        ),
        f"layer-norm-{way}": _layer(
            f"LayerNorm of {rows[0]} x {WIDTH}",
            lambda F: lambda x, w, b: F.layer_norm(x, WIDTH, w, b),
            lambda F: lambda x, w, b: F.layer_norm(x, (WIDTH,), w, b),
            [rows, (WIDTH,), (WIDTH,)], backward, rows[0],
        ),
        f"gelu-{way}": _layer(
            f"GELU (tanh) of {wide[0]} x {wide[1]}",
            lambda F: lambda x: F.gelu(x, "tanh"), lambda F: lambda x: F.gelu(x, approximate="tanh"),
            [wide], backward, wide[0],
        ),
        f"gelu-exact-{way}": _layer(
            f"GELU (erf) of {wide[0]} x {wide[1]}",
            lambda F: lambda x: F.gelu(x), lambda F: lambda x: F.gelu(x), [wide], backward, wide[0],
        ),
    }  # fmt: skip


# ---- a GPT -----------------------------------------------------------------------------------------------------------


def _tokens(length: int) -> tuple[np.ndarray, np.ndarray]:
    ids = np.random.default_rng(0).integers(0, VOCAB, size=(BATCH, length + 1))
    return ids[:, :-1], ids[:, 1:]


def _gpt(length: int) -> Case:
    """One training step: forward, cross entropy, backward, AdamW. A call does BATCH * length tokens."""

    def ours() -> Prepared:
        import tinytorch as tt
        from tinytorch import nn, optim
        from tinytorch.core.transformers import next_token_loss

        _prepare_ours()
        tt.manual_seed(0)
        model = nn.GPT(VOCAB, WIDTH, LAYERS, HEADS, length)
        optimizer = optim.AdamW(model.parameters(), lr=1e-3)
        inputs, targets = _tokens(length)
        return Prepared(_update(model, optimizer, lambda y: next_token_loss(y, targets), inputs), BATCH * length)

    def theirs(best: bool) -> Prepared:
        import torch

        torch.manual_seed(0)
        model = _torch_gpt(length)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, **({"fused": True} if best else {}))
        inputs, targets = (torch.tensor(a) for a in _tokens(length))
        entropy = torch.nn.functional.cross_entropy
        loss = lambda y: entropy(y.reshape(-1, VOCAB), targets.reshape(-1))  # noqa: E731
        return Prepared(_update(model, optimizer, loss, inputs), BATCH * length)

    title = f"GPT step: {LAYERS} layers, width {WIDTH}, {HEADS} heads, T = {length}, batch {BATCH}, AdamW"
    return Case(title, ours, theirs, True, 0.95, 0.95, flops=_flops(length))


def _update(model: Any, optimizer: Any, loss_fn: Callable[[Any], Any], inputs: Any) -> Any:
    """The step of either side."""

    def step() -> None:
        loss = loss_fn(model(inputs))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def _torch_gpt(length: int) -> Any:
    """The same network as ours in PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x: Any) -> Any:
            split = (*x.shape[:2], HEADS, WIDTH // HEADS)
            q, k, v = (part.view(split).transpose(1, 2) for part in self.qkv(self.ln1(x)).split(WIDTH, dim=-1))
            heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(heads.transpose(1, 2).reshape(x.shape))
            return x + self.narrow(F.gelu(self.wide(self.ln2(x)), approximate="tanh"))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(VOCAB, WIDTH)
            self.places = nn.Parameter(0.02 * torch.randn(length, WIDTH))
            self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
            self.last = nn.LayerNorm(WIDTH)
            nn.init.normal_(self.tokens.weight, std=0.02)

        def forward(self, ids: Any) -> Any:
            return self.last(self.blocks(self.tokens(ids) + self.places)) @ self.tokens.weight.T

    return Model()


def _flops(length: int) -> int:
    """Additions and multiplications of all matrix products of a step; of attention's half, for it is causal."""
    weights = LAYERS * 12 * WIDTH**2 + VOCAB * WIDTH
    return 6 * BATCH * length * weights + LAYERS * 6 * BATCH * length * length * WIDTH


# ---- byte-pair encoding ----------------------------------------------------------------------------------------------


def _corpus(size: int = 1_000_000) -> str:
    """So many characters of words with a distribution like that of a language: few are frequent, most are rare."""
    rng = np.random.default_rng(0)
    letters, weights = np.array(list("etaoinshrdlcumwfgypbvk")), 1 / np.arange(2.0, 24.0)
    lengths = rng.poisson(4.5, size=20_000) + 1
    words = ["".join(rng.choice(letters, size=n, p=weights / weights.sum())) for n in lengths]
    ranks = np.minimum(rng.zipf(1.3, size=size // 3), len(words)) - 1
    return " ".join([words[i] for i in ranks])[:size]


def _bpe(encoding: bool) -> Case:
    """Training on a million characters, or encoding them with a tokenizer that has not seen a text since training."""

    def ours() -> Prepared:
        from tinytorch.data import BPETokenizer

        text, tokenizer = _corpus(), BPETokenizer(256 + MERGES)
        if not encoding:
            return Prepared(lambda: tokenizer.train(text), len(text))
        tokenizer.train(text)
        state = tokenizer.state()
        return Prepared(lambda: BPETokenizer.from_state(state).encode(text), len(text))

    def theirs(best: bool) -> Prepared:
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers

        text, alphabet = _corpus(), pre_tokenizers.ByteLevel.alphabet()

        def train() -> Any:
            tokenizer = Tokenizer(models.BPE())
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            trainer = trainers.BpeTrainer(vocab_size=256 + MERGES, initial_alphabet=alphabet, show_progress=False)
            tokenizer.train_from_iterator([text], trainer)
            return tokenizer

        if not encoding:
            return Prepared(train, len(text))
        state = train().to_str()
        return Prepared(lambda: Tokenizer.from_str(state).encode(text).ids, len(text))

    done = "encoding 1 MB" if encoding else "training on 1 MB"
    return Case(f"byte-pair encoding, {MERGES} merges: {done}", ours, theirs, rounds=7, needs="tokenizers")


LANGUAGE: dict[str, Case] = {
    **_layers(False),
    **_layers(True),
    "gpt-64": _gpt(64),
    "gpt-128": _gpt(128),
    "bpe-train": _bpe(False),
    "bpe-encode": _bpe(True),
}
