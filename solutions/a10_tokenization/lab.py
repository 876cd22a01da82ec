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
# # Lab 10: text as numbers
#
# Byte-pair encoding learns what a text is made of by counting. This lab lets you watch it, measures what a vocabulary
# is worth, on which texts, and what counting costs if it is done well and if it is not. Write
# `tinytorch/core/tokenization.py` first; `tito check` tells how far you are. After you change that file, restart the
# kernel and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import time
from collections import Counter
from itertools import pairwise
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np
from tinytorch.core.tokenization import BPETokenizer, CharTokenizer, PairCounts, merge, pieces, to_bytes

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
BLUE, RED, GREEN, GREY = "#31688e", "#d1495b", "#35b779", "0.55"

pages = [topics[name] for name in sorted(topics)]
seen, unseen = "\n".join(pages[: -len(pages) // 5]), "\n".join(pages[-len(pages) // 5 :])
print(f"{len(seen):,} characters to learn from, {len(unseen):,} that stay unseen")
print(CharTokenizer(sorted(set(seen))))

# %% [markdown]
# The text is Python's own manual, which every Python brings along. Any other text will do: put yours in its place at
# the end and see what changes.
#
# ## 1. Merges as they happen
#
# One training to 4,096 ids is enough for the whole lab: the first k merges are the same, however many follow, so that a
# vocabulary of any smaller size is a piece of the list.
#
# **Predict:** what are the first ten merges of an English text? After how many merges is " the" one id?

# %%
start = time.perf_counter()
tokenizer = BPETokenizer(4096)
tokenizer.train(seen)
print(f"{tokenizer} in {time.perf_counter() - start:.2f} s")
for i in [*range(256, 276), *range(300, 4096, 500)]:
    left, right = (tokenizer.vocab[part] for part in tokenizer.merges[i - 256])
    print(f"{i:5} {left!s:>14} + {right!s:<14} -> {tokenizer.vocab[i]!s}")
print("' the' is id", tokenizer.token_to_id.get(b" the"))


# %%
def with_size(vocab_size):
    """The tokenizer as it was when it had so many ids."""
    return BPETokenizer.from_state({"merges": tokenizer.merges[: vocab_size - 256], "special_tokens": []})


PASTELS = ["#cfe3f2", "#fde0c5", "#d5efd8", "#f6d5dc", "#e6dcf3"]


def draw_tokens(ax, tokenizer, text, width):
    """A text in lines of so many characters, each token on a ground of its own."""
    column, row = 0, 0
    for number, i in enumerate(tokenizer.encode(text)):
        for character in tokenizer.vocab[i].decode("utf-8", "replace"):
            shade = PASTELS[number % len(PASTELS)]
            ax.add_patch(plt.Rectangle((column, -row - 0.42), 1, 0.84, color=shade, linewidth=0))
            ax.text(column + 0.5, -row, character, ha="center", va="center", family="monospace", fontsize=7.5)
            column += 1
            if column == width:
                column, row = 0, row + 1
    ax.set(xlim=(0, width), ylim=(-row - 0.6, 0.6))
    ax.axis("off")


passage = "An exception that nobody handles ends the program. It isn't enough to print a message: 42 times out of 100"
STAGES = [256, 276, 356, 756, 4096]
fig, axes = plt.subplots(len(STAGES), 1, figsize=(11, 5), layout="constrained")
for ax, size in zip(axes, STAGES, strict=True):
    stage = with_size(size)
    draw_tokens(ax, stage, passage, 54)
    ax.set_title(f"{size:,} ids: {len(stage.encode(passage))} of them for this text", loc="left", fontsize=9)
plt.show()

# %% [markdown]
# No token reaches over the border of a piece: the space belongs to the word behind it, the point and the number stand
# alone. Which words are still in parts in the last picture, and why these?
#
# ## 2. What a larger vocabulary is worth
#
# **Predict:** from 256 to 512 ids the text shrinks by some factor. By what factor does it shrink from 2,048 to 4,096?
# What about a text that was not learned from, and one in another language?

# %%
SENTENCES = {
    "English": "All human beings are born free and equal in dignity and rights.",
    "German": "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "French": "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "Spanish": "Todos los seres humanos nacen libres e iguales en dignidad y derechos.",
    "Russian": "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "Arabic": "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق.",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "Chinese": "人人生而自由，在尊严和权利上一律平等。",
    "Japanese": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
}
others = " ".join(SENTENCES[name] for name in ("German", "French", "Spanish"))
TEXTS = {"learned from": (seen, BLUE), "unseen, same kind": (unseen, GREEN), "other languages": (others, RED)}
SIZES = [256, 272, 288, 320, 384, 512, 768, 1024, 1536, 2048, 3072, 4096]
stages = {size: with_size(size) for size in SIZES}
bytes_per_id = {
    name: [len(to_bytes(text)) / len(stages[size].encode(text)) for size in SIZES] for name, (text, _) in TEXTS.items()
}
for name, values in bytes_per_id.items():
    print(f"{name:18}", "  ".join(f"{s}: {v:.2f}" for s, v in zip(SIZES[::2], values[::2], strict=True)))


def draw_compression(ax):
    for name, (_, colour) in TEXTS.items():
        ax.plot(SIZES, bytes_per_id[name], "o-", color=colour, markersize=3.5, label=name)
    ax.set_xscale("log", base=2)
    ax.set(xlabel="ids in the vocabulary", ylabel="bytes an id", title="What a vocabulary is worth")
    ax.legend(frameon=False, fontsize=8)


fig, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
draw_compression(ax)
plt.show()

# %% [markdown]
# ## 3. Who pays
#
# The same sentence, the first of the Universal Declaration of Human Rights, in ten languages. A provider charges by the
# id, and a model's window holds so many ids.
#
# **Predict:** Chinese needs 19 characters, Hindi 87. In which of them does the sentence need most ids?

# %%
needs = {name: (len(text), len(to_bytes(text)), len(tokenizer.encode(text))) for name, text in SENTENCES.items()}
for name, (characters, size, ids) in needs.items():
    print(f"{name:10} {characters:3} characters {size:4} bytes {ids:4} ids")


def draw_languages(ax):
    names = sorted(needs, key=lambda name: needs[name][2])
    for place, name in enumerate(names):
        characters, size, ids = needs[name]
        ax.barh(place, size, height=0.7, color="0.9")
        ax.barh(place, ids, height=0.7, color=RED if ids > 2 * needs["English"][2] else BLUE)
        ax.plot([characters] * 2, [place - 0.35, place + 0.35], color="black", linewidth=1.5)
        ax.text(size + 2, place, f"{ids / needs['English'][2]:.1f}x", va="center", fontsize=8)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="grey: bytes, coloured: ids, line: characters", title="One sentence, ids relative to English")
    ax.set_xlim(0, 1.12 * max(size for _, size, _ in needs.values()))


fig, ax = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
draw_languages(ax)
plt.show()

# %% [markdown]
# Round trip is free of all this: `decode(encode(text))` is the text in every language. Exactness is a matter of bytes,
# price a matter of counting.
#
# ## 4. Counting anew, and counting on
#
# The rule says: count all pairs, merge the most frequent one, and again. Taken at its word this reads every word for
# every merge. Your `PairCounts` reads those that hold the pair.
#
# **Predict:** how many of the words hold the most frequent pair? How many the hundredth, the thousandth? What follows
# for the ratio of the times?


# %%
def rescan(words, frequencies, count):
    """Merges by counting everything anew for each, and the seconds after each merge."""
    words, merges, seconds = [list(word) for word in words], [], []
    start = time.perf_counter()
    for new in range(256, 256 + count):
        counts = Counter()
        for word, frequency in zip(words, frequencies, strict=True):
            for pair in pairwise(word):
                counts[pair] += frequency
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        words = [merge(word, best, new) for word in words]
        merges.append(best)
        seconds.append(time.perf_counter() - start)
    return merges, seconds


def counting_on(words, frequencies, count):
    """The same by PairCounts, and the share of the words that each merge touches."""
    merges, seconds, touched = [], [], []
    start = time.perf_counter()
    pairs = PairCounts(words, frequencies)
    for new in range(256, 256 + count):
        best = pairs.most_frequent()
        touched.append(len(pairs.where[best]) / len(words))
        pairs.merge(best, new)
        merges.append(best)
        seconds.append(time.perf_counter() - start)
    return merges, seconds, touched


found = Counter(pieces(seen))
words, frequencies = [to_bytes(piece) for piece in found], list(found.values())
on_merges, on_seconds, touched = counting_on(words, frequencies, 2000)
anew_merges, anew_seconds = rescan(words, frequencies, 150)
print(f"{len(words):,} different pieces; the same merges: {anew_merges == on_merges[:150]}")
for k in (10, 50, 150):
    anew, on = anew_seconds[k - 1], on_seconds[k - 1]
    print(f"{k:4} merges: {anew:.2f} s anew, {on:.3f} s counting on, {anew / on:.0f} times")
estimate = 2000 / 150 * anew_seconds[-1]  # every merge reads all words
ratio = estimate / on_seconds[-1]
print(f"2000 merges: about {estimate:.0f} s anew, {on_seconds[-1]:.2f} s counting on, {ratio:.0f} times")

# %% [markdown]
# ## 5. Pieces are old acquaintances
#
# **Predict:** the text consists of tens of thousands of pieces. What share of them do the 50 most frequent make up?

# %%
counts = np.array(sorted(found.values(), reverse=True))
share = counts.cumsum() / counts.sum()
print(f"{counts.sum():,} pieces, {len(counts):,} different ones")
print("share of the 10, 50, 1000 most frequent:", *(f"{share[k - 1]:.0%}" for k in (10, 50, 1000)))
rates = []
for _ in range(3):
    fresh = with_size(4096)
    for _ in range(2):  # at first it has met no piece yet, then all of them
        start = time.perf_counter()
        fresh.encode(seen)
        rates.append(len(to_bytes(seen)) / 1e6 / (time.perf_counter() - start))
print(f"megabytes a second: strangers {max(rates[::2]):.1f}, old acquaintances {max(rates[1::2]):.1f}")

# %% [markdown]
# ## 6. One figure
#
# What a vocabulary is worth, who pays for it, and what it costs to learn it.

# %%
fig, axes = plt.subplots(2, 2, figsize=(11, 7), layout="constrained")
draw_compression(axes[0, 0])
draw_languages(axes[0, 1])
steps = np.arange(1, len(on_seconds) + 1)
times, words_touched = axes[1]
times.plot(steps[:150], anew_seconds, color=RED, label="counting anew")
times.plot([150, 2000], [anew_seconds[-1], estimate], ":", color=RED, label="and so on")
times.plot(steps, on_seconds, color=BLUE, label="counting on")
times.annotate("", (2000, estimate), (2000, on_seconds[-1]), arrowprops={"arrowstyle": "<->", "color": GREY})
times.text(1800, np.sqrt(estimate * on_seconds[-1]), f"{ratio:.0f} times", ha="right", color="0.3")
times.set(xscale="log", yscale="log", xlabel="merges", ylabel="seconds so far", title="What learning costs")
times.legend(frameon=False, fontsize=8)
words_touched.axhline(100, color=RED, label="counting anew")
words_touched.plot(steps, 100 * np.array(touched), ".", color=BLUE, markersize=2, alpha=0.6, label="counting on")
words_touched.set(
    xscale="log", yscale="log", xlabel="merge", ylabel="% of the words", title="Words that a merge touches"
)
words_touched.legend(frameon=False, fontsize=8, loc="lower left")
plt.show()

# %% [markdown]
# The later a merge, the fewer words hold its pair: counting on gets cheaper with every merge, counting anew never does.
#
# Keep this figure: `reflection.md` asks about it.
