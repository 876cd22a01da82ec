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
# # Lab 12: who looks where, and what it costs
#
# A score between every two positions, a softmax over each row, a weighted mean. This lab looks at the scale that keeps
# the softmax awake, watches which tokens an output can know of, trains one layer until its weights can be read like a
# picture, and measures what n² means for memory and time, and what tiles make of it. Write
# `tinytorch/core/attention.py` first; `tito check` tells how far you are. After you change that file, restart the
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
from tinytorch.core.attention import MultiHeadAttention, attention, scaled_dot_product_attention, tiled_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Linear, Module, Parameter
from tinytorch.core.losses import cross_entropy
from tinytorch.core.tensor import Tensor, manual_seed, randn

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
manual_seed(12)
rng = np.random.default_rng(12)
BLUE, RED, GREEN, GREY = "#31688e", "#d1495b", "#35b779", "0.6"

# %% [markdown]
# ## 1. The scale
#
# Queries and keys of D independent numbers of variance 1. Their product is a sum of D terms. Softmax turns 64 such
# scores into weights; the entropy of the weights, as a power of 2, says over how many keys a query really spreads.
#
# The slope of softmax is `p (1 - p)` on its diagonal: what comes through to the scores on the way back.
#
# **Predict:** without a scale, how many keys does a query look at for D = 256? With 1/√D? With 1/D? And which of them
# lets gradients through?

# %%
KEYS = 64
sizes = 2 ** np.arange(1, 11)
scales = {"1": lambda d: 1.0, "1/√D": lambda d: d**-0.5, "1/D": lambda d: 1 / d}
spread, slope = {}, {}
for name, scale in scales.items():
    spread[name], slope[name] = [], []
    for d in sizes:
        q, k = randn(200, int(d)), randn(KEYS, int(d))
        p = scaled_dot_product_attention(q, k, k, scale=scale(d))[1].numpy().astype("float64")
        entropy = -(p * np.log2(np.maximum(p, 1e-300))).sum(axis=-1)
        spread[name].append(2 ** entropy.mean())
        slope[name].append((p * (1 - p)).sum(axis=-1).mean())
    print(f"scale {name:5} D = 256: {spread[name][7]:5.1f} keys, slope {slope[name][7]:.3f}")


# %%
def draw_spread(ax):
    for (name, line), colour in zip(spread.items(), (RED, BLUE, GREY), strict=True):
        ax.semilogx(sizes, line, "o-", color=colour, markersize=3, label=f"scale {name}", base=2)
    ax.set(xlabel="features D", ylabel="keys looked at", title="Softmax under three scales", ylim=(0, KEYS + 2))
    ax.legend(frameon=False, fontsize=8)


def draw_slope(ax):
    for (name, line), colour in zip(slope.items(), (RED, BLUE, GREY), strict=True):
        ax.semilogx(sizes, line, "o-", color=colour, markersize=3, label=f"scale {name}", base=2)
    ax.set(xlabel="features D", ylabel="sum of p (1 - p)", title="What softmax lets through", ylim=(0, 1.05))


fig, axes = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
draw_spread(axes[0])
draw_slope(axes[1])
plt.show()

# %% [markdown]
# ## 2. Which tokens an output knows of
#
# The matrix below says how much output i moves when token t becomes another one: measured, not read off the mask. A
# causal layer must be exactly 0 above the diagonal.
#
# **Predict:** what does the picture look like for a window of three tokens? For a sequence that ends in four tokens of
# padding? For a triangle that reaches one place too far?

# %%
LENGTH = 16
layer = MultiHeadAttention(32, 4)
tokens = randn(LENGTH, 32).numpy()


def influence(mask):
    """How far output i moves (rows) when token t is replaced (columns)."""
    moved = np.zeros((LENGTH, LENGTH))
    with no_grad():
        before = layer(Tensor(tokens), mask).numpy()
        for t in range(LENGTH):
            other = tokens.copy()
            other[t] = rng.normal(size=32)
            moved[:, t] = np.abs(layer(Tensor(other), mask).numpy() - before).max(axis=-1)
    return moved


triangle = np.tri(LENGTH, dtype=bool)
masks = {
    "no mask": None,
    "causal": triangle,
    "one place too far": np.tri(LENGTH, k=1, dtype=bool),
    "window of 3": triangle & ~np.tri(LENGTH, k=-3, dtype=bool),
    "padding at the end": np.arange(LENGTH)[None, :] < LENGTH - 4,
}
pictures = {name: influence(mask) for name, mask in masks.items()}
future = np.triu(np.ones((LENGTH, LENGTH), bool), 1)
for name, picture in pictures.items():
    print(f"{name:19}: {int((picture[future] > 0).sum()):3} of {future.sum()} pairs look ahead")


# %%
def draw_influence(ax, name):
    ax.imshow(np.ma.masked_equal(pictures[name], 0), cmap="viridis", norm="log", vmin=1e-3, vmax=1)
    ax.set_facecolor("0.93")
    ax.set(title=name, xlabel="token changed", xticks=[0, LENGTH - 1], yticks=[0, LENGTH - 1])


fig, axes = plt.subplots(1, 5, figsize=(11, 2.6), layout="constrained")
for ax, name in zip(axes, pictures, strict=True):
    draw_influence(ax, name)
axes[0].set_ylabel("output")
fig.suptitle("How far each output moves with each token; grey: not in the last bit", fontsize=9)
plt.show()

# %% [markdown]
# With padding the last rows still look at the first twelve tokens, which does no harm, and nobody looks at them. A mask
# that hides whole rows as well would give rows of zeros.
#
# ## 3. Weights that can be read
#
# One layer with one head learns three tasks on sequences of 16 tokens out of 10. Each position has to name
#
# - *previous*: the token before it (the first one names itself), under a causal mask;
# - *mirror*: the token at the other end, 15 - i;
# - *marked*: the one token of the sequence that carries a mark, wherever it is.
#
# Two of them are about places, one about contents. What the layer is told: which token, whether it is marked, and a
# learned vector for its place.
#
# **Predict:** draw the three matrices of weights. Which one will differ from sequence to sequence? And, as before every
# training: what is the loss of the first step, with ten tokens to choose from?

# %%
T, VOCABULARY, WIDTH = 16, 10, 32


class Reader(Module):
    """Tokens with places, one layer of attention, a guess for each position."""

    def __init__(self):
        self.look_up = Linear(VOCABULARY + 1, WIDTH)
        self.places = Parameter(0.5 * rng.normal(size=(T, WIDTH)))
        self.attention = MultiHeadAttention(WIDTH, 1)
        self.name = Linear(WIDTH, VOCABULARY)

    def forward(self, x, is_causal):
        return self.name(self.attention(self.look_up(x) + self.places, is_causal=is_causal))

    def weights(self, x, is_causal):
        """(batch, T, T)"""
        q, k, v = self.attention.project(self.look_up(x) + self.places)
        return scaled_dot_product_attention(q, k, v, is_causal=is_causal)[1].numpy()[:, 0]


def sequences(task, count):
    """One-hot tokens with a column for the mark (count, T, 11), and what to name at each position."""
    numbers, marked = rng.integers(0, VOCABULARY, (count, T)), rng.integers(0, T, count)
    x = np.zeros((count, T, VOCABULARY + 1), "float32")
    x[np.arange(count)[:, None], np.arange(T), numbers] = 1
    x[np.arange(count), marked, -1] = 1
    if task == "previous":
        return Tensor(x), numbers[:, np.maximum(np.arange(T) - 1, 0)]
    if task == "mirror":
        return Tensor(x), numbers[:, ::-1]
    return Tensor(x), np.repeat(numbers[np.arange(count), marked][:, None], T, axis=1)


def train(task, steps=100, lr=0.01):
    """Adam by hand: assignment 6 does it better. Returns, step by step, the share of right names and the weights on
    two sequences that stay the same."""
    model, right, seen, losses = Reader(), [], [], []
    shown, _ = sequences(task, 2)
    moments = [[np.zeros_like(p.data), np.zeros_like(p.data)] for p in model.parameters()]
    for step in range(1, steps + 1):
        x, names = sequences(task, 32)
        logits = model(x, task == "previous")
        model.zero_grad()
        loss = cross_entropy(logits.reshape(-1, VOCABULARY), names.reshape(-1))
        loss.backward()
        losses.append(loss.item())
        for p, (m, s) in zip(model.parameters(), moments, strict=True):
            m += 0.1 * (p.grad - m)
            s += 0.01 * (p.grad**2 - s)
            p.data -= lr * (m / (1 - 0.9**step)) / (np.sqrt(s / (1 - 0.99**step)) + 1e-8)
        right.append(float((logits.numpy().argmax(-1) == names).mean()))
        seen.append(model.weights(shown, task == "previous"))
    print(f"{task:9}: the first loss is {losses[0]:.2f}; ln {VOCABULARY} = {np.log(VOCABULARY):.2f}")
    return right, seen


learned = {}
for task in ("previous", "mirror", "marked"):
    start = time.perf_counter()
    right, seen = learned[task] = train(task)
    print(f"{task:9}: {np.mean(right[-10:]):.0%} right after {len(right)} steps, {time.perf_counter() - start:.1f} s")


# %%
def draw_map(ax, task, step=-1, which=0):
    ax.imshow(learned[task][1][step][which], cmap="magma", vmin=0, vmax=1)
    ax.set(title=task if step < 0 else f"step {step + 1}", xticks=[0, T - 1], yticks=[0, T - 1])


def draw_learning(ax):
    for (task, (right, _)), colour in zip(learned.items(), (BLUE, RED, GREEN), strict=True):
        ax.plot(range(1, len(right) + 1), right, color=colour, label=task, linewidth=1.2)
    ax.axhline(1 / VOCABULARY, color=GREY, linewidth=1, linestyle="--")
    ax.set(xlabel="step", ylabel="named right", title="Learning to look", ylim=(0, 1.02))
    ax.legend(frameon=False, fontsize=8)


shown_steps = [0, 9, 19, 29, 39, 99]
fig, axes = plt.subplots(3, 7, figsize=(11, 5), layout="constrained")
for row, task in zip(axes, learned, strict=True):
    for ax, step in zip(row, shown_steps, strict=False):
        draw_map(ax, task, step)
    draw_map(row[-1], task, which=1)
    row[-1].set_title("another one")
    row[0].set_ylabel(f"{task}\nposition")
for ax in axes[-1]:
    ax.set_xlabel("looked at")
plt.show()

# %% [markdown]
# ## 4. n²
#
# Memory by `tracemalloc`, time by the processor's clock, for the plain op and for tiles of 128 keys, one head of 32
# features, on the way forward and back.
#
# **Predict:** by which factor do memory and time grow when n doubles, plain and tiled? Tiles compute exactly as many
# scores. Will they be slower?

# %%
lengths = [64, 128, 256, 512, 1024, 2048, 4096]
FORMS = {"plain": attention, "tiled": tiled_attention}


def cost(form, n):
    """MB at the peak and milliseconds (the best of a few), forward and backward together."""
    q, k, v = (randn(n, 32, requires_grad=True) for _ in range(3))
    g = np.ones((n, 32), "float32")
    tracemalloc.start()
    FORMS[form](q, k, v).backward(g)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    times = []
    for _ in range(3 if n > 1000 else 10):
        start = time.process_time()
        FORMS[form](q, k, v).backward(g)
        times.append(time.process_time() - start)
    return peak, 1e3 * min(times)


costs = {form: np.array([cost(form, n) for n in lengths]) for form in FORMS}
for i, n in enumerate(lengths):
    plain, tiled = costs["plain"][i], costs["tiled"][i]
    print(
        f"n = {n:4}: plain {plain[0]:7.2f} MB {plain[1]:7.1f} ms,  tiled {tiled[0]:5.2f} MB {tiled[1]:7.1f} ms,"
        f"  memory {plain[0] / tiled[0]:5.1f} times less"
    )


# %%
def draw_costs(ax, column, unit, title):
    for (form, found), colour in zip(costs.items(), (RED, BLUE), strict=True):
        ax.loglog(lengths, found[:, column], "o-", color=colour, markersize=3, label=form)
    for power, form in ((2, "plain"), (1, "tiled")):
        if column == 0 or power == 2:
            last = costs[form][-1, column]
            guide = [last * (n / lengths[-1]) ** power for n in lengths[2:]]
            ax.loglog(lengths[2:], guide, "--", color=GREY, linewidth=1)
            above, name = (1.5, "n²") if power == 2 else (0.35, "n")
            ax.text(lengths[4], above * guide[2], name, color="0.4", fontsize=8, ha="right")
    ax.set(xlabel="length n", ylabel=unit, title=title)
    ax.set_xticks(lengths, [str(n) for n in lengths], fontsize=7)
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize=8)


fig, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
draw_costs(axes[0], 0, "MB at the peak", "Memory")
draw_costs(axes[1], 1, "ms, forward and back", "Time")
plt.show()

# %% [markdown]
# ## 5. One page
#
# What a softmax sees, what a mask hides, what a layer learned, and what it costs. This figure belongs into your
# reflection.

# %%
fig, axes = plt.subplots(3, 3, figsize=(10, 8.6), layout="constrained")
draw_spread(axes[0, 0])
draw_slope(axes[0, 1])
draw_learning(axes[0, 2])
for ax, task in zip(axes[1], learned, strict=True):
    draw_map(ax, task)
    ax.set_xlabel("looked at")
axes[1, 0].set_ylabel("position")
draw_influence(axes[2, 0], "causal")
axes[2, 0].set(title="causal: what moves an output", ylabel="output")
draw_costs(axes[2, 1], 0, "MB at the peak", "Memory")
draw_costs(axes[2, 2], 1, "ms, forward and back", "Time")
plt.show()
