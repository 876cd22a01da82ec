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
# # Lab 11: what a token is told about itself
#
# A table of random numbers goes in, and something like a map of the alphabet comes out. This lab trains such a table,
# measures what looking up costs against multiplying, and then looks at places: as waves, as learned rows, as rotations.
# Write `tinytorch/core/embeddings.py` first; `tito check` tells how far you are. After you change that file, restart
# the kernel and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import time
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np
from tinytorch.core.embeddings import (
    Embedding,
    EmbeddingLayer,
    PositionalEncoding,
    RotaryEmbedding,
    add_rows,
    embedding,
    one_hot,
    sinusoidal_encoding,
)
from tinytorch.core.layers import Linear, Module
from tinytorch.core.losses import cross_entropy
from tinytorch.core.tensor import Tensor, manual_seed

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
BLUE, RED, GREEN, ORANGE, PURPLE = "#31688e", "#d1495b", "#35b779", "#e08a1e", "#7b4fa3"
manual_seed(11)
rng = np.random.default_rng(11)


def milliseconds(action, repeats=5):
    """The quickest of several runs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - start)
    return 1e3 * best


# %% [markdown]
# ## 1. A row, or a product with ones and zeros
#
# `one_hot(tokens, V) @ weight` and `embedding(tokens, weight)` give the same numbers.
#
# **Predict:** 512 tokens, rows of length 64. How many multiplications does the product need for V = 8,000? By what
# factor is looking up quicker for V = 64, and for V = 8,000?

# %%
TOKENS, DIM = 512, 64
vocabularies = [64, 250, 1000, 4000, 8000]
product_ms, lookup_ms = [], []
for v in vocabularies:
    table, ids = Tensor(rng.normal(size=(v, DIM))), rng.integers(0, v, TOKENS)
    assert np.array_equal((one_hot(ids, v) @ table).data, embedding(ids, table).data)
    product_ms.append(milliseconds(lambda ids=ids, v=v, table=table: one_hot(ids, v) @ table))
    lookup_ms.append(milliseconds(lambda ids=ids, table=table: embedding(ids, table)))
    print(f"V = {v:5}: product {product_ms[-1]:7.3f} ms, lookup {lookup_ms[-1]:6.3f} ms")


def draw_lookup(ax):
    ax.loglog(vocabularies, product_ms, "o-", color=RED, markersize=4, label="one_hot @ weight")
    ax.loglog(vocabularies, lookup_ms, "o-", color=BLUE, markersize=4, label="embedding")
    ax.set(xlabel="size of the vocabulary", ylabel="ms for 512 tokens", title="A row, or a product")
    ax.legend(frameon=False, fontsize=8)


fig, ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
draw_lookup(ax)
plt.show()

# %% [markdown]
# ## 2. Ten gradients for one row
#
# In a batch of text the space occurs thousands of times. All of these places send a gradient to one row.
#
# **Predict:** tokens are drawn as frequent as words are (the second half as often as the first, the third a third as
# often, ...). `out[tokens] += g` keeps one gradient a row. What share of the 4,096 gradients does it lose?

# %%
ROWS = 1000
frequency = 1 / np.arange(1, ROWS + 1)
ids = rng.choice(ROWS, 4096, p=frequency / frequency.sum())
print(f"{1 - len(np.unique(ids)) / len(ids):.0%} lost; the most frequent row loses {np.bincount(ids).max() - 1}")


def by_loop(out, indices, rows):
    for i, row in zip(indices, rows, strict=True):
        out[i] += row


def by_product(out, indices, rows):
    out += one_hot(indices, len(out)).data.T @ rows


ways = {
    "Python loop": (by_loop, ORANGE),
    "np.add.at": (np.add.at, PURPLE),
    "one_hot.T @ g": (by_product, RED),
    "add_rows": (add_rows, BLUE),
}
counts = [256, 1024, 4096, 16384]
adding_ms = {name: [] for name in ways}
for n in counts:
    ids = rng.choice(ROWS, n, p=frequency / frequency.sum())
    g = rng.normal(size=(n, DIM)).astype(np.float32)
    for name, (add, _) in ways.items():
        adding_ms[name].append(
            milliseconds(lambda add=add, ids=ids, g=g: add(np.zeros((ROWS, DIM), np.float32), ids, g), 3)
        )
for name, times in adding_ms.items():
    print(f"{name:14}", " ".join(f"{ms:8.3f} ms" for ms in times))


def draw_adding(ax):
    for name, (_, colour) in ways.items():
        ax.loglog(counts, adding_ms[name], "o-", color=colour, markersize=4, label=name)
    ax.set(xlabel="tokens in a batch", ylabel="ms", title=f"Adding gradients to {ROWS:,} rows")
    ax.legend(frameon=False, fontsize=7)


fig, ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
draw_adding(ax)
plt.show()

# %% [markdown]
# All four give the same sums. Which of them depends on the number of rows? Which one would you take for an alphabet of
# 65 characters? Set ROWS to 65 and run the cell again.
#
# ## 3. A map of the alphabet
#
# The text is Python's own reference manual, which comes with Python. Each character gets a row of 12 random numbers.
# The only task: from the row of a character, and nothing else, tell the character before it and the one after it.
#
# **Predict:** nobody says which characters are vowels, digits or capitals. Which of these groups will have rows that
# are alike, and why should they? Which character will be nearest to "e", to "3", to "("?

# %%
text = "".join(topics.values())
characters, codes = np.unique(list(text), return_inverse=True)
often = np.bincount(codes) >= 150
alphabet = characters[often]
codes = (np.cumsum(often) - 1)[codes[often[codes]]]
SIZE = len(alphabet)
print(f"{len(codes):,} characters, {SIZE} of them different: {''.join(alphabet)!r}")


def step(parameters, moments, k, lr):
    """Adam's rule in four lines (assignment 6)."""
    for i, p in enumerate(parameters):
        m, v = moments.get(i, (0, 0))
        m, v = moments[i] = 0.9 * m + 0.1 * p.grad, 0.99 * v + 0.01 * p.grad**2
        p.data -= lr * m / (1 - 0.9**k) / (np.sqrt(v / (1 - 0.99**k)) + 1e-8)
        p.grad = None


rows, before, after = Embedding(SIZE, 12), Linear(12, SIZE), Linear(12, SIZE)
parameters = [*rows.parameters(), *before.parameters(), *after.parameters()]
untrained = rows.weight.data.copy()
losses, moments, STEPS = [], {}, 1500
for k in range(1, STEPS + 1):
    places = rng.integers(1, len(codes) - 1, 512)
    h = rows(codes[places])
    loss = cross_entropy(before(h), codes[places - 1]) + cross_entropy(after(h), codes[places + 1])
    loss.backward()
    step(parameters, moments, k, 0.02 * (1 - k / (STEPS + 1)))
    losses.append(loss.item() / 2)
print(f"loss a neighbour: {np.mean(losses[:20]):.2f} at first, {np.mean(losses[-100:]):.2f} in the end")


# %%
def likeness(weight):
    """Cosines between all rows of a table, the mean row taken away: (V, V)."""
    centred = weight - weight.mean(axis=0)
    centred = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    return centred @ centred.T


alike = likeness(rows.weight.data)
for character in "eat3(A":
    nearest = np.argsort(-alike[list(alphabet).index(character)])[1:6]
    print(f"nearest to {character!r}: ", " ".join(repr(str(alphabet[i])) for i in nearest))


def group(c):
    if c.lower() in "aeiou" and c.islower():
        return "vowels", RED
    if c.islower():
        return "consonants", BLUE
    if c.isupper():
        return "capitals", GREEN
    return ("digits", ORANGE) if c.isdigit() else ("the rest", "0.45")


def flat(weight):
    """The two directions in which the rows differ most: (V, 2)."""
    centred = weight - weight.mean(axis=0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T


def draw_map(ax, weight, characters, title):
    seen = set()
    for (x, y), c in zip(flat(weight), characters, strict=True):
        name, colour = group(str(c))
        ax.plot(x, y, "o", color=colour, markersize=9, alpha=0.18, label=None if name in seen else name)
        ax.text(x, y, {" ": "␣", "\n": "↵"}.get(str(c), str(c)), color=colour, ha="center", va="center", fontsize=9)
        seen.add(name)
    ax.set(xticks=[], yticks=[], title=title)


small = np.char.islower(alphabet)
ALL = (rows.weight.data, alphabet, "Characters that learned their neighbours")
SMALL = (rows.weight.data[small], alphabet[small], "Of these, the small letters")
fig, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
draw_map(axes[0], untrained, alphabet, "Before")
draw_map(axes[1], *ALL)
draw_map(axes[2], *SMALL)
axes[1].legend(frameon=False, fontsize=7, markerscale=0.8)
plt.show()

# %% [markdown]
# The axes of each picture are the two directions in which its rows differ most; the other ten are not seen. Are there
# characters in odd company? Look them up in the text before you call it a mistake: what stands next to them?
#
# ## 4. Clocks
#
# **Predict:** below are 100 positions and 64 columns of `sinusoidal_encoding`. In which columns do neighbouring
# positions differ, in which do positions 0 and 99 differ? What would be lost if all clocks went at the speed of the
# first?

# %%
waves = sinusoidal_encoding(100, 64).data


def draw_waves(ax):
    ax.imshow(waves.T, aspect="auto", cmap="RdBu", vmin=-1, vmax=1, interpolation="nearest")
    ax.set(xlabel="position", ylabel="column", title="Positions as waves")


fig, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
draw_waves(ax)
plt.show()

# %% [markdown]
# ## 5. How far apart?
#
# What attention will see of two positions is a product. For waves, rows that are drawn at random, and rotations:
# products at every distance, from several starting points.
#
# **Predict:** for which of the three does the product at distance 10 not depend on where you start?

# %%
LENGTH, STARTS = 160, (0, 40, 90)
drawn = PositionalEncoding(LENGTH, 64).position_embeddings.data / 0.02
table = sinusoidal_encoding(LENGTH, 64).data
turning = RotaryEmbedding(64, LENGTH)
q, k = (np.tile(rng.normal(size=64), (LENGTH, 1)) for _ in range(2))
turned_q, turned_k = (t.data for t in turning(Tensor(q), Tensor(k)))
products = {
    "random rows": drawn @ drawn.T,
    "waves": table @ table.T,
    "rotations: a query and a key": turned_q @ turned_k.T,
}
for name, table_of_products in products.items():
    at_ten = [table_of_products[start, start + 10] for start in STARTS]
    print(f"{name:30} distance 10 from {STARTS}:", " ".join(f"{value:7.3f}" for value in at_ten))


def draw_products(ax, name):
    for start, colour, width in zip(STARTS, (BLUE, ORANGE, GREEN), (4.5, 2.5, 1), strict=True):
        ax.plot(products[name][start, start : start + 60], color=colour, linewidth=width, label=f"from {start}")
    ax.set(xlabel="distance", title=name, xlim=(0, 59))
    ax.legend(frameon=False, fontsize=7)


fig, axes = plt.subplots(1, 3, figsize=(11, 2.7), layout="constrained")
for ax, name in zip(axes, products, strict=True):
    draw_products(ax, name)
axes[0].set_ylabel("product")
plt.show()

# %% [markdown]
# ## 6. Which came first?
#
# Texts of 12 tokens hold one "a" and one "b" among others; is "a" before "b"? The network adds up over the text before
# it answers, so it sees no order by itself. Three ways to give it one, or not:
#
# 1. tokens alone, a hidden layer at each place, the mean over places, an answer;
# 2. tokens + positions, the mean over places, then the hidden layer, an answer;
# 3. tokens + positions, the hidden layer at each place, the mean over places, an answer.
#
# **Predict:** which of them reach more than 50 %? (Write the mean of token + position as a sum of two means.)


# %%
class WhichFirst(Module):
    def __init__(self, positions, hidden_first):
        self.embed = EmbeddingLayer(10, 16, max_seq_len=12, pos_encoding=positions)
        self.hidden, self.answer, self.hidden_first = Linear(16, 32), Linear(32, 2), hidden_first

    def forward(self, tokens):
        x = self.embed(tokens)
        if self.hidden_first:
            return self.answer(self.hidden(x).clip(min=0).mean(1))
        return self.answer(self.hidden(x.mean(1)).clip(min=0))


def texts(n):
    """Tokens (n, 12) with one 0 ("a") and one 1 ("b") each, and whether the 0 comes first."""
    tokens = rng.integers(2, 10, (n, 12))
    places = np.argsort(rng.random((n, 12)), axis=1)[:, :2]
    tokens[np.arange(n)[:, None], places] = [0, 1]
    return tokens, (places[:, 0] < places[:, 1]).astype(int)


models = {
    "1. tokens alone": (WhichFirst(None, True), RED),
    "2. positions, mean first": (WhichFirst("learned", False), ORANGE),
    "3. learned positions": (WhichFirst("learned", True), BLUE),
    "3. waves": (WhichFirst("sinusoidal", True), GREEN),
}
test_tokens, test_answers = texts(2000)
right = {name: [] for name in models}
for name, (model, _) in models.items():
    moments = {}
    for k in range(1, 401):
        tokens, answers = texts(128)
        cross_entropy(model(tokens), answers).backward()
        step(model.parameters(), moments, k, 0.01)
        if k % 20 == 0:
            right[name].append((model(test_tokens).data.argmax(1) == test_answers).mean())
    print(f"{name:26} {right[name][-1]:.1%} right")


def draw_order(ax):
    for name, (_, colour) in models.items():
        ax.plot(20 * np.arange(1, 21), 100 * np.array(right[name]), color=colour, label=name)
    ax.axhline(50, color="0.7", linestyle="--", linewidth=1)
    ax.set(xlabel="step", ylabel="% right", title="Is a before b?", ylim=(40, 102))
    ax.legend(frameon=False, fontsize=7, loc="center right")


fig, ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
draw_order(ax)
plt.show()

# %% [markdown]
# The learned positions began as small random rows. What have they become? The direction in which the 12 rows differ
# most tells it.

# %%
learned = models["3. learned positions"][0].embed.position_encoding.position_embeddings.data
direction = flat(learned)[:, 0]


def draw_learned(ax):
    ax.plot(np.arange(12), direction * np.sign(direction[-1]), "o-", color=BLUE, markersize=4)
    ax.set(xlabel="position", ylabel="first direction", title="What the positions have learned", xticks=range(0, 12, 2))


fig, ax = plt.subplots(figsize=(5, 2.6), layout="constrained")
draw_learned(ax)
plt.show()

# %% [markdown]
# ## 7. All of it on one page
#
# Keep it: `reflection.md` asks about it.

# %%
page = plt.figure(figsize=(12.5, 11), layout="constrained")
top, middle, bottom = page.subfigures(3, 1, height_ratios=[1.35, 0.9, 0.9])
maps = top.subplots(1, 3, width_ratios=[1.2, 0.9, 1])
draw_map(maps[0], *ALL)
draw_map(maps[1], *SMALL)
maps[0].legend(frameon=False, fontsize=7, markerscale=0.8)
draw_waves(maps[2])
for ax, name in zip(middle.subplots(1, 3), products, strict=True):
    draw_products(ax, name)
for ax, draw in zip(bottom.subplots(1, 4), (draw_order, draw_learned, draw_lookup, draw_adding), strict=True):
    draw(ax)
plt.show()
