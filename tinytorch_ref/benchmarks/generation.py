"""Text generation: one model of the same size on both sides, 255 tokens from a prompt of one, with and without a cache.

PyTorch's side is a loop as a user writes it: the layers of our GPT in `torch.nn`, keys and values of earlier positions
joined with `torch.cat`, softmax and `torch.multinomial`. At its best it has one projection for queries, keys and
values, a cache whose arrays are made once, and inference mode. Our side runs with the fast kernels, among them the one
of the decoder (`tinytorch.kernels.decoding`). Run as a program, this file compares our own ways:

    python generation.py [TOKENS]      tokens/s without the cache, with it, and with its kernel; are the tokens equal?
                                       (CPU time, one thread)
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

from case import Case, Prepared

TOKENS = 255
SIZES = {"vocab_size": 65, "embed_dim": 128, "num_layers": 4, "num_heads": 4, "max_seq_len": 512}


def our_model() -> Any:
    """Our GPT, from a fixed seed, in evaluation mode, with the fast kernels."""
    import tinytorch as tt
    from tinytorch import kernels, nn

    kernels.keep_memory()
    kernels.install()
    tt.manual_seed(0)
    return nn.GPT(**SIZES).eval()


def torch_block(fused: bool) -> Any:
    """One pre-norm block as a torch module: (x, cache, start) -> (x, cache)."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    dim, heads, room = SIZES["embed_dim"], SIZES["num_heads"], SIZES["max_seq_len"]

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
            self.maps = nn.ModuleList([nn.Linear(dim, 3 * dim)] if fused else [nn.Linear(dim, dim) for _ in range(3)])
            self.out = nn.Linear(dim, dim)
            self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(approximate="tanh"), nn.Linear(4 * dim, dim))

        def forward(self, x: Any, cache: Any, start: int) -> tuple[Any, Any]:
            batch, length, _ = x.shape
            h = self.ln1(x)
            projected = self.maps[0](h).split(dim, dim=2) if fused else [m(h) for m in self.maps]
            q, k, v = (t.view(batch, length, heads, dim // heads).transpose(1, 2) for t in projected)
            if fused:  # arrays made once
                if cache is None:
                    cache = torch.zeros(2, batch, heads, room, dim // heads)
                cache[0, :, :, start : start + length], cache[1, :, :, start : start + length] = k, v
                k, v = cache[0, :, :, : start + length], cache[1, :, :, : start + length]
            else:
                if cache is not None:
                    k, v = torch.cat([cache[0], k], dim=2), torch.cat([cache[1], v], dim=2)
                cache = (k, v)
            found = F.scaled_dot_product_attention(q, k, v, is_causal=length > 1)
            x = x + self.out(found.transpose(1, 2).reshape(batch, length, dim))
            return x + self.mlp(self.ln2(x)), cache

    return Block()


def torch_writer(fused: bool, cached: bool) -> Any:
    """A function that writes TOKENS tokens with PyTorch."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    blocks = nn.ModuleList([torch_block(fused) for _ in range(SIZES["num_layers"])]).eval()
    token, place = (nn.Embedding(SIZES[n], SIZES["embed_dim"]) for n in ("vocab_size", "max_seq_len"))
    norm, head = nn.LayerNorm(SIZES["embed_dim"]), nn.Linear(SIZES["embed_dim"], SIZES["vocab_size"], bias=False)

    def write() -> object:
        with torch.inference_mode() if fused else torch.no_grad():
            ids, caches = torch.zeros(1, 1, dtype=torch.long), [None] * len(blocks)
            for _ in range(TOKENS):
                start = ids.shape[1] - 1 if cached else 0
                x = token(ids[:, start:]) + place(torch.arange(start, ids.shape[1]))
                for i, block in enumerate(blocks):
                    x, cache = block(x, caches[i], start)
                    caches[i] = cache if cached else None
                chances = torch.softmax(head(norm(x[:, -1])), dim=-1)
                ids = torch.cat([ids, torch.multinomial(chances, 1)], dim=1)
            return ids

    return write


def _generation(cached: bool) -> Case:
    """A text of 255 tokens from a prompt of one token."""

    def ours() -> Prepared:
        from tinytorch.perf.memoization import enable_kv_cache

        model = our_model()
        if cached:
            enable_kv_cache(model)
        return Prepared(lambda: model.generate([[0]], TOKENS, seed=0), TOKENS)

    def theirs(best: bool) -> Prepared:
        return Prepared(torch_writer(best, cached), TOKENS)

    title = f"GPT 4 layers, width 128: {TOKENS} tokens written {'with' if cached else 'without'} a cache"
    return Case(title, ours, theirs, has_best=cached, goal=3.0 if cached else None, rounds=15 if cached else 5)


GENERATION: dict[str, Case] = {"generation": _generation(True), "generation-uncached": _generation(False)}


def main(tokens: int) -> None:
    """Print what the cache and its kernel bring us: CPU time, the same tokens."""
    from tinytorch.dispatch import use_kernels
    from tinytorch.perf.memoization import enable_kv_cache

    model, written, rates = our_model(), [], []
    for way, fast in (("without a cache", True), ("with a cache, kernels off", False), ("with a cache", True)):
        use_kernels(fast)
        if rates:
            enable_kv_cache(model)
        started = time.process_time()
        written.append(model.generate([[0]], tokens, seed=0).data)
        rates.append(tokens / (time.process_time() - started))
        equal = (written[0] == written[-1]).all()
        print(f"{way:26} {rates[-1]:7.0f} tokens/s, {rates[-1] / rates[0]:5.1f} times, equal tokens: {equal}")


if __name__ == "__main__":
    # A second thread of the matrix products would count as CPU time while it waits. They count threads when imported.
    one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    if not one.items() <= os.environ.items():
        sys.exit(subprocess.call([sys.executable, *sys.argv], env={**os.environ, **one}))
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SIZES["max_seq_len"])
