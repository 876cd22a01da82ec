# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lab 17: computing nothing twice
#
# A model that writes reads its whole text again for every token. This lab counts how much of that is repetition, takes
# it away, and looks at what is left: time per token with and without a cache, what Python costs when the arithmetic is
# small, what a cache costs in memory, and what happens to a text whose cache is wrong. Write
# `tinytorch/perf/memoization.py` first; `tito check` tells how far you are. After you change that file, restart the
# kernel and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import time
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
from tinytorch.core.tensor import manual_seed
from tinytorch.core.transformers import GPT, probabilities_of
from tinytorch.dispatch import add_observer, remove_observer
from tinytorch.perf.memoization import CachedDecoder, KVCache, disable_kv_cache, enable_kv_cache

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
manual_seed(17)
rng = np.random.default_rng(17)
BLUE, RED, GREEN, GREY = "#31688e", "#d1495b", "#35b779", "0.6"
SETTINGS = {"vocab_size": 65, "embed_dim": 128, "num_layers": 4, "num_heads": 4, "max_seq_len": 512}
model = GPT(**SETTINGS).eval()
text = rng.integers(0, 65, size=(1, 700))

# %% [markdown]
# ## 1. Counting
#
# An observer of the ops sees how many rows go through every linear map. Divided by the maps of the model that is the
# number of positions computed.
#
# **Predict:** how many positions go through the layers when a text of 96 tokens is written from a prompt of 4, without
# a cache and with one? Write down the formula, too.

# %%
MAPS = 6 * SETTINGS["num_layers"]


def positions_computed(tokens, prompt=4):
    """How many positions go through the layers for each token that is written."""
    rows = []

    def note(op, inputs, attributes, output, seconds):
        if op.name == "linear" and output.shape[-1] != SETTINGS["vocab_size"]:
            rows.append(output.size // output.shape[-1])

    counts = []
    add_observer(note)
    for length in range(prompt, tokens):
        rows.clear()
        (model.decoder or model.next_logits)(text[:, :length])
        counts.append(sum(rows) / MAPS)
    remove_observer(note)
    return np.array(counts)


TOKENS = 100
without = positions_computed(TOKENS)
enable_kv_cache(model)
with_cache = positions_computed(TOKENS)
print(f"without a cache {without.sum():.0f} positions, with one {with_cache.sum():.0f}")
print(f"hit rate {model.decoder.hit_rate:.1%}: so much of the work was repetition")


# %%
def draw_counts(ax):
    steps = np.arange(len(without))
    ax.fill_between(steps, np.cumsum(without), color=RED, alpha=0.25)
    ax.plot(steps, np.cumsum(without), color=RED, label="no cache")
    ax.plot(steps, np.cumsum(with_cache), color=BLUE, label="cache")
    ax.set(xlabel="tokens written", ylabel="positions computed, in all", title="Recomputation, counted", yscale="log")
    ax.legend(frameon=False, fontsize=8)


fig, ax = plt.subplots(figsize=(4.5, 2.9), layout="constrained")
draw_counts(ax)
plt.show()

# %% [markdown]
# ## 2. Tokens per second
#
# Three ways to the same logits: no cache; a cache whose new token goes through the layers as tensors (`extend`); a
# cache whose new token is a row of NumPy numbers (`step`). Each is timed for single tokens at growing places.
#
# **Predict:** how many times faster is a cached token at 32, at 512? And how much of a cached token's time is
# arithmetic? (A token takes 2 FLOPs for each of 0.8 million weights; this machine makes tens of GFLOPs a second.)


# %%
class ThroughLayers(CachedDecoder):
    """A decoder that never takes the short way."""

    def step(self, tokens):
        return self.extend(tokens[:, None])


def cached_decoder(kind):
    cache = enable_kv_cache(model)
    return kind(model, cache)


def milliseconds(decoder, length, repeats=9):
    """CPU time of one token at this place in the text: the median. The prompt before it is not counted."""
    times = []
    for i in range(repeats):
        ids = text[:, : length + i]
        if decoder is not None:
            decoder(ids[:, :-1])
        start = time.process_time_ns()
        (decoder or model.next_logits)(ids)
        times.append((time.process_time_ns() - start) / 1e6)
    return float(np.median(times))


lengths = [8, 16, 32, 64, 128, 256, 384, 480]
ways = {"no cache": None, "cache, layers": cached_decoder(ThroughLayers), "cache, step": cached_decoder(CachedDecoder)}
per_token = {name: [milliseconds(way, n, 3 if way is None else 15) for n in lengths] for name, way in ways.items()}
disable_kv_cache(model)
for name, found in per_token.items():
    print(f"{name:14}", "  ".join(f"{n}: {1e3 / ms:6.0f}/s" for n, ms in zip(lengths, found, strict=True)))
print(f"at 480 tokens: {per_token['no cache'][-1] / per_token['cache, step'][-1]:.0f} times faster")

# %%
COLOURS = {"no cache": RED, "cache, layers": GREEN, "cache, step": BLUE}


def draw_rates(ax):
    for name, found in per_token.items():
        ax.loglog(lengths, 1e3 / np.array(found), "o-", color=COLOURS[name], markersize=3, label=name)
    ax.set(xlabel="place in the text", ylabel="tokens per second", title="Speed of one more token")
    ax.set_xticks(lengths[::2], [str(n) for n in lengths[::2]])
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize=8)


def draw_speedup(ax):
    whole = np.array(per_token["no cache"])
    for name in ("cache, layers", "cache, step"):
        ax.plot(lengths, whole / per_token[name], "o-", color=COLOURS[name], markersize=3, label=name)
    ax.axhline(1, color=GREY, linewidth=1, linestyle="--")
    ax.set(xlabel="place in the text", ylabel="times faster", title="What the cache brings")
    ax.legend(frameon=False, fontsize=8)


fig, axes = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
draw_rates(axes[0])
draw_speedup(axes[1])
plt.show()

# %% [markdown]
# A whole text, to be sure that it is the same one:

# %%
written, seconds = {}, {}
for name in ("no cache", "cache"):
    if name == "cache":
        enable_kv_cache(model)
    start = time.process_time()
    written[name] = model.generate(text[:, :4], 251, seed=1).data
    seconds[name] = time.process_time() - start
    print(f"{name:9} {251 / seconds[name]:6.0f} tokens/s")
print(f"equal tokens: {(written['no cache'] == written['cache']).all()}, {seconds['no cache'] / seconds['cache']:.1f}x")
disable_kv_cache(model)

# %% [markdown]
# ## 3. What it costs
#
# Two arrays a layer, a number for every feature of every position of every sequence.
#
# **Predict:** how many bytes does one token take in this model? In one of 32 layers, 32 heads of 128 features and
# numbers of 2 bytes? How many tokens of that fit beside the model into 24 GB, if the weights take 14 GB?

# %%
PUBLISHED = {  # layers, heads with keys of their own, features a head, positions, bytes a number
    "this lab": (4, 4, 32, 512, 4),
    "GPT-2": (12, 12, 64, 1024, 2),
    "GPT-2 XL": (48, 25, 64, 1024, 2),
    "7 B, 32 heads": (32, 32, 128, 4096, 2),
    "same, 8 key heads": (32, 8, 128, 4096, 2),
}
for name, (layers, heads, size, positions, width) in PUBLISHED.items():
    token = 2 * layers * heads * size * width
    print(f"{name:18} {token / 1024:7.1f} KB a token, {token * positions / 2**20:8.1f} MB for {positions} positions")

cache = KVCache(8, 512, 4, 4, 32)
assert cache.nbytes == 8 * 512 * 2 * 4 * 4 * 32 * 4

# %% [markdown]
# The arrays are made once. What if they grew by joining instead? Bytes that a text of n tokens copies into new arrays:


# %%
def copied(n, features=128, layers=4):
    """Bytes copied while a text grows to n positions, if each one joins old and new: keys and values of all layers."""
    return 2 * layers * features * 4 * n * (n + 1) // 2


def appended_ms(n, joined):
    """CPU milliseconds for the memory alone of a text of n tokens, one layer."""
    key = np.zeros((1, 4, 1, 32), np.float32)
    start = time.process_time()
    if joined:
        keys = values = key
        for _ in range(n):
            keys, values = np.concatenate([keys, key], axis=2), np.concatenate([values, key], axis=2)
    else:
        cache = KVCache(1, n, 1, 4, 32)
        for _ in range(n):
            cache.append(0, key, key)
            cache.advance()
    return 1e3 * (time.process_time() - start)


grown = [64, 128, 256, 512, 1024, 2048]
growth = {joined: [appended_ms(n, joined) for n in grown] for joined in (True, False)}
print(f"4,096 tokens, joined: {copied(4096) / 1e9:.0f} GB copied in four layers")
for joined, found in growth.items():
    print("joined each time" if joined else "made once       ", [round(ms, 1) for ms in found], "ms")


# %%
def draw_memory(ax):
    batches = (1, 8, 64)
    positions = np.array([64, 256, 1024, 4096])
    for batch, colour in zip(batches, (BLUE, GREEN, RED), strict=True):
        ax.loglog(positions, [KVCache(batch, int(n), 4, 4, 32).nbytes / 2**20 for n in positions], "o-", color=colour)
        ax.text(5200, batch * 4 * 4096 / 2**10, f"batch {batch}", color=colour, fontsize=8, va="center")
    weights = 4 * model.num_parameters() / 2**20
    ax.axhline(weights, color=GREY, linestyle="--", linewidth=1)
    ax.text(64, 1.2 * weights, "weights", color="0.4", fontsize=8)
    ax.set(xlabel="positions", ylabel="MB", title="Memory of the cache", xlim=(50, 22000))


def draw_growth(ax):
    for joined, colour, label in ((True, RED, "joined each time"), (False, BLUE, "made once")):
        ax.loglog(grown, growth[joined], "o-", color=colour, markersize=3, label=label)
    ax.set(xlabel="tokens", ylabel="ms for all of them", title="Growing a cache, one layer")
    ax.legend(frameon=False, fontsize=8)


fig, axes = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
draw_memory(axes[0])
draw_growth(axes[1])
plt.show()

# %% [markdown]
# Room that is not used costs nothing as long as nobody writes there: `np.zeros` is a promise of the system. A cache of
# 64 sequences and 4,096 positions was made just now, 1 GB of it, without any page of memory behind it.

# %%
tracemalloc.start()
big = KVCache(64, 4096, 4, 4, 32)
promised = tracemalloc.get_traced_memory()[1] / 2**20
tracemalloc.stop()
start = time.process_time()
big.keys[0, 0] = 1
print(
    f"{promised:.0f} MB promised; writing the first {big.keys[0, 0].nbytes / 2**20:.0f} MB took"
    f" {1e3 * (time.process_time() - start):.1f} ms"
)
del big

# %% [markdown]
# ## 4. When the window is full
#
# A small window of 64, and a text that goes on beyond it. From then on every token moves to another place for each new
# one, and an honest cache has nothing to offer. One could keep the old keys all the same.
#
# **Predict:** draw the time of each token from 1 to 100. And draw how far the model's probabilities are off if the old
# keys are kept: a little, or completely? At once, or more and more?

# %%
WINDOW = 64
small = GPT(**{**SETTINGS, "max_seq_len": WINDOW}).eval()
for p in small.parameters():  # as large as trained weights are: a fresh model hardly looks at its positions
    p.data *= 3 if p.ndim == 2 else 1


class KeepsOldKeys(CachedDecoder):
    """Beyond the window: forget the first position, move the others one place forward, computed as they were."""

    def known(self, window):
        cache, length = self.cache, window.shape[1]
        if cache.seq_pos == length == cache.max_seq_len and not np.array_equal(self.tokens, window):
            for array in (cache.keys, cache.values):
                array[..., :-1, :] = array[..., 1:, :].copy()
            return length - 1
        return super().known(window)


def followed(decoder):
    """Milliseconds of each token, and how far its probabilities are from the model's (total variation, 0 to 1)."""
    times, off = [], []
    for n in range(1, 101):
        start = time.process_time_ns()
        logits = decoder(text[:, :n])
        times.append((time.process_time_ns() - start) / 1e6)
        right = probabilities_of(small.next_logits(text[:, :n]))
        off.append(np.abs(probabilities_of(logits) - right).sum() / 2)
    return times, off


exact = followed(CachedDecoder(small, enable_kv_cache(small)))
kept = followed(KeepsOldKeys(small, enable_kv_cache(small)))
disable_kv_cache(small)
print(
    f"exact: off by {max(exact[1]):.0e} at most; {np.median(exact[0][:60]):.2f} ms a token, then"
    f" {np.median(exact[0][70:]):.1f} ms"
)
print(f"old keys kept: off by {np.mean(kept[1][70:]):.2f} on average; {np.median(kept[0][70:]):.2f} ms a token")


# %%
def draw_window(axes):
    for (times, off), colour, label in ((exact, BLUE, "exact"), (kept, RED, "old keys kept")):
        axes[0].semilogy(range(1, 101), times, color=colour, linewidth=1, label=label)
        axes[1].plot(range(1, 101), off, color=colour, linewidth=1.2, label=label)
    for ax in axes:
        ax.axvline(WINDOW, color=GREY, linestyle="--", linewidth=1)
        ax.set(xlabel="token")
        ax.legend(frameon=False, fontsize=8)
    axes[0].set(ylabel="ms", title="Time beyond the window")
    axes[0].set_yticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
    axes[0].minorticks_off()
    axes[1].set(ylabel="probability misplaced", title="What wrong keys do", ylim=(0, None))


fig, axes = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
draw_window(axes)
plt.show()

# %% [markdown]
# Models that write long texts get positions that do not move with the window (rotations, assignment 11), so that old
# keys may stay. With learned positions there is only one way to have the model's own answer.
#
# ## 5. Taking turns
#
# Two texts share one cache. Each finds the other's keys.
#
# **Predict:** the hit rate of two texts written by turns; of the same two as the rows of one batch.

# %%
prompts = [text[:, 100:120], text[:, 200:220]]
enable_kv_cache(model)
streams = [model.stream(prompt, 60, temperature=0) for prompt in prompts]
start = time.process_time()
for _ in range(60):
    for stream in streams:
        next(stream)
turns = time.process_time() - start
by_turns = model.decoder.hit_rate
enable_kv_cache(model)
start = time.process_time()
model.generate(np.concatenate(prompts), 60, temperature=0)
batched = time.process_time() - start
print(f"by turns: hit rate {by_turns:.1%}, {120 / turns:.0f} tokens/s")
print(f"as a batch: hit rate {model.decoder.hit_rate:.1%}, {120 / batched:.0f} tokens/s")
disable_kv_cache(model)

# %% [markdown]
# ## 6. One page
#
# What was repeated, what it brings not to repeat it, what it costs, and where it ends. This figure belongs into your
# reflection.

# %%
fig, axes = plt.subplots(2, 3, figsize=(11, 5.6), layout="constrained")
draw_counts(axes[0, 0])
draw_rates(axes[0, 1])
draw_speedup(axes[0, 2])
draw_memory(axes[1, 0])
draw_window(axes[1, 1:])
plt.show()
